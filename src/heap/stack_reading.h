/* SPDX-License-Identifier: MIT */
/* Reading the stacks of all threads of an attachment, from whatever it reads now. */
#ifndef HEAP_STACK_READING_H
#define HEAP_STACK_READING_H

#include <heapspy/stack.h>

#include "heap/attach.h"
#include "heap/thread_tasks.h"

/* The caller has refreshed the target and listed the interpreters. `tasks`: the
 * threads as the kernel knew them shortly before. With `live` the target goes on
 * meanwhile: a stack is read until two readings agree. */
struct heapspy_error *stack_reading_take(struct python *python, const struct thread_tasks *tasks,
					 bool live, struct heapspy_threads *ret_threads);

void stack_reading_fini(struct heapspy_threads *threads);

#endif
