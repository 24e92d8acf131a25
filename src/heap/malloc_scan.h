/* SPDX-License-Identifier: MIT */
/* The chunks of glibc's malloc: objects among them that the collector does not track. */
#ifndef HEAP_MALLOC_SCAN_H
#define HEAP_MALLOC_SCAN_H

#include "heap/counter.h"
#include "native/glibc.h"

struct malloc_scan {
	struct counter *counter;
	const struct arenas *arenas; /* of pymalloc: they are no chunks */
	struct glibc_totals totals;
	struct glibc glibc;          /* no arenas where it was not found */
	uint64_t object_bytes;       /* of chunks that hold objects, tracked or not */
};

void malloc_scan_run(struct malloc_scan *scan);

#endif
