/* SPDX-License-Identifier: MIT */
#include "heap/report/private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

/* The sums under way: of each stack and of each frame of the recording. */
struct sums {
	struct heapspy_report_stack *stacks;
	struct heapspy_report_line *lines;
	uint32_t *line_of; /* the line of a stack */
	uint32_t *seen;    /* by frame: the stack that it was last counted for, plus 1 */
};

static void sums_fini(struct sums *sums)
{
	free(sums->stacks);
	free(sums->lines);
	free(sums->line_of);
	free(sums->seen);
}

DEFINE_CLEANUP(struct heapspy_report *, heapspy_report_free)

void heapspy_report_free(struct heapspy_report *report)
{
	if (!report)
		return;
	free(report->threads);
	free(report->processes);
	free(report->stacks);
	free(report->lines);
	free(report->types);
	free(report->intervals);
	free(report->changes);
	free(report);
}

static uint32_t line_of(const struct heapspy_recording *recording,
			const struct heapspy_recorded_stack *stack)
{
	for (size_t i = 0; i < stack->count; i++)
		if (!recording->frames[stack->frames[i]].native)
			return stack->frames[i];
	return stack->count ? stack->frames[0] : HEAPSPY_NO_STACK;
}

static bool sums_init(struct sums *sums, const struct heapspy_recording *recording)
{
	sums->stacks = calloc(recording->stack_count + 1, sizeof(*sums->stacks));
	sums->lines = calloc(recording->frame_count + 1, sizeof(*sums->lines));
	sums->line_of = calloc(recording->stack_count + 1, sizeof(*sums->line_of));
	sums->seen = calloc(recording->frame_count + 1, sizeof(*sums->seen));
	if (!sums->stacks || !sums->lines || !sums->line_of || !sums->seen)
		return false;
	for (size_t i = 0; i < recording->stack_count; i++) {
		sums->line_of[i] = line_of(recording, &recording->stacks[i]);
		sums->stacks[i].stack = (uint32_t)i;
		sums->stacks[i].line = sums->line_of[i];
	}
	for (size_t i = 0; i < recording->frame_count; i++)
		sums->lines[i].frame = (uint32_t)i;
	return true;
}

/* ---- growth -------------------------------------------------------------------------- */

static void add_bytes(struct heapspy_grown *grown, int64_t bytes)
{
	grown->kept += (uint64_t)bytes;
	if (grown->kept > grown->peak)
		grown->peak = grown->kept;
	if (bytes > 0) {
		grown->total += (uint64_t)bytes;
		grown->events++;
	}
}

/* What one gives back may be charged to a stack that another has, too. */
static void add_to_process(struct heapspy_grown *grown, int64_t bytes)
{
	bool all = bytes < 0 && grown->kept < -(uint64_t)bytes;
	add_bytes(grown, all ? -(int64_t)grown->kept : bytes);
}

static void add_change(struct heapspy_report *report, struct sums *sums,
		       const struct heapspy_report_change *change, uint32_t mark)
{
	const struct heapspy_recorded_stack *stack = &report->recording->stacks[change->stack];
	uint64_t peak = report->grown.peak;
	add_bytes(&report->grown, change->bytes);
	if (report->grown.peak > peak)
		report->peak_time = change->time;
	add_bytes(&report->counters[change->counter], change->bytes);
	add_to_process(&report->processes[change->process], change->bytes);
	add_bytes(&sums->stacks[change->stack].grown, change->bytes);
	if (sums->line_of[change->stack] != HEAPSPY_NO_STACK)
		add_bytes(&sums->lines[sums->line_of[change->stack]].own, change->bytes);
	/* Where a function calls itself, its line is in the stack more than once. */
	for (size_t i = 0; i < stack->count; i++) {
		uint32_t frame = stack->frames[i];
		if (sums->seen[frame] != mark)
			add_bytes(&sums->lines[frame].whole, change->bytes);
		sums->seen[frame] = mark;
	}
}

/* ---- churn ----------------------------------------------------------------------------- */

