/* SPDX-License-Identifier: MIT */
#include "output/recording/selection.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* ---- order ---------------------------------------------------------------------------- */

static const struct heapspy_grown *grown_of(const void *row)
{
	return ((const struct selected *)row)->grown;
}

/* Equal ones stay in the order of the report: rows of one kind lie in one array. */
static int by_place(const void *a, const void *b)
{
	const struct heapspy_grown *left = grown_of(a), *right = grown_of(b);
	return (left > right) - (left < right);
}

#define BY(name, member)                                                                           \
	static int by_##name(const void *a, const void *b)                                         \
	{                                                                                          \
		uint64_t left = grown_of(a)->member, right = grown_of(b)->member;                  \
		return (left < right) - (left > right) ?: by_place(a, b);                          \
	}
BY(kept, kept)
BY(peak, peak)
BY(total, total)
#undef BY

const struct sort_column report_columns[] = {
	{"kept", by_kept}, {"peak", by_peak}, {"total", by_total}, {0},
};

uint64_t selection_weight(const struct selection *selection, const struct heapspy_grown *grown)
{
	const struct sort_column *sort = selection->view.sort ?: report_columns;
	return sort->compare == by_peak ? grown->peak
	       : sort->compare == by_total ? grown->total
					   : grown->kept;
}

const char *selection_weight_name(const struct selection *selection)
{
	return (selection->view.sort ?: report_columns)->name;
}

/* ---- what is wanted -------------------------------------------------------------------- */

static bool matches(const char *filter, const char *text)
{
	return text && fnmatch(filter, text, 0) == 0;
}

static bool frame_is_wanted(const struct selection *selection, uint32_t frame)
{
	const struct heapspy_frame *one = &selection->report->recording->frames[frame];
	const char *filter = selection->view.filter;
	return !filter || matches(filter, one->function) || matches(filter, one->file) ||
	       matches(filter, one->module);
}

static bool stack_is_wanted(const struct selection *selection, uint32_t stack)
{
	const struct heapspy_recorded_stack *one = &selection->report->recording->stacks[stack];
	bool wanted = !selection->view.filter;
	for (size_t i = 0; i < one->count && !wanted; i++)
		wanted = frame_is_wanted(selection, one->frames[i]);
	return wanted;
}

struct heapspy_error *selection_init(const struct heapspy_report *report,
				     const struct report_view *view,
				     struct selection *ret_selection)
{
	struct selection selection = {
		.report = report,
		.view = *view,
		.stacks = calloc(report->stack_count + 1, sizeof(*selection.stacks)),
		.lines = calloc(report->line_count + 1, sizeof(*selection.lines)),
	};
	if (!selection.stacks || !selection.lines) {
		selection_fini(&selection);
		return error_no_memory();
	}
	for (size_t i = 0; i < report->stack_count; i++) {
		const struct heapspy_report_stack *stack = &report->stacks[i];
		if (!stack_is_wanted(&selection, stack->stack))
			continue;
		selection.grown.kept += stack->grown.kept;
		selection.grown.total += stack->grown.total;
		selection.grown.events += stack->grown.events;
		selection.stacks[selection.stack_count++] =
			(struct selected){&stack->grown, {.stack = stack}};
	}
	selection.grown.peak = view->filter ? 0 : report->grown.peak;
	for (size_t i = 0; i < report->line_count; i++) {
		const struct heapspy_report_line *line = &report->lines[i];
		if (frame_is_wanted(&selection, line->frame))
			selection.lines[selection.line_count++] =
				(struct selected){&line->own, {.line = line}};
	}
	int (*compare)(const void *, const void *) = (view->sort ?: report_columns)->compare;
	qsort(selection.stacks, selection.stack_count, sizeof(*selection.stacks), compare);
	qsort(selection.lines, selection.line_count, sizeof(*selection.lines), compare);
	*ret_selection = selection;
	return NULL;
}

void selection_fini(struct selection *selection)
{
	free(selection->stacks);
	free(selection->lines);
	*selection = (struct selection){0};
}

/* ---- frames in words ---------------------------------------------------------------------- */

char *frame_place(const struct heapspy_frame *frame)
{
	const char *file = frame->file ?: frame->module;
	char *place = NULL;
	if (!file)
		return NULL;
	int length = frame->line == HEAPSPY_NO_LINE
			     ? asprintf(&place, "%s", file)
			     : asprintf(&place, "%s:%d", file, frame->line);
	return length < 0 ? NULL : place;
}

const char *place_end(const char *place)
{
	static const char *const folders[] = {"/site-packages/", "/dist-packages/"};
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		const char *found = strstr(place, folders[i]);
		if (found)
			return found + strlen(folders[i]);
	}
	const char *library = strstr(place, "/lib/python3.");
	const char *module = library ? strchr(library + strlen("/lib/python3."), '/') : NULL;
	if (module)
		return module + 1;
	const char *end = strrchr(place, '/');
	while (end && end > place && end[-1] != '/')
		end--;
	return end ?: place;
}

char *frame_title(const struct heapspy_frame *frame)
{
	CLEANUP(freep) char *place = frame_place(frame);
	char *title = NULL;
	int length = place ? asprintf(&title, "%s (%s)", frame->function, place)
			   : asprintf(&title, "%s", frame->function);
	if (length < 0)
		return NULL;
	for (char *at = title; (at = strchr(at, ';'));)
		*at = ':';
	return title;
}
