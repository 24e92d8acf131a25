/* SPDX-License-Identifier: MIT */
#include "output/recording/document.h"

#include <stdio.h>
#include <unistd.h>

#include <heapspy/report.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cmd/command.h"
#include "cmd/page.h"
#include "cmd/progress.h"
#include "cmd/sandbox.h"
#include "cmd/say.h"
#include "output/recording/source.h"

DEFINE_CLEANUP(struct source_files *, source_files_free)

/* ---- what is read --------------------------------------------------------------------- */

static struct heapspy_error *load(const struct options *options, FILE *lines,
				  struct heapspy_recording **ret_recording,
				  struct heapspy_report **ret_report)
{
	struct progress *progress = progress_begin(options, "reading the recording");
	struct heapspy_error *error =
		heapspy_recording_load(options->operands[0], lines, ret_recording);
	if (!error && ret_report)
		error = heapspy_recording_choose(*ret_recording, options->process);
	if (!error && ret_report)
		error = heapspy_report_make(*ret_recording, ret_report);
	progress_end(progress);
	return error;
}

/* From here on only files are read: the recording, and the sources that it names. The
 * output is open. */
static void lock_in(const struct options *options)
{
	sandbox_enter(options, &(struct heapspy_sandbox){0});
}

struct reading {
	struct heapspy_recording *recording;
	struct heapspy_report *report;
	struct selection selection;
};

static void reading_fini(struct reading *reading)
{
	selection_fini(&reading->selection);
	heapspy_report_free(reading->report);
	heapspy_recording_free(reading->recording);
}

static struct heapspy_error *read_and_select(const struct options *options,
					     struct reading *reading)
{
	const struct report_view view = {
		.sort = options->sort,
		.limit = options->limit,
		.filter = options->filter,
		.whole_paths = options->verbose,
	};
	lock_in(options);
	struct heapspy_error *error =
		load(options, NULL, &reading->recording, &reading->report);
	return error ? error : selection_init(reading->report, &view, &reading->selection);
}

/* ---- documents -------------------------------------------------------------------------- */

static struct heapspy_error *write_document(const struct options *options,
					    struct reading *reading)
{
	bool brief = options->format == FORMAT_TABLE && !options_given(options, OPTION(LIMIT));
	CLEANUP(page_fini) struct page page = {0};
	struct heapspy_error *error = page_open(options, "lines", false, &page);
	if (error || (error = read_and_select(options, reading)))
		return error;
	const struct heapspy_recording *recording = reading->recording;
	CLEANUP(source_files_freep) struct source_files *sources =
		source_files_new(recording->started_at + recording->duration);
	if (!sources)
		return error_no_memory();
	if ((error = output_report(page.emitter, &reading->selection, sources, brief)) ||
	    (error = page_finish(&page)))
		return error;
	if (source_files_changed(sources) > 0)
		say_remark(options, "source files changed after the recording: the lines shown "
				    "may be others");
	return NULL;
}

/* ---- files of other programs ------------------------------------------------------------- */

static struct heapspy_error *write_lines(const struct options *options, struct reading *reading)
{
	CLEANUP(output_fini) struct output output = {.directory = -1};
	struct heapspy_error *error = output_open(options->output, options->force, &output);
	if (error)
		return error;
	/* Held until all was read: what is damaged leaves no half output. */
	CLEANUP(freep) char *text = NULL;
	size_t size = 0;
	FILE *lines = open_memstream(&text, &size);
	if (!lines)
		return error_no_memory();
	lock_in(options);
	error = load(options, lines, &reading->recording, NULL);
	if (fclose(lines) != 0 && !error)
		error = error_no_memory();
	if (error)
		return error;
	fwrite(text, 1, size, output.stream);
	return output_finish(&output);
}

/* What writes a format that is no document. */
static recording_writer *const writers[FORMAT_COUNT] = {
	[FORMAT_FOLDED] = write_folded,
	[FORMAT_SPEEDSCOPE] = write_speedscope,
	[FORMAT_PPROF] = write_pprof,
	[FORMAT_SVG] = write_flame_graph,
	[FORMAT_SVG_TIMELINE] = write_timeline,
};

