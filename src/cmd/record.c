/* SPDX-License-Identifier: MIT */
#include "output/record.h"

#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cmd/command.h"
#include "cmd/launch.h"
#include "cmd/progress.h"
#include "cmd/sandbox.h"
#include "cmd/say.h"
#include "cmd/target.h"
#include "output/format.h"

DEFINE_CLEANUP(struct heapspy *, heapspy_detach)
DEFINE_CLEANUP(struct launch *, launch_free)

struct writing {
	const struct options *options;
	struct output output;
	struct emitter *emitter;
	bool shows;      /* a line on the terminal that goes along */
	double duration; /* 0: it has no end */
	uint64_t growths, samples, censuses, others, skipped;
	int64_t grown; /* bytes */
	enum heapspy_record_reason reason;
	double time;
	uint64_t lost;
	char missing[512]; /* what there is not, and why */
};

/* ---- what goes along --------------------------------------------------------------- */

static void show(const struct writing *writing)
{
	char grown[FORMAT_SIZE], of[32] = "";
	format_bytes_change(grown, writing->grown);
	if (writing->duration > 0)
		snprintf(of, sizeof(of), " of %.0f", writing->duration);
	dprintf(STDERR_FILENO, "\r\033[Kheapspy: recording, %.0f%s s, %s, %llu growth events",
		writing->time, of, grown, (unsigned long long)writing->growths);
}

static void note_missing(struct writing *writing, const struct heapspy_record_entry *entry)
{
	size_t length = 0;
	for (unsigned i = 0; i < HEAPSPY_RECORD_SOURCE_COUNT; i++) {
		const char *why = entry->recording.sources[i].why;
		if (!why || entry->recording.sources[i].available || length >= sizeof(writing->missing))
			continue;
		int more = snprintf(writing->missing + length, sizeof(writing->missing) - length,
				    "%s%s: %s", length ? "; " : "", heapspy_record_source_name(i), why);
		length += more > 0 ? (size_t)more : 0;
	}
}

static void note(struct writing *writing, const struct heapspy_record_entry *entry)
{
	writing->time = entry->time;
	switch (entry->kind) {
	case HEAPSPY_RECORD_RECORDING:
		note_missing(writing, entry);
		break;
	case HEAPSPY_RECORD_PROCESS:
		writing->others++;
		break;
	case HEAPSPY_RECORD_EVENT:
		writing->skipped += entry->pid != 0;
		break;
	case HEAPSPY_RECORD_GROWTH:
		writing->growths++;
		writing->grown += entry->growth.bytes;
		break;
	case HEAPSPY_RECORD_SAMPLE:
		writing->samples++;
		break;
	case HEAPSPY_RECORD_CENSUS:
		writing->censuses++;
		break;
	case HEAPSPY_RECORD_TIMELINE:
		if (writing->shows)
			show(writing);
		break;
	case HEAPSPY_RECORD_END:
		writing->reason = entry->end.reason;
		writing->lost = entry->end.lost;
		break;
	default:
		break;
	}
}

static struct heapspy_error *take(void *context, const struct heapspy_record_entry *entry)
{
	struct writing *writing = context;
	note(writing, entry);
	return output_record(writing->emitter, &writing->output, entry);
}

static void conclude(const struct writing *writing)
{
	char text[1100], lost[64] = "", others[64] = "";
	if (writing->shows)
		dprintf(STDERR_FILENO, "\r\033[K");
	if (writing->others || writing->skipped)
		snprintf(others, sizeof(others), ", %llu subprocesses (%llu skipped)",
			 (unsigned long long)writing->others, (unsigned long long)writing->skipped);
	if (writing->lost)
		snprintf(lost, sizeof(lost), ", %llu lost", (unsigned long long)writing->lost);
	snprintf(text, sizeof(text),
		 "recorded %.1f s (%s): %llu growth events%s, %llu samples, %llu censuses%s%s%s%s",
		 writing->time, heapspy_record_reason_name(writing->reason),
		 (unsigned long long)writing->growths, lost, (unsigned long long)writing->samples,
		 (unsigned long long)writing->censuses, others, *writing->missing ? " (no " : "",
		 writing->missing, *writing->missing ? ")" : "");
	say_remark(writing->options, text);
}

/* ---- the run ------------------------------------------------------------------------- */

/* Signals that end it, from now on to be read: what is to be ignored, as nohup(1) has it,
 * stays so. */
