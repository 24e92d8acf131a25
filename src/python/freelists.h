/* SPDX-License-Identifier: MIT */
/*
 * Free lists: dead objects that CPython keeps for the next of their kind. Their
 * blocks are in use for pymalloc. Per interpreter since 3.10.
 * Include/internal/pycore_freelist_state.h, pycore_interp.h.
 */
#ifndef PYTHON_FREELISTS_H
#define PYTHON_FREELISTS_H

#include <heapspy/allocator.h>

#include "python/runtime.h"

/* How many lie on each list, over all interpreters. HEAPSPY_UNKNOWN for 3.8 and 3.9,
 * where they are counted in static variables of one name. */
void freelists_count(struct python *python, uint64_t counts[HEAPSPY_FREE_LIST_COUNT]);

#endif
