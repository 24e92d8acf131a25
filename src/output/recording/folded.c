/* SPDX-License-Identifier: MIT */
/*
 * Folded stacks, for flamegraph.pl, inferno, speedscope and their kin: a stack a
 * line, frames from the oldest to the newest with semicolons between, a space and
 * a number.
 */
#include "output/recording/selection.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"

/* By frame, made when it is first wanted. */
static const char *title_of(const struct heapspy_recording *recording, char **titles,
			    uint32_t frame)
{
	if (!titles[frame])
		titles[frame] = frame_title(&recording->frames[frame]);
	return titles[frame];
}

struct heapspy_error *write_folded(FILE *stream, const struct selection *selection)
{
	const struct heapspy_recording *recording = selection->report->recording;
	CLEANUP(freep) char **titles = calloc(recording->frame_count + 1, sizeof(*titles));
	bool failed = !titles;
	for (size_t i = 0; i < selection->stack_count && !failed; i++) {
		const struct selected *selected = &selection->stacks[i];
		const struct heapspy_recorded_stack *stack =
			&recording->stacks[selected->stack->stack];
		uint64_t weight = selection_weight(selection, selected->grown);
		if (weight == 0)
			continue;
		if (stack->count == 0)
			fputs("(no code was seen)", stream);
		for (size_t j = stack->count; j-- > 0 && !failed;) {
			const char *title = title_of(recording, titles, stack->frames[j]);
			fprintf(stream, "%s%s", title ?: "", j ? ";" : "");
			failed = !title;
		}
		fprintf(stream, " %" PRIu64 "\n", weight);
	}
	for (size_t i = 0; titles && i < recording->frame_count; i++)
		free(titles[i]);
	return failed ? error_no_memory() : NULL;
}
