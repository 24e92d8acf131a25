/* SPDX-License-Identifier: MIT */
/* Reading what tracemalloc knows, from whatever an attachment reads now. */
#ifndef HEAP_TRACEMALLOC_READING_H
#define HEAP_TRACEMALLOC_READING_H

#include <heapspy/error.h>
#include <heapspy/tracemalloc.h>

#include "python/runtime.h"

/* With `live` the target goes on meanwhile: its tables are read until they stay what they
 * are, some times. HEAPSPY_INCOMPLETE: it is not on, or cannot be found. */
struct heapspy_error *tracemalloc_reading_take(struct python *python, bool live,
					       struct heapspy_tracemalloc **ret_tracemalloc);

#endif
