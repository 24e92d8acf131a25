/* SPDX-License-Identifier: MIT */
/*
 * The stacks of a recording: read while their threads run on, each told once.
 *
 * Where the registers and the stack of C of a moment are at hand they say which
 * instruction was executed then, also when the thread has moved on since: the newest
 * frame is the one they say, and those below it are as they are read now.
 */
#ifndef HEAP_RECORD_STACKS_H
#define HEAP_RECORD_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "native/watch.h"

struct record;
struct record_stacks;

/* NULL without memory. */
struct record_stacks *record_stacks_new(struct record *record);
void record_stacks_free(struct record_stacks *stacks);

/* Functions in this range have no addresses of instructions in their registers: malloc has
 * those of chunks there, of which one may begin at the very end of code. */
void record_stacks_distrust(struct record_stacks *stacks, uint64_t start, uint64_t end);

/* Number of the stack of a thread, given its PyThreadState (0: it has none, and no frames)
 * and, unless NULL, what a watchpoint delivered of it. */
uint32_t record_stacks_take(struct record_stacks *stacks, uint64_t state,
			    const struct watch_event *event);

/* Was the newest frame of the last one found by unwinding from its registers? Else it may
 * be of a little later. */
bool record_stacks_sure(const struct record_stacks *stacks);

#endif
