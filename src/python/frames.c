/* SPDX-License-Identifier: MIT */
#include "python/frames.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "python/code.h"

/* enum _frameowner: from here on frames are the interpreter's own. 3 is the C stack's
 * in 3.12 and 3.13, the interpreter's in 3.14 and 3.15. */
enum { OWNER_GENERATOR = 1, OWNER_INTERPRETER = 3, OWNER_LAST = 4 };

/* Bits of a _PyStackRef that are no part of the address (3.14+). */
#define STACKREF_MASK (~UINT64_C(3))

struct frames {
	struct python *python;
	struct codes *codes;
	uint64_t left; /* frames that may still be looked at */
};

struct frames *frames_new(struct python *python)
{
	struct frames *frames = calloc(1, sizeof(*frames));
	if (!frames)
		return NULL;
	frames->python = python;
	frames->left = FRAMES_IN_ALL;
	frames->codes = codes_new(python);
	if (frames->codes)
		return frames;
	free(frames);
	return NULL;
}

void frames_free(struct frames *frames)
{
	if (!frames)
		return;
	codes_free(frames->codes);
	free(frames);
}

void frame_list_fini(struct frame_list *list)
{
	free(list->items);
	free(list->runs);
	*list = (struct frame_list){0};
}

static bool add(struct frame_list *list, const struct frame *frame)
{
	if (!ARRAY_RESERVE(list->items, list->capacity, list->count + 1))
		return false;
	list->items[list->count++] = *frame;
	return true;
}

/* The run that is being walked ends. */
static bool end_run(struct frame_list *list, uint64_t anchor)
{
	if (!ARRAY_RESERVE(list->runs, list->run_capacity, list->run_count + 1))
		return false;
	list->runs[list->run_count++] = (struct frame_run){anchor};
	return true;
}

/* ---- one frame ----------------------------------------------------------- */

/* What else is learnt of a frame on the way. */
struct look {
	uint64_t next;   /* the older frame */
	bool shown;
	bool ends_run;   /* with it a run begins on the C stack, so that in this list one ends */
	uint64_t anchor; /* of that run */
};

/* A frame object of 3.8 - 3.10. */
static void read_frame_object(struct frames *frames, struct frame *frame, struct look *look)
{
	struct python *python = frames->python;
	const struct layout *layout = &python->layout;
	frame->code = peek_u64(python->peek, frame->address + OFFSET(layout, FrameObject, f_code));
	frame->position =
		peek_i32(python->peek, frame->address + OFFSET(layout, FrameObject, f_lasti));
	/* 3.10 counts instructions: Include/cpython/frameobject.h. */
	if (python_since(python, PYTHON_VERSION(3, 10)) && frame->position > 0)
		frame->position *= 2;
	look->next = peek_u64(python->peek, frame->address + OFFSET(layout, FrameObject, f_back));
	look->shown = look->ends_run = true;
	if (!codes_is_code(frames->codes, frame->code))
		peek_raise(python->peek, FAULT_STRANGE);
}

/* From 3.12 on each run puts a frame of its own below those that it executes, which lies
 * in its C frame; in 3.11 it marks the first of them. */
static void read_interpreter_frame(struct frames *frames, struct frame *frame, struct look *look)
{
	struct python *python = frames->python;
	struct peek *peek = python->peek;
	const struct layout *layout = &python->layout;
	uint8_t owner = peek_u8(peek, frame->address + OFFSET(layout, InterpreterFrame, owner));
	frame->code = peek_u64(peek, frame->address + OFFSET(layout, InterpreterFrame, f_code));
	if (python_since(python, PYTHON_VERSION(3, 14)))
		frame->code &= STACKREF_MASK;
	look->next = peek_u64(peek, frame->address + OFFSET(layout, InterpreterFrame, previous));
	if (python_since(python, PYTHON_VERSION(3, 12)) && owner >= OWNER_INTERPRETER &&
	    owner <= OWNER_LAST) {
		look->ends_run = true;
		look->anchor = frame->address;
		return;
	}
	if (HAS(layout, InterpreterFrame, is_entry))
		look->ends_run = peek_u8(peek, frame->address +
						       OFFSET(layout, InterpreterFrame, is_entry));
	if (owner >= OWNER_INTERPRETER || !codes_is_code(frames->codes, frame->code))
		peek_raise(peek, FAULT_STRANGE);
	uint64_t first = frame->code + OFFSET(layout, CodeObject, co_code_adaptive);
	uint64_t instruction =
		peek_u64(peek, frame->address + OFFSET(layout, InterpreterFrame, instr_ptr));
	frame->position = (int64_t)(instruction - first);
	int32_t traceable =
		peek_i32(peek, frame->code + OFFSET(layout, CodeObject, co_firsttraceable));
	look->shown = owner == OWNER_GENERATOR || frame->position >= (int64_t)traceable * 2;
}

