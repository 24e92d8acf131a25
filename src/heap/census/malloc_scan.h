/* SPDX-License-Identifier: MIT */
/* The chunks of malloc: objects among them that the collector does not track. */
#ifndef HEAP_MALLOC_SCAN_H
#define HEAP_MALLOC_SCAN_H

#include "heap/census/counter.h"
#include "native/glibc.h"

struct malloc_scan {
	struct counter *counter;
	const struct arenas *arenas; /* of pymalloc: they are no chunks */
	const char *name;            /* of the malloc in use, NULL where it is not known */
	struct glibc_totals totals;  /* zero for another than glibc's */
	struct glibc glibc;          /* no arenas where it was not found */
	uint64_t object_bytes;       /* of chunks that hold objects, tracked or not */
};

void malloc_scan_run(struct malloc_scan *scan);

#endif
