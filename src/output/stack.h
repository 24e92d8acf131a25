/* SPDX-License-Identifier: MIT */
/* The document of `heapspy stack`, and the threads of `heapspy dump`. */
#ifndef OUTPUT_STACK_H
#define OUTPUT_STACK_H

#include <heapspy/stack.h>

#include "output/emitter.h"

/* `lines`: at most so many of tracemalloc, 0: all. */
void output_stack(struct emitter *emitter, const struct heapspy_target_info *target,
		  const struct heapspy_python_info *python, const struct heapspy_stack *stack,
		  size_t lines);

/* As one table: for people a line a thread, with its newest frame. */
void emit_threads(struct emitter *emitter, const struct heapspy_threads *threads);

#endif
