/* SPDX-License-Identifier: MIT */
/*
 * The state of the collector of one interpreter, and the heads of its lists.
 * Modules/gcmodule.c, Python/gc.c, Include/internal/pycore_gc.h and
 * pycore_interp_structs.h, 3.8 - 3.15.
 */
#ifndef PYTHON_GC_H
#define PYTHON_GC_H

#include <stdbool.h>
#include <stdint.h>

#include <heapspy/gc.h>

#include "base/fault.h"
#include "python/layout.h"
#include "target/peek.h"

/* Bits of _gc_next and _gc_prev that are no part of the address. */
#define GC_POINTER_MASK (~UINT64_C(3))

/* Where the three generations lie inside struct _gc_runtime_state. */
enum heapspy_collector gc_collector(const struct layout *layout);

/* Addresses of the list heads: generation 0, 1, 2, permanent; in the incremental
 * collector young, the two old spaces, permanent. */
#define GC_HEADS (HEAPSPY_GENERATIONS + 1)
void gc_heads(const struct layout *layout, uint64_t gc, uint64_t heads[GC_HEADS]);

/* The generation that gc.get_objects() counts the objects of a list to: both old
 * spaces are generation 2, and 1 is empty (gc_get_objects_impl(), 3.14.0). */
static inline unsigned gc_generation_of_list(const struct layout *layout, unsigned list)
{
	return list && gc_collector(layout) == HEAPSPY_COLLECTOR_INCREMENTAL ? 2 : list;
}

/* The counters. `objects` and `frozen` are left HEAPSPY_UNKNOWN. */
enum fault gc_read(struct peek *peek, const struct layout *layout, uint64_t gc,
		   struct heapspy_gc *ret_gc);

/* gc.get_count()[0]: objects tracked less those freed since the last collection. Leaves
 * faults in the peek. */
int64_t gc_young_count(struct peek *peek, const struct layout *layout, uint64_t gc);

/* Does the head of a list hold together with what it leads to: head.next.prev == head or
 * head.prev.next == head? Leaves no fault in the peek. */
bool gc_list_is_circular(struct peek *peek, const struct layout *layout, uint64_t head);

#endif
