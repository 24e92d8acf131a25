/* SPDX-License-Identifier: MIT */
#include <heapspy/snapshot.h>

#include <stdio.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cmd/command.h"
#include "cmd/progress.h"
#include "cmd/say.h"
#include "cmd/target.h"
#include "output/file.h"
#include "output/format.h"

DEFINE_CLEANUP(struct heapspy *, heapspy_detach)

static struct heapspy_error *open_file(const struct options *options, struct output *ret_output)
{
	CLEANUP(output_fini) struct output output = {.directory = -1};
	struct heapspy_error *error = output_open(options->output, options->force, &output);
	if (error)
		return error;
	if (!output.is_published) {
		error = error_new(HEAPSPY_USAGE, "a snapshot cannot be written to %s",
				  output.path ?: "standard output");
		return error_why(error, "it needs a file that can be written in any order");
	}
	if ((error = output_make_private(&output)))
		return error;
	*ret_output = output;
	output = (struct output){.directory = -1};
	return NULL;
}

static struct heapspy_error *write_it(const struct options *options, struct output *output,
				      struct heapspy_snapshot *ret_snapshot)
{
	struct heapspy_snapshot_options how = {
		.stop = options->stop,
		.max_pause = options->max_pause,
		.without_text = options->without_text,
	};
	char text[256], what[300];
	snprintf(what, sizeof(what), "reading %s", target_text(options, text, sizeof(text)));
	CLEANUP(heapspy_detachp) struct heapspy *heapspy = NULL;
	struct heapspy_error *error = target_lock_in(options, &heapspy);
	if (error)
		return error;
	struct progress *progress = progress_begin(options, what);
	if (!(error = target_attach(options, &heapspy)))
		error = heapspy_snapshot_write(heapspy, &how, fileno(output->stream), ret_snapshot);
	progress_end(progress);
	return error;
}

static void remark(const struct options *options, const struct heapspy_snapshot *snapshot)
{
	char stored[FORMAT_SIZE], memory[FORMAT_SIZE], seconds[FORMAT_SIZE], pause[FORMAT_SIZE];
	char line[300];
	format_bytes(stored, snapshot->stored);
	format_bytes(memory, snapshot->memory);
	format_seconds(seconds, snapshot->duration);
	format_seconds(pause, snapshot->pause);
	bool stopped = snapshot->mode == HEAPSPY_CAPTURE_STOPPED;
	snprintf(line, sizeof(line), "%s of memory, %s on disk, in %s%s%s", memory, stored, seconds,
		 stopped ? ", it was stopped for " : "", stopped ? pause : "");
	say_remark(options, line);
}

static struct heapspy_error *incomplete(const struct options *options,
					const struct heapspy_snapshot *snapshot)
{
	if (snapshot->missing == 0)
		return NULL;
	char text[256], missing[FORMAT_SIZE];
	format_bytes(missing, snapshot->missing);
	struct heapspy_error *error =
		error_new(HEAPSPY_INCOMPLETE, "the snapshot of %s is not complete",
			  target_text(options, text, sizeof(text)));
	return error_why(error, "%s are swapped out or could not be read", missing);
}

static struct heapspy_error *run(const struct options *options)
{
	if (options_given(options, OPTION(MAX_PAUSE)) && !options->stop)
		return error_why(error_new(HEAPSPY_USAGE, "--max-pause is of no use alone"),
				 "nothing is stopped without --stop");
	if (!options->output) {
		struct heapspy_error *error =
			error_new(HEAPSPY_USAGE, "snapshot needs a FILE to write");
		return error_why(error, "usage: heapspy snapshot PID -o FILE");
	}
	CLEANUP(output_fini) struct output output = {.directory = -1};
	struct heapspy_snapshot snapshot;
	struct heapspy_error *error = open_file(options, &output);
	if (error || (error = write_it(options, &output, &snapshot)))
		return error;
	if ((error = output_finish(&output)))
		return error;
	remark(options, &snapshot);
	return incomplete(options, &snapshot);
}

const struct command command_snapshot = {
	.name = "snapshot",
	.operands = "PID|FILE",
	.summary = "write the heap of a process to a file",
	.description =
		"Writes an ELF core file with the memory that the other commands need, and reads "
		"the process while it runs, or with --stop at one instant. They take the file in "
		"place of a PID, also on another machine and when the process is long gone; gdb "
		"opens it as well. From a core file it makes a smaller one. Large buffers without "
		"pointers in them, such as the numbers of an array, are left out.\n\n"
		"Only its owner can read the file: all that the process keeps in its memory is in "
		"it, passwords as well, unless --strings none leaves text out. Pages of zeros take "
		"no space on the disk: copy it with a tool that leaves holes as they are (cp, "
		"rsync -S, tar -S).",
	.options = OPTION(PID) | OPTION(LAYOUT) | OPTION(STOP) | OPTION(MAX_PAUSE) |
		   OPTION(STRINGS) | OPTION(OUTPUT) | OPTION(FORCE),
	.takes = {OPTION_PID},
	.take_count = 1,
	.need = 1,
	.takes_file = true,
	.examples =
		(const struct example[]){
			{"snapshot 4711 -o heap.core", "what process 4711 holds now"},
			{"snapshot 4711 --stop -o heap.core", "the same, of one instant"},
			{"snapshot 4711 --strings none -o heap.core",
			 "to give away: names and numbers, no text"},
			{0},
		},
	.run = run,
};
