/* SPDX-License-Identifier: MIT */
/* A recording, and every form of the report that is made of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <heapspy/recording.h>
#include <heapspy/report.h>

#include "exercise.h"
#include "harness.h"
#include "output/recording/document.h"
#include "output/recording/selection.h"
#include "output/recording/source.h"

struct report {
	const struct selection *selection;
	struct source_files *sources;
};

static struct heapspy_error *print(struct emitter *emitter, void *context)
{
	struct report *report = context;
	struct heapspy_error *error =
	    output_report(emitter, report->selection, report->sources, false);
	return error ?: emitter_error(emitter);
}

static void write_as(recording_writer *write, const struct selection *selection, bool is_text)
{
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);
	REQUIRE(stream != NULL);
	struct heapspy_error *error = write(stream, selection);
	exercise_error(error);
	fclose(stream);
	if (is_text)
		require_printable(text, length);
	free(text);
}

static void report_all(const struct heapspy_recording *recording, unsigned choice)
{
	static recording_writer *const writers[] = {write_folded, write_speedscope,
						    write_flame_graph, write_timeline, write_pprof};
	struct heapspy_report *made;
	struct selection selection;
	struct report_view view = {.limit = choice % 7};
	struct heapspy_error *error = heapspy_report_make(recording, &made);
	REQUIRE(error == NULL);
	error = selection_init(made, &view, &selection);
	REQUIRE(error == NULL);
	struct report report = {&selection, source_files_new(NAN)};
	REQUIRE(report.sources != NULL);
	exercise_output(print, &report, "lines", choice);
	recording_writer *const *writer = &writers[choice % 5];
	write_as(*writer, &selection, *writer != write_pprof);
	char missing[MOST_MISSING][200];
	recording_missing(recording, missing);
	source_files_free(report.sources);
	selection_fini(&selection);
	heapspy_report_free(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	char *text = NULL;
	size_t size = 0;
	FILE *lines = open_memstream(&text, &size);
	struct heapspy_recording *recording;
	REQUIRE(lines != NULL);
	struct heapspy_error *error =
	    heapspy_recording_load(exercise_file(input, length), lines, &recording);
	fclose(lines);
	for (size_t i = 0; i < size; i++)
		REQUIRE((unsigned char)text[i] < 0x7f);
	free(text);
	if (error) {
		exercise_error(error);
		return 0;
	}
	heapspy_error_free(heapspy_recording_choose(recording, length % 3 ? 0 : 4712));
	report_all(recording, (unsigned)length);
	heapspy_recording_free(recording);
	return 0;
}
