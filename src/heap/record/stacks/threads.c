/* SPDX-License-Identifier: MIT */
#include "heap/record/stacks/threads.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "heap/stack/thread_tasks.h"
#include "python/threads.h"

/* Seconds. */
#define LEARN_INTERVAL 0.1

static void free_items(struct record_thread *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(items[i].name);
	free(items);
}

void record_threads_fini(struct record_threads *threads)
{
	free_items(threads->items, threads->count);
	*threads = (struct record_threads){0};
}

static bool is_task(void *context, uint64_t tid)
{
	return thread_tasks_find(context, tid) != NULL;
}

static bool add(struct record_threads *threads, const struct record_thread *thread)
{
	size_t count = threads->count;
	if ((count & (count - 1)) == 0) {
		struct record_thread *more =
			realloc(threads->items, (count ? 2 * count : 1) * sizeof(*more));
		if (!more)
			return false;
		threads->items = more;
	}
	threads->items[threads->count++] = *thread;
	return true;
}

/* Takes the name. */
static void take_name(void *context, uint64_t ident, char *name)
{
	struct record_threads *threads = context;
	for (size_t i = 0; i < threads->count; i++) {
		struct record_thread *thread = &threads->items[i];
		if (thread->ident != ident || !name)
			continue;
		free(thread->name);
		thread->name = name;
		return;
	}
	free(name);
}

static bool learn_interpreter(struct record_threads *threads, struct python *python,
			      const struct interpreter *interpreter, struct thread_tasks *tasks)
{
	CLEANUP(thread_states_fini) struct thread_states states = {0};
	if (threads_list(python, interpreter, &states) != FAULT_NONE)
		return false;
	for (size_t i = 0; i < states.count; i++) {
		const struct thread_state *state = &states.items[i];
		uint64_t tid = state->native_id;
		if (!tid || !is_task(tasks, tid))
			tid = threads_native_id(python, state->ident, is_task, tasks);
		const struct thread_task *task = thread_tasks_find(tasks, tid);
		if (!task)
			continue;
		struct record_thread thread = {
			.tid = task->tid, .state = state->address, .ident = state->ident};
		if (task->name[0])
			thread.name = text_from_bytes(task->name, strlen(task->name));
		if (!add(threads, &thread)) {
			free(thread.name);
			return false;
		}
	}
	threads_visit_names(python, interpreter, take_name, threads);
	return true;
}

void record_threads_learn(struct record_threads *threads, struct heapspy *heapspy)
{
	struct python *python = heapspy->python;
	struct record_threads now = {.learned = clock_monotonic()};
	CLEANUP(thread_tasks_fini) struct thread_tasks tasks = {0};
	threads->learned = now.learned;
	heapspy_error_free(thread_tasks_read(heapspy->target, &tasks));
	peek_forget(python->peek);
	bool whole = tasks.count > 0;
	for (size_t i = 0; i < python->interpreter_count && whole; i++)
		whole = learn_interpreter(&now, python, &python->interpreters[i], &tasks);
	peek_take_fault(python->peek);
	if (!whole) {
		record_threads_fini(&now);
		return;
	}
	free_items(threads->items, threads->count);
	*threads = now;
}

const struct record_thread *record_threads_find(const struct record_threads *threads, pid_t tid)
{
	for (size_t i = 0; i < threads->count; i++)
		if (threads->items[i].tid == tid)
			return &threads->items[i];
	return NULL;
}

const struct record_thread *record_threads_with_state(const struct record_threads *threads,
						      uint64_t state)
{
	for (size_t i = 0; i < threads->count; i++)
		if (threads->items[i].state == state)
			return &threads->items[i];
	return NULL;
}

const struct record_thread *record_threads_meet(struct record_threads *threads,
						struct heapspy *heapspy, pid_t tid)
{
	const struct record_thread *thread = record_threads_find(threads, tid);
	/* One that is new, unless it is none of Python's. */
	if (!thread && clock_monotonic() - threads->learned > LEARN_INTERVAL) {
		record_threads_learn(threads, heapspy);
		thread = record_threads_find(threads, tid);
	}
	return thread;
}
