/* SPDX-License-Identifier: MIT */
#include "output/stack.h"

#include <stdio.h>
#include <stdlib.h>

#include <heapspy/memory.h>

#include "base/cleanup.h"
#include "output/parts.h"
#include "output/tracemalloc.h"

/* Do the threads belong to more than one interpreter? */
static bool is_mixed(const struct heapspy_threads *threads)
{
	for (size_t i = 1; i < threads->count; i++)
		if (threads->items[i].interpreter != HEAPSPY_NO_INTERPRETER &&
		    threads->items[i].interpreter != threads->items[0].interpreter)
			return true;
	return false;
}

/* "app.py:12"; NULL where nothing is known. The caller frees it. */
static char *place_of(const struct heapspy_frame *frame)
{
	const char *file = frame->file ?: frame->module;
	char *place = NULL;
	if (!file)
		return NULL;
	int length = frame->line == HEAPSPY_NO_LINE ? asprintf(&place, "%s", file)
						    : asprintf(&place, "%s:%d", file, frame->line);
	return length < 0 ? NULL : place;
}

static void emit_native(struct emitter *emitter, const struct heapspy_frame *frame)
{
	emit_flag(emitter, "native", NULL, true, "", "");
	emit_text(emitter, "module", NULL, frame->module);
	emit_address(emitter, "address", NULL, frame->address);
	if (frame->offset)
		emit_count(emitter, "offset", NULL, frame->offset);
	if (frame->inlined)
		emit_flag(emitter, "inlined", NULL, true, "", "");
	if (frame->tail_call)
		emit_flag(emitter, "tail_call", NULL, true, "", "");
}

static void emit_frames(struct emitter *emitter, const struct heapspy_thread *thread, bool shown)
{
	emit_table(emitter, "frames", shown ? "" : NULL);
	for (size_t i = 0; i < thread->frame_count; i++) {
		const struct heapspy_frame *frame = &thread->frames[i];
		bool has_line = frame->line != HEAPSPY_NO_LINE;
		CLEANUP(freep) char *place = place_of(frame);
		emit_row(emitter);
		emit_text(emitter, "function", "function", frame->function ?: "?");
		emit_text(emitter, "file", NULL, frame->file);
		if (has_line)
			emit_signed(emitter, "line", NULL, frame->line);
		if (frame->native)
			emit_native(emitter, frame);
		emit_text(emitter, NULL, "where", place);
		emit_end(emitter);
	}
	emit_end(emitter);
}

/* What a thread is besides its frames; in rows the same cells for each. */
static void emit_thread(struct emitter *emitter, const struct heapspy_thread *thread, bool mixed,
			bool in_row)
{
	if (thread->tid)
		emit_id(emitter, "tid", in_row ? "tid" : "", thread->tid);
	else
		emit_text(emitter, NULL, in_row ? "tid" : NULL, NULL);
	emit_text(emitter, "name", in_row ? "thread" : "", thread->name);
	if (thread->interpreter != HEAPSPY_NO_INTERPRETER)
		emit_id(emitter, "interpreter", mixed ? "interpreter" : NULL, thread->interpreter);
	else
		emit_text(emitter, NULL, mixed ? "interpreter" : NULL, NULL);
	emit_text(emitter, "state", in_row ? "state" : "",
		  thread->state ? heapspy_thread_state_name(thread->state) : NULL);
	emit_flag(emitter, "holds_gil", in_row ? "gil" : "", thread->holds_gil,
		  in_row ? "held" : "holds the GIL", "");
	emit_flag(emitter, "torn", in_row ? NULL : "", thread->torn,
		  "torn: these may not be of one stack", "");
	emit_flag(emitter, "cut", in_row ? NULL : "", thread->cut, "cut: there are more frames",
		  "");
}

void emit_threads(struct emitter *emitter, const struct heapspy_threads *threads)
{
	bool mixed = is_mixed(threads);
	emit_table(emitter, "threads", "");
	for (size_t i = 0; i < threads->count; i++) {
		const struct heapspy_thread *thread = &threads->items[i];
		const struct heapspy_frame *newest = thread->frame_count ? thread->frames : NULL;
		CLEANUP(freep) char *place = newest ? place_of(newest) : NULL;
		emit_row(emitter);
		emit_thread(emitter, thread, mixed, true);
		emit_frames(emitter, thread, false);
		emit_text(emitter, NULL, "function", newest ? newest->function : NULL);
		emit_text(emitter, NULL, "where", place);
		emit_end(emitter);
	}
	emit_end(emitter);
}

static void emit_capture(struct emitter *emitter, const struct heapspy_stack *stack)
{
	emit_object(emitter, "capture", "capture");
	emit_time(emitter, NULL, "", stack->time);
	emit_text(emitter, "mode", "", heapspy_capture_mode_name(stack->mode));
	emit_seconds(emitter, "pause", stack->pause > 0 ? "pause" : NULL, stack->pause);
	emit_seconds(emitter, "duration", "took", stack->duration);
	emit_flag(emitter, "one_instant", NULL, stack->one_instant, "", "");
	emit_count(emitter, "torn", stack->threads.torn ? "torn stacks" : NULL,
		   stack->threads.torn);
	emit_end(emitter);
}

static void emit_collectors(struct emitter *emitter, const struct heapspy_stack *stack)
{
	emit_list(emitter, "interpreters", "");
	for (size_t i = 0; i < stack->interpreter_count; i++) {
		const struct heapspy_stack_interpreter *interpreter = &stack->interpreters[i];
		emit_object(emitter, NULL, "gc");
		emit_id(emitter, "id", stack->interpreter_count > 1 ? "interpreter" : NULL,
			interpreter->id);
		emit_object(emitter, "gc", "");
		emit_flag(emitter, "collecting", "", interpreter->collecting, "collecting", "idle");
		emit_end(emitter);
		emit_end(emitter);
	}
	emit_end(emitter);
}

void output_stack(struct emitter *emitter, const struct heapspy_target_info *target,
		  const struct heapspy_python_info *python, const struct heapspy_stack *stack,
		  size_t lines)
{
	const struct heapspy_threads *threads = &stack->threads;
	bool mixed = is_mixed(threads);
	emit_document_of(emitter, "heapspy.stack/1", stack->time);
	emit_target(emitter, target, true);
	emit_python(emitter, python, true);
	emit_capture(emitter, stack);
	emit_collectors(emitter, stack);
	emit_tracemalloc(emitter, stack->tracemalloc, lines);
	emit_list(emitter, "threads", "");
	for (size_t i = 0; i < threads->count; i++) {
		emit_object(emitter, NULL, "thread");
		emit_thread(emitter, &threads->items[i], mixed, false);
		emit_frames(emitter, &threads->items[i], true);
		emit_end(emitter);
	}
	emit_end(emitter);
	emit_end(emitter);
}
