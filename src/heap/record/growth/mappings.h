/* SPDX-License-Identifier: MIT */
/*
 * Memory that a program maps itself: mmap.mmap(), and what numpy and its like do. It is
 * charged to the stack that mapped it, as its pages become resident: what is mapped and
 * never touched is no memory.
 */
#ifndef HEAP_RECORD_MAPPINGS_H
#define HEAP_RECORD_MAPPINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "heap/record/private.h"
#include "native/watch.h"

struct record_mappings;

/* What is mapped now is there at the start. NULL without memory, which the others take. */
struct record_mappings *record_mappings_new(struct record *record);
void record_mappings_free(struct record_mappings *mappings);

/* Something was mapped, or its protection changed. */
void record_mappings_add(struct record_mappings *mappings, const struct watch_event *event,
			 uint32_t stack);

/* Tell what became resident since, and what went. */
void record_mappings_look(struct record_mappings *mappings, bool has_malloc);

#endif
