/* SPDX-License-Identifier: MIT */
/* What tracemalloc knows: a part of the documents of dump and stack. */
#ifndef OUTPUT_TRACEMALLOC_H
#define OUTPUT_TRACEMALLOC_H

#include <heapspy/tracemalloc.h>

#include "output/emitter.h"

/* Nothing where it is NULL. `limit` of lines, 0: all. */
void emit_tracemalloc(struct emitter *emitter, const struct heapspy_tracemalloc *tracemalloc,
		      size_t limit);

#endif
