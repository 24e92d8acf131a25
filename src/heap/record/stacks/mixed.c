/* SPDX-License-Identifier: MIT */
#include "heap/record/stacks/mixed.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/error.h"
#include "heap/record/stacks/private.h"
#include "heap/stack/merge.h"

/* What was mapped is read anew at most so often, where code is met that was not: seconds. */
#define REFRESH_INTERVAL 0.05

/* A name that was told, as a frame. */
struct named {
	const struct native_name *name;
	uint32_t frame;
};

struct mixed_stacks {
	struct record_stacks *stacks;
	struct native_frame *frames; /* of the event */
	struct native_stack native;
	struct run_places places;
	struct merged_stack merged;
	uint32_t *numbers; /* of the frames of that */
	size_t number_capacity;
	struct named *named;
	size_t named_count, named_capacity;
	struct index named_index;
	double refreshed;
};

/* Debug information is opened now, when nothing waits for it: of the interpreter, and of
 * the C library that allocates. */
static void open_names(struct record_stacks *stacks)
{
	const struct maps *maps = target_maps(stacks->record->heapspy->target);
	size_t count;
	if (stacks->evaluator)
		unwind_name(stacks->unwinder, stacks->evaluator, false, &count);
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];
		const char *name = strrchr(mapping->path, '/');
		if (mapping->flags & MAPPING_EXEC && name && strncmp(name, "/libc", 5) == 0)
			unwind_name(stacks->unwinder, mapping->start, false, &count);
	}
}

struct mixed_stacks *mixed_stacks_new(struct record_stacks *stacks)
{
	struct mixed_stacks *mixed = calloc(1, sizeof(*mixed));
	if (!mixed)
		return NULL;
	mixed->stacks = stacks;
	mixed->frames = calloc(UNWIND_MOST, sizeof(*mixed->frames));
	mixed->native.frames = mixed->frames;
	mixed->native.places = &mixed->places;
	open_names(stacks);
	if (mixed->frames)
		return mixed;
	mixed_stacks_free(mixed);
	return NULL;
}

void mixed_stacks_free(struct mixed_stacks *mixed)
{
	if (!mixed)
		return;
	merged_stack_fini(&mixed->merged);
	index_fini(&mixed->named_index);
	free(mixed->frames);
	free(mixed->numbers);
	free(mixed->named);
	free(mixed);
}

/* ---- unwinding --------------------------------------------------------------------- */

/* It ended in code that was mapped since the mappings were read. */
static bool is_new_code(struct mixed_stacks *mixed)
{
	struct target *target = mixed->stacks->record->heapspy->target;
	double now = clock_monotonic();
	size_t count = mixed->native.count;
	if (count == 0 || maps_find(target_maps(target), mixed->frames[count - 1].pc) ||
	    now - mixed->refreshed < REFRESH_INTERVAL)
		return false;
	mixed->refreshed = now;
	heapspy_error_free(target_refresh(target));
	return maps_find(target_maps(target), mixed->frames[count - 1].pc);
}

bool mixed_stacks_unwind(struct mixed_stacks *mixed, const struct watch_event *event)
{
	struct unwinder *unwinder = mixed->stacks->unwinder;
	struct native_stack *native = &mixed->native;
	struct registers registers;
	struct stack_copy copy;
	native->count = 0;
	if (!stacks_registers_of(event, false, &registers, &copy))
		return false;
	enum unwind_end end;
	do
		end = unwind(unwinder, &registers, &copy, mixed->frames, UNWIND_MOST,
			     &native->count);
	while (end != UNWIND_WHOLE && is_new_code(mixed));
	/* What is deeper has changed since, or leads nowhere. */
	copy.alone = true;
	if (end != UNWIND_WHOLE)
		end = unwind(unwinder, &registers, &copy, mixed->frames, UNWIND_MOST,
			     &native->count);
	native->cut = end != UNWIND_WHOLE;
	return native->count > 0;
}

bool mixed_stacks_newest_run(struct mixed_stacks *mixed, const struct frame_list *list,
			     uint64_t *ret_anchor)
{
	const struct native_stack *native = &mixed->native;
	struct unwinder *unwinder = mixed->stacks->unwinder;
	size_t newest = 0, runs = 0;
	while (newest < native->count &&
	       !stack_is_run(unwinder, native->places, &native->frames[newest]))
		newest++;
	if (newest == native->count)
		return false;
	const struct native_frame *frame = &native->frames[newest];
	*ret_anchor = frame->sp;
	if (list->count == 0)
		return false;
	uint64_t anchor = list->runs[list->items[0].run].anchor;
	if (anchor)
		return anchor >= frame->sp && anchor < frame->end;
	/* Up to 3.10 each function has its own. */
	if (!python_since(mixed->stacks->record->python, PYTHON_VERSION(3, 11)))
		return false;
	for (size_t i = newest; i < native->count; i++)
		runs += stack_is_run(unwinder, native->places, &native->frames[i]);
	return runs <= list->run_count;
}

/* ---- telling ------------------------------------------------------------------------- */

static bool same_name(const void *things, uint32_t at, const void *sought)
{
	return ((const struct mixed_stacks *)things)->named[at].name == sought;
}

static uint32_t number_of(struct mixed_stacks *mixed, const struct native_name *name)
{
	uintptr_t address = (uintptr_t)name;
	uint64_t hash = index_hash(&address, sizeof(address), 0);
	uint32_t at = index_find(&mixed->named_index, hash, same_name, mixed, name);
	if (at != UINT32_MAX)
		return mixed->named[at].frame;
	struct heapspy_frame frame = {
		.function = name->function,
		.file = name->file,
		.line = name->line ? name->line : HEAPSPY_NO_LINE,
		.native = true,
		.module = name->module,
		.offset = name->function ? 0 : name->module_offset,
	};
	uint32_t number = told_frame(mixed->stacks->told, &frame);
	/* What is not remembered is found again. */
	if (ARRAY_RESERVE(mixed->named, mixed->named_capacity, mixed->named_count + 1) &&
	    index_add(&mixed->named_index, hash, (uint32_t)mixed->named_count))
		mixed->named[mixed->named_count++] = (struct named){name, number};
	return number;
}

uint32_t mixed_stacks_tell(struct mixed_stacks *mixed, const struct frame_list *python,
			   const uint32_t *numbers)
{
	struct record_stacks *stacks = mixed->stacks;
	struct merged_stack *merged = &mixed->merged;
	if (!stack_merge(stacks->unwinder, &mixed->native, python, merged) ||
	    !ARRAY_RESERVE(mixed->numbers, mixed->number_capacity, merged->count + 1)) {
		if (!stacks->record->error)
			stacks->record->error = error_no_memory();
		return 0;
	}
	for (size_t i = 0; i < merged->count; i++) {
		const struct merged_frame *item = &merged->items[i];
		mixed->numbers[i] = item->native ? number_of(mixed, item->name)
						 : numbers[item->index] & ~FIRST_OF_RUN;
	}
	return told_stack(stacks->told, mixed->numbers, merged->count, mixed->native.cut);
}
