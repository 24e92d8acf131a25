/* SPDX-License-Identifier: MIT */
/* What the files about the stacks of a recording share. */
#ifndef HEAP_RECORD_STACKS_PRIVATE_H
#define HEAP_RECORD_STACKS_PRIVATE_H

#include "heap/record/private.h"
#include "heap/record/stacks/parents.h"
#include "heap/record/stacks/slots.h"
#include "heap/record/stacks/told.h"
#include "native/unwind.h"
#include "native/watch.h"
#include "python/code_ranges.h"
#include "python/frames.h"

/* In a list of frames of Python that was seen: with this one a run begins, see struct
 * frame_list. */
#define FIRST_OF_RUN (UINT32_C(1) << 31)

struct mixed_stacks;

struct record_stacks {
	struct record *record;
	struct frames *frames;
	struct unwinder *unwinder;
	uint64_t distrusted, distrusted_end;
	uint64_t evaluator, evaluator_end; /* _PyEval_EvalFrameDefault(); 0: not found */
	double learned; /* when code was sought that was not met before */
	bool sure;      /* the last stack begins where its registers say */
	struct code_ranges ranges;
	struct frame_list list; /* of the thread, as it was read last */
	struct told *told;
	struct mixed_stacks *mixed; /* NULL: frames of C are not wanted */
	struct lists seen; /* what moments were found to be, with marks */
	/* A moment that is being put together: numbers of frames of Python, with marks, and
	 * the runs that they are of; that list says nothing else of its frames. */
	uint32_t *building;
	size_t building_capacity;
	struct frame_list moment;
	struct parent_table parents;
	struct slot_table slots;
};

/* Index of the newest frame of that code; list->count: there is none. */
size_t stacks_index_in(const struct frame_list *list, uint64_t code);

/* Registers and stack of an event. False: it has none. `alone`: as struct stack_copy. */
bool stacks_registers_of(const struct watch_event *event, bool alone,
			 struct registers *ret_registers, struct stack_copy *ret_copy);

/* What the interpreter executed then, by its registers and its frame of C: evaluator.c. */
bool stacks_evaluated_then(struct record_stacks *stacks, const struct watch_event *event,
			   struct frame *ret_frame);

/* What was executed then, by that or by all words that are there: moment.c. */
bool stacks_executed_then(struct record_stacks *stacks, const struct watch_event *event,
			  struct frame *ret_frame);

#endif
