/* SPDX-License-Identifier: MIT */
/*
 * What the tracemalloc module of the target knows, if it is on: for each block of memory
 * its size and where it was allocated. Modules/_tracemalloc.c (up to 3.12),
 * Python/tracemalloc.c, Include/internal/pycore_tracemalloc.h, pycore_hashtable.h;
 * Modules/hashtable.h in 3.8.
 */
#ifndef PYTHON_TRACEMALLOC_H
#define PYTHON_TRACEMALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "python/runtime.h"

#define TRACEMALLOC_UNKNOWN UINT64_MAX

/* Where its tables are. */
struct tracemalloc {
	bool tracing;
	int32_t frame_limit;  /* of a traceback: tracemalloc.start(N) */
	uint64_t traces;      /* table; 0: it cannot be found (stripped, up to 3.11) */
	uint64_t domains;     /* table of tables; 0: none */
	uint64_t traced;      /* get_traced_memory(); TRACEMALLOC_UNKNOWN as above */
	uint64_t peak;
};

enum fault tracemalloc_find(struct python *python, struct tracemalloc *ret_tracemalloc);

/* Blocks that were allocated by one line. */
struct tracemalloc_line {
	uint64_t file; /* of the target: what tracemalloc_file() takes */
	uint32_t line;
	uint64_t bytes, blocks;
};

struct tracemalloc_lines {
	struct tracemalloc_line *items; /* in no order */
	size_t count;
	uint64_t bytes, blocks; /* of them all */
	bool whole; /* each block that the tables count was seen, and they did not change */
};

/* By the newest frame of each traceback, as Snapshot.statistics('lineno') does. FAULT_ABSENT
 * also for want of memory. */
enum fault tracemalloc_lines(struct python *python, const struct tracemalloc *tracemalloc,
			     struct tracemalloc_lines *ret_lines);
void tracemalloc_lines_fini(struct tracemalloc_lines *lines);

/* The name of a file, sanitised; the caller frees it. NULL: it cannot be read. */
char *tracemalloc_file(struct python *python, uint64_t file);

#endif
