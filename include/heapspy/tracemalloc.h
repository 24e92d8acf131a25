/* SPDX-License-Identifier: MIT */
/*
 * What a process knows of its own memory that has tracemalloc on: the lines that
 * allocated what it holds, as tracemalloc.take_snapshot().statistics('lineno') lists them.
 */
#ifndef HEAPSPY_TRACEMALLOC_H
#define HEAPSPY_TRACEMALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/api.h>

struct heapspy_tracemalloc_line {
	const char *file; /* sanitised; "?" where it cannot be read */
	uint32_t line;    /* 0: not known */
	uint64_t bytes;
	uint64_t blocks;
};

struct heapspy_tracemalloc {
	int32_t frame_limit; /* frames that it keeps of each block, of which the newest count */
	uint64_t traced;     /* tracemalloc.get_traced_memory(): now, and the most; HEAPSPY_UNKNOWN */
	uint64_t peak;       /* in stripped builds up to 3.11 */
	bool whole;          /* false: its tables changed while they were read */
	struct heapspy_tracemalloc_line *lines; /* by bytes, largest first */
	size_t line_count;
	uint64_t bytes, blocks; /* of all lines */
};

/* Takes NULL. */
HEAPSPY_API void heapspy_tracemalloc_free(struct heapspy_tracemalloc *tracemalloc);

#endif