static int take_signals(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t taken;
	sigemptyset(&taken);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct sigaction action;
		if (sigaction(ends[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&taken, ends[i]);
	}
	sigprocmask(SIG_BLOCK, &taken, NULL);
	return signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
}

static struct heapspy_error *attach(const struct options *options, struct launch *launch,
				    struct heapspy **heapspy)
{
	struct heapspy_attach_options how = {.layout = options->layout};
	char text[256];
	struct progress *progress = progress_begin(
		options, launch ? "the command" : target_text(options, text, sizeof(text)));
	struct heapspy_error *error = launch ? launch_attach(launch, &how, heapspy)
					     : target_attach(options, heapspy);
	progress_end(progress);
	return error;
}

static struct heapspy_error *record(const struct options *options, struct heapspy *heapspy,
				    struct writing *writing, bool *ret_interrupted)
{
	CLEANUP(closep) int signals = take_signals();
	struct heapspy_record_options how = {
		.duration = options->duration,
		.rate = options->rate,
		.census = options->census,
		.native = options->native,
		.subprocesses = options->subprocesses,
		.layout = options->layout,
		.stop_fd = signals,
	};
	struct heapspy_error *error = heapspy_record(heapspy, &how, take, writing);
	struct signalfd_siginfo signal;
	*ret_interrupted = read(signals, &signal, sizeof(signal)) == sizeof(signal) &&
			   signal.ssi_signo == SIGINT;
	return error;
}

static struct heapspy_error *check(const struct options *options)
{
	if (!options->output) {
		struct heapspy_error *error =
			error_new(HEAPSPY_USAGE, "record needs a file to write to");
		return error_why(error, "-o FILE names it; - is standard output");
	}
	return launch_check_output(options->command_output, options->command != NULL);
}

/* A command that was started is reached when it is a Python. */
static struct heapspy_error *lock_in(const struct options *options, const struct launch *launch,
				     struct heapspy **ret_heapspy)
{
	struct heapspy_error *error = launch ? NULL : target_reach(options, ret_heapspy);
	if (!error)
		sandbox_enter(options, &(struct heapspy_sandbox){
					       .processes = true,
					       .watches = true,
					       .child = launch ? launch_signalled(launch) : 0,
				       });
	return error;
}

static struct heapspy_error *run_in(const struct options *options, struct launch *launch,
				    struct writing *writing)
{
	CLEANUP(heapspy_detachp) struct heapspy *heapspy = NULL;
	bool interrupted = false;
	struct heapspy_error *error = lock_in(options, launch, &heapspy);
	if (error || (error = attach(options, launch, &heapspy)))
		return error;
	error = record(options, heapspy, writing, &interrupted);
	if (launch)
		*options->status = launch_end(launch, interrupted,
					      writing->reason == HEAPSPY_RECORD_EXITED);
	if (!error)
		error = output_finish(&writing->output);
	if (!error)
		conclude(writing);
	return error;
}

static struct heapspy_error *run(const struct options *options)
{
	struct heapspy_error *error = check(options);
	if (error)
		return error;
	CLEANUP(launch_freep) struct launch *launch = NULL;
	struct launch_options command = {
		.command = options->command, .output = options->command_output};
	struct writing writing = {
		.options = options,
		.shows = !options->quiet && isatty(STDERR_FILENO),
		.duration = options->duration,
	};
	if ((error = output_open_growing(options->output, options->force, &writing.output)))
		return error;
	struct emitter_style style = {
		.stream = writing.output.stream, .ascii = options->ascii, .compact = true};
	writing.emitter = json_emitter_new(&style);
	if (!writing.emitter)
		error = error_no_memory();
	if (!error && options->command)
		error = launch_start(&command, &launch);
	if (!error)
		error = run_in(options, launch, &writing);
	emitter_free(writing.emitter);
	output_fini(&writing.output);
	return error;
}

const struct command command_record = {
	.name = "record",
	.operands = "PID | -- COMMAND [ARGS...]",
	.summary = "record what makes the memory of a process grow, by stack",
	.description =
		"Watches a process for a time, and writes what happened to a file, a line of JSON "
		"for each event, as it happens. The process is neither stopped nor changed.\n\n"
		"Growth: whenever an allocator gets memory from the kernel or gives it back "
		"(pymalloc its arenas, malloc its heap and large chunks, a program what it maps "
		"itself) the stack that keeps it, or, where that was not seen, the one that needed "
		"it, of any thread. perf_event_open(2) must allow what this takes: breakpoints of the "
		"processor on the functions by which memory is asked for, and some of the page faults "
		"by which it is touched for the first time, of both so many a second at most. Samples: the stack of the thread "
		"that holds the GIL, at a steady rate, with what changed meanwhile: also what is "
		"made and not kept. Censuses: objects by type. A timeline of totals, every second. "
		"What was not to be had is said in the first line and at the end, with the "
		"reason.\n\n"
		"With --native growth is charged to the functions of C, too, between those of Python as "
		"heapspy stack --native shows them: from the registers and the piece of the stack, "
		"16 KiB, that such an event delivers, and without a stop. Of a deeper stack the rest is "
		"read as it is then; one that has changed by then is marked as cut. Samples have frames "
		"of Python alone.\n\n"
		"With --subprocesses what the process starts is recorded, too, and what that starts, "
		"until it ends: that is there, and that comes later; up to 32 at the same time, each by "
		"two threads of heapspy's and its own breakpoints. One that is no Python is named and "
		"skipped; one that is there for less than half a second may not be seen. All of it is "
		"one file, and it ends with the first process.\n\n"
		"It ends after --duration, with Ctrl-C, or with the process: all of that is exit "
		"status 0, and what was recorded is kept. After -- it starts a command and records "
		"that from its start; the command ends when heapspy does, and if it ends before, "
		"its exit status is that of heapspy.",
	.options = OPTION(PID) | OPTION(LAYOUT) | OPTION(DURATION) | OPTION(RATE) | OPTION(CENSUS) |
		   OPTION(NATIVE) | OPTION(SUBPROCESSES) | OPTION(COMMAND_OUTPUT) | OPTION(OUTPUT) | OPTION(FORCE),
	.takes_command = true,
	.takes = {OPTION_PID},
	.take_count = 1,
	.need = 1,
	.examples =
		(const struct example[]){
			{"record 4711 -d 60s -o grown.ndjson", "a minute of process 4711"},
			{"record 4711 -d 60s -o grown.ndjson --native", "and which functions of C"},
			{"record -s 4711 -d 60s -o grown.ndjson", "a process and its workers"},
			{"record -o grown.ndjson -- python3 app.py", "a program, from its start to its end"},
			{"record 4711 -d 5m -o grown.ndjson --census 1m", "with fewer censuses"},
			{0},
		},
	.run = run,
};
