/* SPDX-License-Identifier: MIT */
/*
 * The stack of a thread: its frames, and what the code of each is called.
 *
 * Include/cpython/frameobject.h (3.8 - 3.10), Include/internal/pycore_frame.h and
 * pycore_interpframe_structs.h (3.11 - 3.15), Include/cpython/code.h.
 *
 * Frames that Python does not show are left out: those which the interpreter puts
 * in for itself, and those which have not begun (_PyFrame_IsIncomplete()).
 */
#ifndef PYTHON_FRAMES_H
#define PYTHON_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "python/runtime.h"

/* A longer stack is cut off there. */
#define FRAMES_MAX 100000

/* So many frames are looked at in all: thousands of threads may seem to have one deep stack. */
#define FRAMES_IN_ALL (2u << 20)

/* A frame as it lies in the target. */
struct frame {
	uint64_t address;
	uint64_t code;    /* its code object */
	int64_t position; /* of its instruction: bytes from the first one; negative: none yet */
	uint32_t run;     /* which call of _PyEval_EvalFrameDefault() executes it: index in `runs` */
};

/* One call of _PyEval_EvalFrameDefault() on the C stack. Up to 3.10 it executes one frame,
 * since then also those that its frames call; but it may also have none that is shown. */
struct frame_run {
	uint64_t anchor; /* an address in its C frame (3.12+); 0: not known */
};

struct frame_list {
	struct frame *items; /* newest first */
	size_t count, capacity;
	struct frame_run *runs; /* newest first */
	size_t run_count, run_capacity;
	bool cut; /* there are more than FRAMES_MAX */
};

void frame_list_fini(struct frame_list *list);

/* What is shown of a frame. */
struct frame_place {
	const char *function; /* qualified name from 3.11 on, else the name; sanitised */
	const char *file;     /* co_filename, sanitised */
	int32_t line;         /* LINE_NONE: it has none, or it cannot be told */
};

/* Remembers code objects, so that each is read once. */
struct frames;

/* NULL without memory. */
struct frames *frames_new(struct python *python);
void frames_free(struct frames *frames);
DEFINE_CLEANUP(struct frames *, frames_free)

/* The frames of a thread state, in place of what `list` held. After a fault it holds
 * those before it. FAULT_STRANGE: they go in a circle, or are no frames. */
enum fault frames_walk(struct frames *frames, uint64_t thread, struct frame_list *list);

/* The code object of what may be a frame at an address; 0: it is none. */
uint64_t frames_code_at(struct frames *frames, uint64_t address);

/* The texts live as long as `frames`. */
enum fault frames_describe(struct frames *frames, const struct frame *frame,
			   struct frame_place *ret_place);

#endif