static struct heapspy_error *write_file(const struct options *options, struct reading *reading)
{
	CLEANUP(output_fini) struct output output = {.directory = -1};
	struct heapspy_error *error = output_open(options->output, options->force, &output);
	if (error)
		return error;
	if (options->format == FORMAT_PPROF && isatty(fileno(output.stream)))
		return error_why(error_new(HEAPSPY_USAGE, "a profile is not written to a terminal"),
				 "it is no text; -o FILE keeps it");
	if ((error = read_and_select(options, reading)) ||
	    (error = writers[options->format](output.stream, &reading->selection)))
		return error;
	return output_finish(&output);
}

/* ---- all --------------------------------------------------------------------------------- */

static struct heapspy_error *incomplete(const struct heapspy_recording *recording)
{
	char missing[MOST_MISSING][200];
	size_t count = recording_missing(recording, missing);
	if (count == 0)
		return NULL;
	struct heapspy_error *error =
		error_new(HEAPSPY_INCOMPLETE, "the recording %s is not complete", recording->path);
	error_why(error, "%s", missing[0]);
	for (size_t i = 1; i < count; i++)
		error_why(error, "%s; %s", error->why ?: "", missing[i]);
	return error;
}

static struct heapspy_error *run(const struct options *options)
{
	if (options->operand_count == 0)
		return error_remedy(error_why(error_new(HEAPSPY_USAGE, "report needs a FILE"),
					      "it reads what heapspy record wrote"),
				    "heapspy record --help");
	if (options->format == FORMAT_NDJSON && options->process)
		return error_why(error_new(HEAPSPY_USAGE, "--process with --format ndjson"),
				 "that is the recording itself, with all that is in it");
	CLEANUP(reading_fini) struct reading reading = {0};
	struct heapspy_error *error = options->format == FORMAT_NDJSON ? write_lines(options, &reading)
				      : writers[options->format]      ? write_file(options, &reading)
								      : write_document(options, &reading);
	return error ? error : incomplete(reading.recording);
}

const struct command command_report = {
	.name = "report",
	.operands = "FILE",
	.summary = "say which code made memory grow, from a recording",
	.description =
		"FILE is what heapspy record wrote; one that is still being written, or was cut "
		"off, is read as far as it goes: exit status 7.\n\n"
		"Lines and stacks, by the bytes that grew in them: kept is what is left of it at "
		"the end, peak the most there was at a time, total all of it. A line counts where "
		"it is the newest of Python in a stack; with calls it also counts where it called "
		"what grew. Churn is what was made, whether it stayed or not, as samples tell it. "
		"Types are those of the first census and the last; the lines they grew with are "
		"the ones that grew between the same two censuses, in proportion, which need not "
		"mean that they made them.\n\n"
		"A recording of several processes, as record -s makes it, is reported as "
		"one: first a table of the processes, then what grew in all of them; one that ended "
		"keeps what it had. Censuses are those of the first process. --process PID reports one "
		"alone.\n\n"
		"The text of a line is shown where its file is on this machine.",
	.options = OPTION(PROCESS) | OPTIONS_ROWS | OPTIONS_OUTPUT,
	.sort = report_columns,
	.formats = FORMATS_OF_ALL | 1 << FORMAT_FOLDED | 1 << FORMAT_SPEEDSCOPE |
		   1 << FORMAT_PPROF | 1 << FORMAT_SVG | 1 << FORMAT_SVG_TIMELINE,
	.takes_more = 1,
	.takes_path = true,
	.examples =
		(const struct example[]){
			{"report leak.ndjson", "what grew, and where"},
			{"report leak.ndjson --filter '*/app/*' --sort total",
			 "only in code of app, by all that grew"},
			{"report leak.ndjson --format speedscope -o leak.speedscope.json",
			 "for https://www.speedscope.app"},
			{"report leak.ndjson --format svg -o leak.svg", "a flame graph, for a browser"},
			{0},
		},
	.run = run,
};
