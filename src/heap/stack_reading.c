/* SPDX-License-Identifier: MIT */
#include "heap/stack_reading.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "python/frames.h"
#include "python/lines.h"
#include "python/threads.h"

/* So often a stack that changes is read again: a thread that is at work pushes and
 * pops frames faster than a deep one can be read. */
#define ATTEMPTS 20

struct reading {
	struct python *python;
	const struct thread_tasks *tasks;
	bool live;
	struct frames *frames;
	struct frame_list now, before;
	struct heapspy_threads threads;
	size_t capacity;
	size_t first; /* thread of the interpreter that is being read */
};

void stack_reading_fini(struct heapspy_threads *threads)
{
	for (size_t i = 0; i < threads->count; i++) {
		free((char *)threads->items[i].name);
		free(threads->items[i].frames);
	}
	free(threads->items);
	frames_free(threads->storage);
	*threads = (struct heapspy_threads){0};
}

/* ---- frames ---------------------------------------------------------------- */

/* The newest frame is somewhere else with every instruction; where it is is one word,
 * which no reading tears. */
static bool is_same(const struct frame_list *a, const struct frame_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct frame *left = &a->items[i], *right = &b->items[i];
		if (left->address != right->address || left->code != right->code ||
		    (i > 0 && left->position != right->position))
			return false;
	}
	return true;
}

static enum fault walk(struct reading *reading, uint64_t thread)
{
	struct frame_list other = reading->before;
	reading->before = reading->now;
	reading->now = other;
	if (reading->live)
		peek_forget(reading->python->peek);
	return frames_walk(reading->frames, thread, &reading->now);
}

/* Texts of the frames of reading->now. */
static enum fault describe(struct reading *reading, struct heapspy_thread *thread)
{
	const struct frame_list *list = &reading->now;
	struct heapspy_frame *frames = calloc(list->count + 1, sizeof(*frames));
	if (!frames)
		return FAULT_ABSENT;
	enum fault first = FAULT_NONE;
	for (size_t i = 0; i < list->count; i++) {
		struct frame_place place;
		enum fault fault = frames_describe(reading->frames, &list->items[i], &place);
		if (fault != FAULT_NONE) {
			place = (struct frame_place){.function = "?", .line = LINE_NONE};
			first = first == FAULT_NONE ? fault : first;
		}
		frames[i] = (struct heapspy_frame){
			.function = place.function,
			.file = place.file,
			.line = place.line,
		};
	}
	free(thread->frames);
	thread->frames = frames;
	thread->frame_count = list->count;
	thread->cut = list->cut;
	return first;
}

/* FAULT_GONE alone ends the whole reading; all else only marks this thread. */
static enum fault read_frames(struct reading *reading, uint64_t address,
			      struct heapspy_thread *thread)
{
	enum fault fault = walk(reading, address);
	bool whole = fault == FAULT_NONE && !reading->live;
	for (unsigned i = 0; i < ATTEMPTS && !whole && fault != FAULT_GONE && reading->live; i++) {
		bool had = fault == FAULT_NONE;
		fault = walk(reading, address);
		whole = had && fault == FAULT_NONE && is_same(&reading->now, &reading->before);
		/* Code that is gone by now was of a stack that is gone. */
		if (whole && describe(reading, thread) == FAULT_NONE)
			return FAULT_NONE;
		whole = false;
	}
	if (fault == FAULT_GONE)
		return fault;
	enum fault described = describe(reading, thread);
	thread->torn = !whole || described != FAULT_NONE;
	return described == FAULT_GONE ? described : FAULT_NONE;
}

/* ---- threads ---------------------------------------------------------------- */

static bool is_task(void *context, uint64_t tid)
{
	const struct thread_tasks *tasks = context;
	if (!tasks->complete)
		return tid > 0 && tid <= 1 << 22; /* PID_MAX_LIMIT */
	return thread_tasks_find(tasks, tid) != NULL;
}

/* Which thread of the kernel's is this? */
static void identify(struct reading *reading, const struct thread_state *state,
		     struct heapspy_thread *thread)
{
	struct thread_tasks *tasks = (struct thread_tasks *)reading->tasks;
	uint64_t tid = state->native_id;
	if (!tid || !is_task(tasks, tid))
		tid = threads_native_id(reading->python, state->ident, is_task, tasks);
	const struct thread_task *task = thread_tasks_find(tasks, tid);
	thread->tid = task ? task->tid : (pid_t)tid;
	if (!task)
		return;
	thread->state = task->state;
	if (task->name[0])
		thread->name = text_from_bytes(task->name, strlen(task->name));
}

static struct heapspy_thread *add(struct reading *reading)
{
	struct heapspy_threads *threads = &reading->threads;
	if (threads->count == reading->capacity) {
		size_t capacity = reading->capacity ? reading->capacity * 2 : 16;
		struct heapspy_thread *items =
			realloc(threads->items, capacity * sizeof(*items));
		if (!items)
			return NULL;
		threads->items = items;
		reading->capacity = capacity;
	}
	struct heapspy_thread *thread = &threads->items[threads->count++];
	*thread = (struct heapspy_thread){0};
	return thread;
}

/* Takes the name. */
static void take_name(void *context, uint64_t ident, char *name)
{
	struct reading *reading = context;
	for (size_t i = reading->first; name && i < reading->threads.count; i++) {
		struct heapspy_thread *thread = &reading->threads.items[i];
		if (thread->ident != ident)
			continue;
		free((char *)thread->name);
		thread->name = name;
		return;
	}
	free(name);
}

static enum fault read_interpreter(struct reading *reading, const struct interpreter *interpreter)
{
	struct python *python = reading->python;
	CLEANUP(thread_states_fini) struct thread_states states = {0};
	enum fault fault = FAULT_NONE;
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		fault = threads_list(python, interpreter, &states);
		if (fault == FAULT_NONE || fault == FAULT_GONE || !reading->live)
			break;
		peek_forget(python->peek);
	}
	reading->first = reading->threads.count;
	for (size_t i = 0; i < states.count && fault == FAULT_NONE; i++) {
		struct heapspy_thread *thread = add(reading);
		if (!thread)
			return FAULT_ABSENT;
		thread->ident = states.items[i].ident;
		thread->holds_gil = states.items[i].holds_gil;
		thread->interpreter = interpreter->id;
		fault = read_frames(reading, states.items[i].address, thread);
		identify(reading, &states.items[i], thread);
		reading->threads.torn += thread->torn;
	}
	if (fault == FAULT_NONE)
		threads_visit_names(python, interpreter, take_name, reading);
	return fault;
}

struct heapspy_error *stack_reading_take(struct python *python, const struct thread_tasks *tasks,
					 bool live, struct heapspy_threads *ret_threads)
{
	struct reading reading = {.python = python, .tasks = tasks, .live = live};
	reading.frames = frames_new(python);
	if (!reading.frames)
		return error_no_memory();
	reading.threads.storage = reading.frames;
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < python->interpreter_count && fault == FAULT_NONE; i++)
		fault = read_interpreter(&reading, &python->interpreters[i]);
	frame_list_fini(&reading.now);
	frame_list_fini(&reading.before);
	if (fault == FAULT_NONE) {
		*ret_threads = reading.threads;
		return NULL;
	}
	stack_reading_fini(&reading.threads);
	return error_from_fault(fault, python->interpreters[0].address,
				"cannot read the threads of %s", target_name(python->target));
}
