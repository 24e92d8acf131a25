/* SPDX-License-Identifier: MIT */
/*
 * One stack of the two that a thread of Python has: where the interpreter executes, its
 * frames in C are replaced by those of Python that they execute.
 */
#ifndef HEAP_STACK_MERGE_H
#define HEAP_STACK_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "native/unwind.h"
#include "python/frames.h"

struct merged_frame {
	bool native;
	uint32_t index; /* of the frame of Python, or of that of C */
	const struct native_name *name; /* of C: lives as long as the unwinder */
};

struct merged_stack {
	struct merged_frame *items; /* newest first */
	size_t count, capacity;
};

void merged_stack_fini(struct merged_stack *stack);

/* Where in its code the interpreter was seen to execute Python: compilers split parts off it,
 * which may have no name. All zeros: nowhere yet. */
struct run_places {
	uint64_t pcs[512];
};

/* Frames of C, newest first. */
struct native_stack {
	const struct native_frame *frames;
	size_t count;
	bool cut; /* older ones are missing */
	struct run_places *places; /* known so far, of the same process, which more are added to;
				      NULL: none */
};

/* By its name, or as one of these places: does the interpreter execute Python there? */
bool stack_is_run(struct unwinder *unwinder, const struct run_places *places,
		  const struct native_frame *frame);

/* In place of what `ret_stack` held. False without memory. All of both were read of one
 * instant; what does not fit together is all there, in an order that may be wrong. Frames
 * of Python whose C frame is not there come where it would be. */
bool stack_merge(struct unwinder *unwinder, const struct native_stack *native,
		 const struct frame_list *python, struct merged_stack *ret_stack);

#endif
