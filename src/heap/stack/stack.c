/* SPDX-License-Identifier: MIT */
#include <heapspy/stack.h>

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "heap/attach.h"
#include "heap/instant.h"
#include "heap/stack/reading.h"
#include "heap/stack/thread_tasks.h"
#include "heap/stack/tracemalloc_reading.h"

void heapspy_stack_fini(struct heapspy_stack *stack)
{
	stack_reading_fini(&stack->threads);
	heapspy_tracemalloc_free(stack->tracemalloc);
	free(stack->interpreters);
	*stack = (struct heapspy_stack){0};
}

static struct heapspy_error *read_interpreters(struct python *python, struct heapspy_stack *stack)
{
	const struct layout *layout = &python->layout;
	stack->interpreters = calloc(python->interpreter_count, sizeof(*stack->interpreters));
	if (!stack->interpreters)
		return error_no_memory();
	for (size_t i = 0; i < python->interpreter_count; i++) {
		const struct interpreter *interpreter = &python->interpreters[i];
		uint64_t collecting =
			interpreter->gc + (uint64_t)OFFSET(layout, GcState, collecting);
		stack->interpreters[i] = (struct heapspy_stack_interpreter){
			.id = interpreter->id,
			.collecting = peek_i32(python->peek, collecting) != 0,
		};
	}
	stack->interpreter_count = python->interpreter_count;
	enum fault fault = peek_take_fault(python->peek);
	if (fault == FAULT_NONE)
		return NULL;
	return error_from_fault(fault, python->interpreters[0].gc,
				"cannot read the collector of %s", target_name(python->target));
}

static struct heapspy_error *read_now(struct heapspy *heapspy,
				      const struct heapspy_stack_options *options,
				      const struct thread_tasks *tasks, struct heapspy_stack *stack)
{
	struct heapspy_error *error = attach_refresh(heapspy);
	if (!error)
		error = read_interpreters(heapspy->python, stack);
	double pause = 0;
	struct stack_reading_options how = {
		.live = stack->mode == HEAPSPY_CAPTURE_RUNNING,
		.native = options->native,
		.max_pause = options->max_pause,
	};
	if (!error)
		error = stack_reading_take(heapspy->python, tasks, &how, &pause, &stack->threads);
	stack->pause += pause;
	if (!error && options->tracemalloc)
		error = tracemalloc_reading_take(heapspy->python, how.live, &stack->tracemalloc);
	return error ?: attach_verify(heapspy);
}

static struct heapspy_error *read_at_once(struct heapspy *heapspy,
					  const struct heapspy_stack_options *options,
					  const struct thread_tasks *tasks,
					  struct heapspy_stack *stack)
{
	struct instant instant;
	struct heapspy_error *error = instant_begin(heapspy, options->max_pause, &instant);
	if (error)
		return error;
	stack->mode = instant_mode(&instant);
	stack->time = instant.time;
	stack->pause = instant.report.pause;
	stack->one_instant = instant.report.one_instant;
	error = read_now(heapspy, options, tasks, stack);
	instant_end(&instant);
	return error;
}

struct heapspy_error *heapspy_stack_read(struct heapspy *heapspy,
					 const struct heapspy_stack_options *options,
					 struct heapspy_stack *ret_stack)
{
	static const struct heapspy_stack_options defaults;
	double start = clock_monotonic();
	bool is_file = attach_is_file(heapspy);
	struct heapspy_stack stack = {
		.mode = attach_mode(heapspy),
		.time = attach_time(heapspy),
		.pause = heapspy->pause,
		.one_instant = is_file,
	};
	if (!options)
		options = &defaults;
	CLEANUP(thread_tasks_fini) struct thread_tasks tasks = {0};
	struct heapspy_error *error = thread_tasks_read(heapspy->target, &tasks);
	if (!error)
		error = options->stop && !is_file
				? read_at_once(heapspy, options, &tasks, &stack)
				: read_now(heapspy, options, &tasks, &stack);
	if (error) {
		heapspy_stack_fini(&stack);
		return attach_explain(heapspy, error);
	}
	stack.duration = clock_monotonic() - start;
	*ret_stack = stack;
	return NULL;
}