static void add_sample(struct heapspy_churn *churn, const struct heapspy_recorded_sample *sample)
{
	int64_t bytes = sample->rss > sample->arenas ? sample->rss : sample->arenas;
	churn->objects += sample->young > 0 ? (uint64_t)sample->young : 0;
	churn->bytes += bytes > 0 ? (uint64_t)bytes : 0;
	churn->samples += sample->gil;
}

static void add_churn(struct heapspy_report *report, struct sums *sums)
{
	const struct heapspy_recording *recording = report->recording;
	for (size_t i = 0; i < recording->sample_count; i++) {
		const struct heapspy_recorded_sample *sample = &recording->samples[i];
		uint32_t line = sums->line_of[sample->stack];
		add_sample(&report->churn, sample);
		add_sample(&sums->stacks[sample->stack].churn, sample);
		if (line != HEAPSPY_NO_STACK)
			add_sample(&sums->lines[line].churn, sample);
	}
}

/* ---- order --------------------------------------------------------------------------------- */

static int compare_grown(const struct heapspy_grown *left, const struct heapspy_grown *right)
{
	if (left->kept != right->kept)
		return left->kept < right->kept ? 1 : -1;
	return (left->total < right->total) - (left->total > right->total);
}

static int compare_stacks(const void *a, const void *b)
{
	const struct heapspy_report_stack *left = a, *right = b;
	return compare_grown(&left->grown, &right->grown)
		?: (left->stack > right->stack) - (left->stack < right->stack);
}

static int compare_lines(const void *a, const void *b)
{
	const struct heapspy_report_line *left = a, *right = b;
	return compare_grown(&left->own, &right->own)
		?: compare_grown(&left->whole, &right->whole)
		?: (left->frame > right->frame) - (left->frame < right->frame);
}

static bool is_churned(const struct heapspy_churn *churn)
{
	return churn->objects || churn->bytes || churn->samples;
}

/* Those of which there is something to say. */
static void gather(struct heapspy_report *report, struct sums *sums)
{
	for (size_t i = 0; i < report->recording->stack_count; i++) {
		const struct heapspy_report_stack *stack = &sums->stacks[i];
		if (stack->grown.total || is_churned(&stack->churn))
			sums->stacks[report->stack_count++] = *stack;
	}
	for (size_t i = 0; i < report->recording->frame_count; i++) {
		const struct heapspy_report_line *line = &sums->lines[i];
		if (line->whole.total || is_churned(&line->churn))
			sums->lines[report->line_count++] = *line;
	}
	report->stacks = take_pointer(sums->stacks);
	report->lines = take_pointer(sums->lines);
	qsort(report->stacks, report->stack_count, sizeof(*report->stacks), compare_stacks);
	qsort(report->lines, report->line_count, sizeof(*report->lines), compare_lines);
}

/* ---- all ------------------------------------------------------------------------------------- */

struct heapspy_error *heapspy_report_make(const struct heapspy_recording *recording,
					  struct heapspy_report **ret_report)
{
	CLEANUP(heapspy_report_freep) struct heapspy_report *report = calloc(1, sizeof(*report));
	CLEANUP(sums_fini) struct sums sums = {0};
	if (!report || !sums_init(&sums, recording))
		return error_no_memory();
	bool watched = recording->sources[HEAPSPY_SOURCE_GROWTH].available ||
		       recording->growth_count > 0;
	report->recording = recording;
	report->basis = watched ? HEAPSPY_SOURCE_GROWTH : HEAPSPY_SOURCE_SAMPLES;
	report->peak_time = NAN;
	struct heapspy_error *error = report_keep_ledger(report);
	if (error)
		return error;
	for (size_t i = 0; i < report->change_count; i++)
		add_change(report, &sums, &report->changes[i], (uint32_t)i + 1);
	add_churn(report, &sums);
	error = report_join_types(report, sums.line_of);
	if (error)
		return error;
	gather(report, &sums);
	*ret_report = take_pointer(report);
	return NULL;
}
