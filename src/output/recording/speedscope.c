/* SPDX-License-Identifier: MIT */
/*
 * A file for https://www.speedscope.app: a profile for what is kept, one for all that
 * grew, one for what was made and need not stay. They share their frames.
 */
#include "output/recording/selection.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "output/unicode.h"

/* Texts are UTF-8 without control characters already. False: no memory. */
static bool put_string(FILE *stream, const char *text)
{
	CLEANUP(freep) char *safe = unicode_display(text, false);
	if (!safe)
		return false;
	putc('"', stream);
	for (const char *at = safe; *at; at++) {
		if (*at == '"' || *at == '\\')
			putc('\\', stream);
		putc(*at, stream);
	}
	putc('"', stream);
	return true;
}

static bool put_frames(FILE *stream, const struct heapspy_recording *recording)
{
	/* The last stands for stacks without any. */
	for (size_t i = 0; i < recording->frame_count; i++) {
		const struct heapspy_frame *frame = &recording->frames[i];
		const char *file = frame->file ?: frame->module;
		fputs("\n{\"name\":", stream);
		if (!put_string(stream, frame->function))
			return false;
		fputs(file ? ",\"file\":" : "", stream);
		if (file && !put_string(stream, file))
			return false;
		if (frame->line > 0)
			fprintf(stream, ",\"line\":%d", frame->line);
		fputs("},", stream);
	}
	fputs("\n{\"name\":\"(no code was seen)\"}", stream);
	return true;
}

static uint64_t kept_of(const struct heapspy_report_stack *stack)
{
	return stack->grown.kept;
}

static uint64_t total_of(const struct heapspy_report_stack *stack)
{
	return stack->grown.total;
}

static uint64_t made_of(const struct heapspy_report_stack *stack)
{
	return stack->churn.objects;
}

static void put_profile(FILE *stream, const struct selection *selection, const char *name,
			const char *unit, uint64_t (*weight_of)(const struct heapspy_report_stack *))
{
	const struct heapspy_recording *recording = selection->report->recording;
	const char *separator = "";
	uint64_t sum = 0;
	fprintf(stream, "{\"type\":\"sampled\",\"name\":\"%s\",\"unit\":\"%s\",\"samples\":[", name,
		unit);
	for (size_t i = 0; i < selection->stack_count; i++) {
		const struct heapspy_report_stack *row = selection->stacks[i].stack;
		const struct heapspy_recorded_stack *stack = &recording->stacks[row->stack];
		if (weight_of(row) == 0)
			continue;
		fprintf(stream, "%s\n[", separator);
		if (stack->count == 0)
			fprintf(stream, "%zu", recording->frame_count);
		for (size_t j = stack->count; j-- > 0;)
			fprintf(stream, "%" PRIu32 "%s", stack->frames[j], j ? "," : "");
		putc(']', stream);
		separator = ",";
	}
	fputs("],\"weights\":[", stream);
	separator = "";
	for (size_t i = 0; i < selection->stack_count; i++) {
		uint64_t weight = weight_of(selection->stacks[i].stack);
		if (weight == 0)
			continue;
		fprintf(stream, "%s%" PRIu64, separator, weight);
		sum += weight;
		separator = ",";
	}
	fprintf(stream, "],\"startValue\":0,\"endValue\":%" PRIu64 "}", sum);
}

struct heapspy_error *write_speedscope(FILE *stream, const struct selection *selection)
{
	const struct heapspy_recording *recording = selection->report->recording;
	fputs("{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\","
	      "\"exporter\":\"heapspy@" HEAPSPY_VERSION "\",\"name\":",
	      stream);
	bool failed = !put_string(stream, recording->path);
	fputs(",\"activeProfileIndex\":0,\"shared\":{\"frames\":[", stream);
	failed |= !put_frames(stream, recording);
	fputs("]},\"profiles\":[\n", stream);
	put_profile(stream, selection, "bytes kept", "bytes", kept_of);
	fputs(",\n", stream);
	put_profile(stream, selection, "bytes grown in total", "bytes", total_of);
	fputs(",\n", stream);
	put_profile(stream, selection, "objects made", "none", made_of);
	fputs("]}\n", stream);
	return failed ? error_no_memory() : NULL;
}
