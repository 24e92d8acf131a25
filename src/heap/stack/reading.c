/* SPDX-License-Identifier: MIT */
#include "heap/stack/reading.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "heap/stack/merge.h"
#include "heap/stack/native_reading.h"
#include "python/frames.h"
#include "python/lines.h"
#include "python/threads.h"
#include "target/process/tasks.h"

/* So often a stack that changes is read again: a thread that is at work pushes and
 * pops frames faster than a deep one can be read. */
#define ATTEMPTS 20

/* What the texts of the threads are kept in. */
struct storage {
	struct frames *frames;
	struct unwinder *unwinder;
};

struct reading {
	struct python *python;
	const struct thread_tasks *tasks;
	bool live, is_native;
	struct frames *frames;
	struct frame_list now, before;
	uint64_t state; /* of the thread that is being read */
	struct native_reading native;
	struct merged_stack merged;
	struct heapspy_threads threads;
	size_t capacity;
	size_t first; /* thread of the interpreter that is being read */
};

static void storage_free(struct storage *storage)
{
	if (!storage)
		return;
	frames_free(storage->frames);
	unwinder_free(storage->unwinder);
	free(storage);
}

void stack_reading_fini(struct heapspy_threads *threads)
{
	for (size_t i = 0; i < threads->count; i++) {
		free((char *)threads->items[i].name);
		free(threads->items[i].frames);
	}
	free(threads->items);
	storage_free(threads->storage);
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

static enum fault describe_python(struct reading *reading, const struct frame *frame,
				  struct heapspy_frame *ret_frame)
{
	struct frame_place place = {.function = "?", .line = LINE_NONE};
	enum fault fault = frames_describe(reading->frames, frame, &place);
	*ret_frame = (struct heapspy_frame){
		.function = place.function,
		.file = place.file,
		.line = place.line,
	};
	return fault;
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
		enum fault fault = describe_python(reading, &list->items[i], &frames[i]);
		first = first == FAULT_NONE ? fault : first;
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

/* ---- with frames of C ------------------------------------------------------- */

static struct heapspy_frame describe_native(const struct native_frame *frame,
					    const struct native_name *name)
{
	return (struct heapspy_frame){
		.function = name->function,
		.file = name->file,
		.line = name->line ? name->line : HEAPSPY_NO_LINE,
		.native = true,
		.inlined = name->inlined,
		.module = name->module,
		.tail_call = name->tail_call,
		.address = name->tail_call ? name->address : frame->pc,
		.offset = name->offset,
	};
}

static enum fault describe_merged(struct reading *reading, struct heapspy_thread *thread)
{
	const struct native_reading *native = &reading->native;
	const struct merged_stack *merged = &reading->merged;
	const struct native_stack of_c = {
		.frames = native->frames, .count = native->count, .cut = native->cut};
	if (!stack_merge(native->unwinder, &of_c, &reading->now, &reading->merged))
		return FAULT_ABSENT;
	struct heapspy_frame *frames = calloc(merged->count + 1, sizeof(*frames));
	if (!frames)
		return FAULT_ABSENT;
	enum fault first = FAULT_NONE;
	for (size_t i = 0; i < merged->count; i++) {
		const struct merged_frame *item = &merged->items[i];
		enum fault fault = FAULT_NONE;
		if (item->native)
			frames[i] = describe_native(&native->frames[item->index], item->name);
		else
			fault = describe_python(reading, &reading->now.items[item->index],
						&frames[i]);
		first = first == FAULT_NONE ? fault : first;
	}
	free(thread->frames);
	thread->frames = frames;
	thread->frame_count = merged->count;
	thread->cut = reading->now.cut || native->cut;
	return first;
}

static enum fault walk_now(void *context)
{
	struct reading *reading = context;
	return walk(reading, reading->state);
}

/* Where there is no C stack to be had, that of Python is read as it is without. */
static enum fault read_both(struct reading *reading, uint64_t address,
			    struct heapspy_thread *thread)
{
	enum fault fault = FAULT_NONE;
	reading->state = address;
	if (native_reading_take(&reading->native, thread->tid, walk_now, reading, &fault) &&
	    fault == FAULT_NONE) {
		fault = describe_merged(reading, thread);
		thread->torn = fault != FAULT_NONE;
		return fault == FAULT_GONE ? fault : FAULT_NONE;
	}
	fault = read_frames(reading, address, thread);
	thread->torn = true;
	return fault;
}

/* ---- threads ---------------------------------------------------------------- */

static bool is_task(void *context, uint64_t tid)
{
	const struct thread_tasks *tasks = context;
	if (!tasks->complete)
		return tid > 0 && tid <= 1 << 22; /* PID_MAX_LIMIT */
	return thread_tasks_find(tasks, tid) != NULL;
}

static void describe_task(struct heapspy_thread *thread, const struct thread_task *task)
{
	thread->state = task->state;
	if (task->name[0])
		thread->name = text_from_bytes(task->name, strlen(task->name));
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
	if (task)
		describe_task(thread, task);
}

static struct heapspy_thread *add(struct reading *reading)
{
	struct heapspy_threads *threads = &reading->threads;
	if (!ARRAY_RESERVE(threads->items, reading->capacity, threads->count + 1))
		return NULL;
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

static bool has_ended(const struct reading *reading, pid_t tid)
{
	int proc = target_proc_directory(reading->python->target);
	return reading->live && proc >= 0 && task_letter(proc, tid) == 0;
}

/* Those that Python does not know, the main thread first. */
static enum fault read_others(struct reading *reading)
{
	const struct thread_tasks *tasks = reading->tasks;
	size_t known = reading->threads.count;
	for (size_t i = 0; i < tasks->count; i++) {
		const struct thread_task *task = &tasks->items[i];
		bool is_known = false;
		for (size_t j = 0; j < known && !is_known; j++)
			is_known = reading->threads.items[j].tid == task->tid;
		if (is_known)
			continue;
		struct heapspy_thread *thread = add(reading);
		if (!thread)
			return FAULT_ABSENT;
		thread->tid = task->tid;
		thread->interpreter = HEAPSPY_NO_INTERPRETER;
		describe_task(thread, task);
		enum fault fault;
		reading->now.count = reading->now.run_count = 0;
		reading->now.cut = false;
		thread->torn = !native_reading_take(&reading->native, task->tid, NULL, NULL, &fault);
		if (thread->torn && has_ended(reading, task->tid)) {
			free((char *)thread->name);
			reading->threads.count--;
			continue;
		}
		if (describe_merged(reading, thread) != FAULT_NONE)
			return FAULT_ABSENT;
		reading->threads.torn += thread->torn;
	}
	return FAULT_NONE;
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
		identify(reading, &states.items[i], thread);
		fault = reading->is_native
				? read_both(reading, states.items[i].address, thread)
				: read_frames(reading, states.items[i].address, thread);
		reading->threads.torn += thread->torn;
	}
	if (fault == FAULT_NONE)
		threads_visit_names(python, interpreter, take_name, reading);
	return fault;
}

static bool begin(struct reading *reading, const struct stack_reading_options *options)
{
	struct storage *storage = calloc(1, sizeof(*storage));
	reading->threads.storage = storage;
	reading->frames = frames_new(reading->python);
	if (storage)
		storage->frames = reading->frames;
	else
		frames_free(reading->frames);
	return storage && reading->frames &&
	       (!options->native || native_reading_init(&reading->native, reading->python->target,
							options->live, options->max_pause));
}

static void end(struct reading *reading)
{
	struct storage *storage = reading->threads.storage;
	if (storage && reading->is_native)
		storage->unwinder = native_reading_take_unwinder(&reading->native);
	native_reading_fini(&reading->native);
	merged_stack_fini(&reading->merged);
	frame_list_fini(&reading->now);
	frame_list_fini(&reading->before);
}

struct heapspy_error *stack_reading_take(struct python *python, const struct thread_tasks *tasks,
					 const struct stack_reading_options *options,
					 double *ret_pause, struct heapspy_threads *ret_threads)
{
	struct reading reading = {
		.python = python,
		.tasks = tasks,
		.live = options->live,
		.is_native = options->native,
	};
	if (!begin(&reading, options)) {
		end(&reading);
		stack_reading_fini(&reading.threads);
		return error_no_memory();
	}
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < python->interpreter_count && fault == FAULT_NONE; i++)
		fault = read_interpreter(&reading, &python->interpreters[i]);
	if (reading.is_native && fault == FAULT_NONE)
		fault = read_others(&reading);
	if (ret_pause)
		*ret_pause = reading.native.pause;
	end(&reading);
	if (fault == FAULT_NONE) {
		*ret_threads = reading.threads;
		return NULL;
	}
	stack_reading_fini(&reading.threads);
	return error_from_fault(fault, python->interpreters[0].address,
				"cannot read the threads of %s", target_name(python->target));
}
