/* SPDX-License-Identifier: MIT */
/* What the handle of the public API holds. */
#ifndef HEAP_ATTACH_H
#define HEAP_ATTACH_H

#include <heapspy/attach.h>
#include <heapspy/mappings.h>
#include <heapspy/memory.h>

#include "python/runtime.h"
#include "target/target.h"

struct census;

struct heapspy {
	struct target *target;
	struct python *python;
	struct heapspy_target_info target_info;
	struct heapspy_python_info python_info;
	/* Of a file: when its memory was taken, and how the kernel accounted it. */
	double time, pause;
	struct heapspy_memory memory;
};

/* From a target to what is said of it: finds its Python and fills in python_info. */
struct heapspy_error *attach_python(struct heapspy *heapspy,
				    const struct heapspy_attach_options *options);

static inline bool attach_is_file(const struct heapspy *heapspy)
{
	return heapspy->target_info.kind != HEAPSPY_TARGET_PROCESS;
}

static inline enum heapspy_capture_mode attach_mode(const struct heapspy *heapspy)
{
	return attach_is_file(heapspy) ? HEAPSPY_CAPTURE_FILE : HEAPSPY_CAPTURE_RUNNING;
}

/* When memory that is read now is of: seconds since the epoch. */
double attach_time(const struct heapspy *heapspy);

/* The memory account: of a file, the one it brought along. HEAPSPY_GONE. */
struct heapspy_error *attach_memory(struct heapspy *heapspy, const struct census *census,
				    struct heapspy_memory *ret_memory,
				    struct heapspy_mappings *ret_mappings);

/* A fresh look: maps, presence of pages, interpreters. At the start of a sample. */
struct heapspy_error *attach_refresh(struct heapspy *heapspy);

/* At the end of a sample: all of it came from the process that was opened. */
struct heapspy_error *attach_verify(struct heapspy *heapspy);

/* What went wrong may only be that the process went: takes the error, returns the one to
 * be told. */
struct heapspy_error *attach_explain(struct heapspy *heapspy, struct heapspy_error *error);

#endif
