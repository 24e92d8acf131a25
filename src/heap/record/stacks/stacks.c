/* SPDX-License-Identifier: MIT */
#include "heap/record/stacks/stacks.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "heap/record/stacks/mixed.h"
#include "heap/record/stacks/private.h"
#include "python/lines.h"

/* So often a stack that makes no sense is read again; of so many frames it is remembered
 * what called them. */
enum { ATTEMPTS = 3, REMEMBERED = 16 };

struct record_stacks *record_stacks_new(struct record *record)
{
	struct record_stacks *stacks = calloc(1, sizeof(*stacks));
	if (!stacks)
		return NULL;
	stacks->record = record;
	stacks->frames = frames_new(record->python);
	stacks->unwinder = unwinder_new(record->heapspy->target);
	stacks->told = told_new(record);
	uint64_t size;
	/* Exported by all versions: Python/ceval.c. */
	if (record->python->module &&
	    elf_module_symbol(record->python->module, "_PyEval_EvalFrameDefault",
			      &stacks->evaluator, &size))
		stacks->evaluator_end = stacks->evaluator + size;
	if (stacks->unwinder && stacks->told && record->options.native)
		stacks->mixed = mixed_stacks_new(stacks);
	if (stacks->frames && stacks->unwinder && stacks->told &&
	    (stacks->mixed || !record->options.native))
		return stacks;
	record_stacks_free(stacks);
	return NULL;
}

void record_stacks_free(struct record_stacks *stacks)
{
	if (!stacks)
		return;
	mixed_stacks_free(stacks->mixed);
	told_free(stacks->told);
	lists_fini(&stacks->seen);
	frames_free(stacks->frames);
	unwinder_free(stacks->unwinder);
	code_ranges_fini(&stacks->ranges);
	frame_list_fini(&stacks->list);
	frame_list_fini(&stacks->moment);
	free(stacks->building);
	free(stacks);
}

void record_stacks_distrust(struct record_stacks *stacks, uint64_t start, uint64_t end)
{
	stacks->distrusted = start;
	stacks->distrusted_end = end;
}

/* ---- reading -------------------------------------------------------------------- */

static void walk(struct record_stacks *stacks, uint64_t state)
{
	struct python *python = stacks->record->python;
	stacks->list.count = stacks->list.run_count = 0;
	for (unsigned i = 0; i < ATTEMPTS && state; i++) {
		peek_forget(python->peek);
		enum fault fault = frames_walk(stacks->frames, state, &stacks->list);
		if (fault == FAULT_NONE || fault == FAULT_GONE)
			break;
	}
	for (size_t i = 0; i < stacks->list.count; i++)
		code_ranges_add(&stacks->ranges, python, stacks->list.items[i].code);
}

static uint32_t describe(struct record_stacks *stacks, const struct frame *frame)
{
	struct frame_place found = {.function = "?", .line = LINE_NONE};
	frames_describe(stacks->frames, frame, &found);
	struct heapspy_frame told = {
		.function = found.function, .file = found.file, .line = found.line};
	return told_frame(stacks->told, &told);
}

/* ---- putting a moment together ------------------------------------------------------ */

/* Room for one more of each. Without memory the recording ends. */
static bool make_room(struct record_stacks *stacks)
{
	struct frame_list *moment = &stacks->moment;
	if (ARRAY_RESERVE(stacks->building, stacks->building_capacity, moment->count + 1) &&
	    ARRAY_RESERVE(moment->items, moment->capacity, moment->count + 1) &&
	    ARRAY_RESERVE(moment->runs, moment->run_capacity, moment->run_count + 1))
		return true;
	if (!stacks->record->error)
		stacks->record->error = error_no_memory();
	return false;
}

static void begin_run(struct record_stacks *stacks, uint64_t anchor)
{
	if (make_room(stacks))
		stacks->moment.runs[stacks->moment.run_count++] = (struct frame_run){anchor};
}

static void add(struct record_stacks *stacks, uint32_t number)
{
	struct frame_list *moment = &stacks->moment;
	if (moment->run_count == 0)
		begin_run(stacks, 0);
	if (!make_room(stacks) || moment->run_count == 0)
		return;
	uint32_t run = (uint32_t)moment->run_count - 1;
	bool is_first = moment->count == 0 || moment->items[moment->count - 1].run != run;
	stacks->building[moment->count] = number | (is_first ? FIRST_OF_RUN : 0);
	moment->items[moment->count++] = (struct frame){.run = run};
}

