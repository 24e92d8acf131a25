/* SPDX-License-Identifier: MIT */
/* Streaming the pools: every block that is in use, classified. */
#ifndef HEAP_POOL_SCAN_H
#define HEAP_POOL_SCAN_H

#include <heapspy/allocator.h>

#include "heap/census/counter.h"

/* Heads of objects outside the pools that follow one inside on a GC list. */
struct outside {
	uint64_t *items;
	size_t count, capacity;
};

struct pool_scan {
	struct counter *counter;
	struct outside outside;
	uint64_t wanted, covered; /* bytes */
	struct heapspy_allocator totals;
	bool sparse; /* the arena that is being scanned is hardly used */
};

enum fault pool_scan_run(struct pool_scan *scan, const struct arenas *arenas);
void pool_scan_fini(struct pool_scan *scan);

/* Also used for the heads themselves. False without memory: it is lost. */
bool outside_add(struct outside *outside, uint64_t gc_head);

#endif
