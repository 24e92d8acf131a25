/* SPDX-License-Identifier: MIT */
/* What is said of how memory was captured, by all that walk the heap. */
#ifndef HEAP_CAPTURE_H
#define HEAP_CAPTURE_H

#include <heapspy/dump.h>

#include "heap/attach.h"
#include "heap/census/census.h"
#include "heap/instant.h"

/* From now on: of a process that runs on, or of a file. */
void capture_begin(struct heapspy_capture *capture, struct heapspy *heapspy);

/* It is of one instant. */
void capture_at(struct heapspy_capture *capture, const struct instant *instant);

/* How much of it a walk could read. Returns why that is not all; NULL: it is. */
const char *capture_walked(struct heapspy_capture *capture, const struct census *census);

void capture_end(struct heapspy_capture *capture, struct heapspy *heapspy);

#endif
