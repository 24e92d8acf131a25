/* SPDX-License-Identifier: MIT */
/* What the handle of the public API holds. */
#ifndef HEAP_ATTACH_H
#define HEAP_ATTACH_H

#include <heapspy/attach.h>

#include "python/runtime.h"
#include "target/target.h"

struct heapspy {
	struct target *target;
	struct python *python;
	struct heapspy_target_info target_info;
	struct heapspy_python_info python_info;
};

/* A fresh look: maps, presence of pages, interpreters. At the start of a sample. */
struct heapspy_error *attach_refresh(struct heapspy *heapspy);

/* At the end of a sample: all of it came from the process that was opened. */
struct heapspy_error *attach_verify(struct heapspy *heapspy);

#endif
