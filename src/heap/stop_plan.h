/* SPDX-License-Identifier: MIT */
/* What a copy of a process may leave out: large buffers that hold no Python objects
 * and no pointers to any, such as the numbers of an array. */
#ifndef HEAP_STOP_PLAN_H
#define HEAP_STOP_PLAN_H

#include <stddef.h>

#include <heapspy/error.h>

#include "python/runtime.h"
#include "target/stop/stop.h"

struct left_out {
	struct address_range *items; /* by address */
	size_t count;
};

/* Made while the target runs, so that it may be wrong by what changes until the
 * copy: then something is missing there, and said to be. */
struct heapspy_error *stop_plan_make(struct python *python, struct left_out *ret_left_out);

void left_out_fini(struct left_out *left_out);

#endif