/* Those of the list from one on; `run`: the first that was not begun yet. */
static void add_listed(struct record_stacks *stacks, size_t first, size_t run)
{
	const struct frame_list *list = &stacks->list;
	for (size_t i = first; i < list->count; i++) {
		for (; run <= list->items[i].run && run < list->run_count; run++)
			begin_run(stacks, list->runs[run].anchor);
		add(stacks, describe(stacks, &list->items[i]));
	}
	for (; run < list->run_count; run++)
		begin_run(stacks, list->runs[run].anchor);
}

/* The frames that called it when it was last seen. */
static void add_callers(struct record_stacks *stacks, uint64_t code)
{
	const struct parents *parents = parents_of(&stacks->parents, code);
	size_t count;
	const uint32_t *seen = lists_get(&stacks->seen, parents->stack, &count);
	for (size_t i = parents->newer + 1; i < count; i++) {
		if (seen[i] & FIRST_OF_RUN)
			begin_run(stacks, 0);
		add(stacks, seen[i] & ~FIRST_OF_RUN);
	}
}

/* One that has returned since. */
static void add_returned(struct record_stacks *stacks, const struct frame *then)
{
	const struct frame_list *list = &stacks->list;
	uint64_t anchor = 0;
	bool known = parents_of(&stacks->parents, then->code)->code == then->code;
	bool shares = stacks->mixed && mixed_stacks_newest_run(stacks->mixed, list, &anchor);
	if (!known && shares && list->count) {
		begin_run(stacks, anchor);
		add(stacks, describe(stacks, then));
		add_listed(stacks, 0, list->items[0].run + 1);
		return;
	}
	begin_run(stacks, anchor);
	add(stacks, describe(stacks, then));
	if (known)
		add_callers(stacks, then->code);
	else
		add_listed(stacks, 0, 0);
}

/* ---- both together --------------------------------------------------------------------- */

/* Of each frame of a stack that was read as a whole: of the first `newer` frames there is
 * one less or more in what was seen. */
static void remember_parents(struct record_stacks *stacks, uint32_t number, size_t below,
			     bool known)
{
	const struct frame_list *list = &stacks->list;
	size_t first = known ? below - 1 : 0;
	for (size_t i = first; i < list->count && i < first + REMEMBERED; i++) {
		struct parents *parents = parents_of(&stacks->parents, list->items[i].code);
		*parents = (struct parents){.code = list->items[i].code, .stack = number,
					    .newer = (uint32_t)(i - first)};
		for (size_t j = i + 1; j < list->count && parents->count < PARENTS; j++)
			parents->below[parents->count++] = list->items[j].code;
	}
}

/* Number of what was put together, as it is told. */
static uint32_t tell(struct record_stacks *stacks, bool native)
{
	size_t count = stacks->moment.count;
	if (native)
		return mixed_stacks_tell(stacks->mixed, &stacks->moment, stacks->building);
	for (size_t i = 0; i < count; i++)
		stacks->building[i] &= ~FIRST_OF_RUN;
	return told_stack(stacks->told, stacks->building, count, false);
}

bool record_stacks_sure(const struct record_stacks *stacks)
{
	return stacks->sure;
}

uint32_t record_stacks_take(struct record_stacks *stacks, uint64_t state,
			    const struct watch_event *event)
{
	stacks->sure = false;
	walk(stacks, state);
	struct frame_list *list = &stacks->list;
	struct frame then = {0};
	bool known = event && stacks_executed_then(stacks, event, &then);
	bool native = event && stacks->mixed && mixed_stacks_unwind(stacks->mixed, event);
	size_t below = known ? stacks_index_in(list, then.code) : 0;
	bool returned = known && below == list->count;
	stacks->moment.count = stacks->moment.run_count = 0;
	if (returned) {
		add_returned(stacks, &then);
	} else if (known) {
		size_t run = list->items[below].run;
		begin_run(stacks, run < list->run_count ? list->runs[run].anchor : 0);
		add(stacks, describe(stacks, &then));
		add_listed(stacks, below + 1, run + 1);
	} else {
		add_listed(stacks, 0, 0);
	}
	if (!returned && stacks->moment.count) {
		uint32_t number = lists_add(&stacks->seen, stacks->building, stacks->moment.count);
		if (number != UINT32_MAX)
			remember_parents(stacks, number, below + 1, known);
	}
	return tell(stacks, native);
}
