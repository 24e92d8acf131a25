/* SPDX-License-Identifier: MIT */
/*
 * Frames of C of the moment of an event, with those of Python among them.
 *
 * The stack of C is unwound from what the event delivered: its registers, and its copy of
 * the stack. What lies deeper is read from the thread as it is now; that counts if it
 * leads to where the thread began. Else the stack is told as far as the copy goes, and
 * that it is cut.
 */
#ifndef HEAP_RECORD_MIXED_H
#define HEAP_RECORD_MIXED_H

#include <stdbool.h>
#include <stdint.h>

#include "native/watch.h"
#include "python/frames.h"

struct record_stacks;
struct mixed_stacks;

/* NULL without memory. */
struct mixed_stacks *mixed_stacks_new(struct record_stacks *stacks);
void mixed_stacks_free(struct mixed_stacks *mixed);

/* The frames of C of an event, for what follows. False: it has none. */
bool mixed_stacks_unwind(struct mixed_stacks *mixed, const struct watch_event *event);

/* Where the newest of these that executes Python is: *ret_anchor, as of struct frame_run,
 * which stays as it was where there is none. Is that the run of the newest frame of the
 * list? */
bool mixed_stacks_newest_run(struct mixed_stacks *mixed, const struct frame_list *list,
			     uint64_t *ret_anchor);

/* Number of the stack of both, as it is told. `numbers`: of the frames of Python, which
 * may be marked with FIRST_OF_RUN. */
uint32_t mixed_stacks_tell(struct mixed_stacks *mixed, const struct frame_list *python,
			   const uint32_t *numbers);

#endif
