/* SPDX-License-Identifier: MIT */
#include "heap/stack/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* Python/ceval.c, exported by all versions; compilers split parts of it off, which have
 * it as the beginning of their names. */
static const char evaluator[] = "_PyEval_EvalFrameDefault";

struct merge {
	struct unwinder *unwinder;
	const struct native_frame *native;
	size_t native_count;
	bool native_cut;
	struct run_places *places; /* NULL: none are known */
	const struct frame_list *python;
	struct merged_stack *stack;
	size_t next_frame; /* of Python, that is not in the stack yet */
};

void merged_stack_fini(struct merged_stack *stack)
{
	free(stack->items);
	*stack = (struct merged_stack){0};
}

static bool add(struct merged_stack *stack, const struct merged_frame *frame)
{
	if (!ARRAY_RESERVE(stack->items, stack->capacity, stack->count + 1))
		return false;
	stack->items[stack->count++] = *frame;
	return true;
}

static bool is_evaluator(const struct native_name *name)
{
	return name->function &&
	       strncmp(name->function, evaluator, sizeof(evaluator) - 1) == 0;
}

static size_t slot_of(uint64_t pc)
{
	return pc * UINT64_C(0x9e3779b97f4a7c15) >> 55; /* of 512 */
}

bool stack_is_run(struct unwinder *unwinder, const struct run_places *places,
		  const struct native_frame *frame)
{
	size_t count;
	if (places && places->pcs[slot_of(frame->pc)] == frame->pc)
		return true;
	const struct native_name *names =
		unwind_name(unwinder, frame->pc, frame->is_call, &count);
	return is_evaluator(&names[count - 1]);
}

static bool is_run(const struct merge *merge, size_t index)
{
	return stack_is_run(merge->unwinder, merge->places, &merge->native[index]);
}

/* ---- which frame of C is which run -------------------------------------------- */

/* By where its anchor lies. From `first` on; native_count: nowhere. */
static size_t find_anchor(const struct merge *merge, uint64_t anchor, size_t first)
{
	for (size_t i = first; i < merge->native_count; i++)
		if (anchor >= merge->native[i].sp && anchor < merge->native[i].end)
			return i;
	return merge->native_count;
}

static size_t match_by_anchor(const struct merge *merge, size_t *places)
{
	const struct frame_list *python = merge->python;
	size_t first = 0, found = 0;
	for (size_t run = 0; run < python->run_count; run++) {
		uint64_t anchor = python->runs[run].anchor;
		places[run] = anchor ? find_anchor(merge, anchor, first) : merge->native_count;
		if (places[run] == merge->native_count)
			continue;
		uint64_t pc = merge->native[places[run]].pc;
		if (merge->places)
			merge->places->pcs[slot_of(pc)] = pc;
		first = places[run] + 1;
		found++;
	}
	return found;
}

/* Runs from `first` to `end`, by the names of the frames of C that are between their
 * neighbours. From the oldest on: a run that just begins or ends may be without a frame
 * of Python yet, or any more. */
static void match_by_name(const struct merge *merge, size_t *places, size_t first, size_t end)
{
	size_t newest = first > 0 ? places[first - 1] + 1 : 0;
	size_t oldest = end < merge->python->run_count ? places[end] : merge->native_count;
	if (end == merge->python->run_count && merge->native_cut) {
		/* The oldest are not there. */
		for (size_t i = newest; i < oldest && first < end; i++)
			if (is_run(merge, i))
				places[first++] = i;
		return;
	}
	for (size_t i = oldest; i > newest && end > first; i--)
		if (is_run(merge, i - 1))
			places[--end] = i - 1;
}

static void match(const struct merge *merge, size_t *places)
{
	size_t runs = merge->python->run_count;
	if (match_by_anchor(merge, places) == runs)
		return;
	for (size_t run = 0; run < runs; run++) {
		size_t first = run;
		while (run < runs && places[run] == merge->native_count)
			run++;
		if (run > first)
			match_by_name(merge, places, first, run);
	}
}

/* ---- putting them together ------------------------------------------------------ */

/* Frames of Python up to the end of a run. */
static bool add_python(struct merge *merge, size_t run)
{
	const struct frame_list *python = merge->python;
	for (; merge->next_frame < python->count && python->items[merge->next_frame].run <= run;
	     merge->next_frame++) {
		struct merged_frame frame = {.index = (uint32_t)merge->next_frame};
		if (!add(merge->stack, &frame))
			return false;
	}
	return true;
}

/* What was put in line there has frames of its own. Of a run the function itself is left
 * out: its frames of Python stand for it. */
static bool add_native(struct merge *merge, size_t index, bool is_a_run)
{
	const struct native_frame *native = &merge->native[index];
	size_t count;
	const struct native_name *names =
		unwind_name(merge->unwinder, native->pc, native->is_call, &count);
	for (size_t i = 0; i < count - is_a_run; i++) {
		struct merged_frame frame = {true, (uint32_t)index, &names[i]};
		if (!add(merge->stack, &frame))
			return false;
	}
	return true;
}

/* Functions between this frame and the one that called it. */
static bool add_tail_calls(struct merge *merge, size_t index)
{
	size_t count = 0;
	if (index + 1 == merge->native_count)
		return true;
	const struct native_name *names = unwind_tail_calls(
		merge->unwinder, &merge->native[index], &merge->native[index + 1], &count);
	for (size_t i = 0; i < count; i++) {
		struct merged_frame frame = {true, (uint32_t)index, &names[i]};
		if (!add(merge->stack, &frame))
			return false;
	}
	return true;
}

bool stack_merge(struct unwinder *unwinder, const struct native_stack *native,
		 const struct frame_list *python, struct merged_stack *stack)
{
	struct merge merge = {
		.unwinder = unwinder,
		.native = native->frames,
		.native_count = native->count,
		.native_cut = native->cut,
		.places = native->places,
		.python = python,
		.stack = stack,
	};
	size_t native_count = native->count;
	CLEANUP(freep) size_t *places = calloc(python->run_count + 1, sizeof(*places));
	stack->count = 0;
	if (!places)
		return false;
	match(&merge, places);
	size_t run = 0;
	for (size_t i = 0; i < native_count; i++) {
		/* Those whose C frame is not there go before the next one that is. */
		size_t next = run;
		while (next < python->run_count && places[next] == native_count)
			next++;
		bool is_a_run = next < python->run_count && places[next] == i;
		if (!add_native(&merge, i, is_a_run) ||
		    (is_a_run && !add_python(&merge, next)) || !add_tail_calls(&merge, i))
			return false;
		if (is_a_run)
			run = next + 1;
	}
	return add_python(&merge, SIZE_MAX);
}