/* ---- all of a thread --------------------------------------------------------- */

static uint64_t newest_frame(struct python *python, uint64_t thread)
{
	const struct layout *layout = &python->layout;
	if (HAS(layout, ThreadState, current_frame))
		return peek_u64(python->peek, thread + OFFSET(layout, ThreadState, current_frame));
	if (HAS(layout, ThreadState, frame))
		return peek_u64(python->peek, thread + OFFSET(layout, ThreadState, frame));
	uint64_t cframe = peek_u64(python->peek, thread + OFFSET(layout, ThreadState, cframe));
	return peek_u64(python->peek, cframe + OFFSET(layout, CFrame, current_frame));
}

enum fault frames_walk(struct frames *frames, uint64_t thread, struct frame_list *list)
{
	struct python *python = frames->python;
	struct peek *peek = python->peek;
	bool objects = !python_since(python, PYTHON_VERSION(3, 11));
	list->count = list->run_count = 0;
	list->cut = false;
	peek_take_fault(peek);
	struct frame frame = {.address = newest_frame(python, thread)};
	/* In a circle the mark, which moves on ever later, is met again: Brent. */
	uint64_t mark = 0, steps = 0;
	struct look look = {.next = 0};
	for (; frame.address; frame.address = look.next) {
		if (frame.address == mark || frame.address % 8 != 0)
			peek_raise(peek, FAULT_STRANGE);
		look = (struct look){.next = 0};
		if (objects)
			read_frame_object(frames, &frame, &look);
		else
			read_interpreter_frame(frames, &frame, &look);
		enum fault fault = peek_take_fault(peek);
		if (fault != FAULT_NONE)
			return fault;
		if (list->count == FRAMES_MAX || steps > 4 * (uint64_t)FRAMES_MAX ||
		    frames->left == 0) {
			list->cut = true;
			return FAULT_NONE;
		}
		frame.run = (uint32_t)list->run_count;
		if ((look.shown && !add(list, &frame)) ||
		    (look.ends_run && !end_run(list, look.anchor))) {
			list->cut = true;
			return FAULT_NONE;
		}
		frames->left--;
		steps++;
		if ((steps & (steps - 1)) == 0)
			mark = frame.address;
	}
	/* Of the oldest run no beginning was seen. */
	if (list->count && list->items[list->count - 1].run == list->run_count &&
	    !end_run(list, 0))
		list->cut = true;
	return peek_take_fault(peek);
}

uint64_t frames_code_at(struct frames *frames, uint64_t address)
{
	struct python *python = frames->python;
	const struct layout *layout = &python->layout;
	if (address < 4096 || address % 8 != 0 || address >> 47)
		return 0;
	int32_t offset = python_since(python, PYTHON_VERSION(3, 11))
				 ? OFFSET(layout, InterpreterFrame, f_code)
				 : OFFSET(layout, FrameObject, f_code);
	peek_take_fault(python->peek);
	uint64_t code = peek_u64(python->peek, address + (uint64_t)offset);
	if (python_since(python, PYTHON_VERSION(3, 14)))
		code &= STACKREF_MASK;
	bool is_code = codes_is_code(frames->codes, code);
	return peek_take_fault(python->peek) == FAULT_NONE && is_code ? code : 0;
}

enum fault frames_describe(struct frames *frames, const struct frame *frame,
			   struct frame_place *ret_place)
{
	const struct code *code;
	enum fault fault = codes_find(frames->codes, frame->code, &code);
	if (fault != FAULT_NONE)
		return fault;
	*ret_place = (struct frame_place){
		.function = code->function,
		.file = code->file,
		.line = code_line(code, frame->position),
	};
	return FAULT_NONE;
}
