/* SPDX-License-Identifier: MIT */
/*
 * The C stack of one thread together with something else of that thread, of one instant.
 *
 * A thread that waits is not stopped: the kernel tells where it is, and whether it stayed
 * there. Another one is held for as long as its registers, its stack and the something
 * else are read, no other thread with it.
 */
#ifndef HEAP_NATIVE_READING_H
#define HEAP_NATIVE_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"
#include "native/unwind.h"
#include "target/target.h"

struct native_reading {
	struct target *target;
	bool live;        /* it goes on meanwhile, and may be held */
	double max_pause; /* seconds, for each thread */
	struct unwinder *unwinder;
	struct native_frame *frames; /* of the thread that was read last, newest first */
	size_t count;
	bool cut;     /* older ones are missing */
	double pause; /* seconds for which threads were held, all together */
	uint8_t *copy;
};

/* False without memory. */
bool native_reading_init(struct native_reading *reading, struct target *target, bool live,
			 double max_pause);
void native_reading_fini(struct native_reading *reading);

/* The unwinder, for who needs its names for longer. */
struct unwinder *native_reading_take_unwinder(struct native_reading *reading);

/* Called at the instant, maybe more than once: what it said last counts. */
typedef enum fault native_companion(void *context);

/* `companion` may be NULL. False: the two may not be of one instant, or there are no
 * frames of C. *ret_fault: what the companion said. */
bool native_reading_take(struct native_reading *reading, pid_t tid, native_companion *companion,
			 void *context, enum fault *ret_fault);

#endif
