/* SPDX-License-Identifier: MIT */
/* Reading the stacks of all threads of an attachment, from whatever it reads now. */
#ifndef HEAP_STACK_READING_H
#define HEAP_STACK_READING_H

#include <heapspy/stack.h>

#include "heap/attach.h"
#include "heap/stack/thread_tasks.h"

struct stack_reading_options {
	bool live;        /* the target goes on meanwhile: a stack is read until two readings agree */
	bool native;      /* also frames of C, and threads that Python does not know */
	double max_pause; /* seconds, for each thread that is held for its frames of C; 0: 0.25 */
};

/* The caller has refreshed the target and listed the interpreters. `tasks`: the
 * threads as the kernel knew them shortly before. *ret_pause: seconds for which threads
 * were held, one after the other; NULL without `native`. */
struct heapspy_error *stack_reading_take(struct python *python, const struct thread_tasks *tasks,
					 const struct stack_reading_options *options,
					 double *ret_pause, struct heapspy_threads *ret_threads);

void stack_reading_fini(struct heapspy_threads *threads);

#endif
