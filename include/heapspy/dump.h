/* SPDX-License-Identifier: MIT */
/*
 * One summary of a heap. Sizes are bytes, times are seconds.
 *
 * `bytes` is the sum of what sys.getsizeof() would return for the same objects;
 * `gc_*` counts what gc.get_objects() would list.
 */
#ifndef HEAPSPY_DUMP_H
#define HEAPSPY_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/allocator.h>
#include <heapspy/api.h>
#include <heapspy/attach.h>
#include <heapspy/error.h>
#include <heapspy/gc.h>
#include <heapspy/mappings.h>
#include <heapspy/memory.h>
#include <heapspy/stack.h>
#include <heapspy/tracemalloc.h>

struct heapspy_capture {
	enum heapspy_capture_mode mode;
	double time;     /* when it was taken, seconds since the epoch */
	double duration; /* how long it took */
	double pause;    /* how long the target was stopped, 0 when it never was */
	uint64_t bytes_read;
	uint64_t torn_reads; /* structures that changed while they were read */
	double coverage;     /* share of the memory wanted that could be read, 0 to 1 */
};

/* One type object: two classes of the same name are two rows. */
struct heapspy_type {
	const char *name;   /* as Python prints it, valid UTF-8, sanitised */
	uint64_t address;   /* of the type object, in the target */
	uint64_t objects;   /* HEAPSPY_UNKNOWN where only GC-tracked ones were counted */
	uint64_t bytes;
	uint64_t gc_objects;
	uint64_t gc_bytes;
	uint64_t pinning; /* objects of it in arenas that are hardly used */
	uint64_t owned;   /* of bytes, what lies in blocks that belong to its objects: items
	                     of lists, tables of dicts */
};

struct heapspy_dump {
	struct heapspy_capture capture;
	struct heapspy_memory memory;
	struct heapspy_mappings mappings; /* nothing of a file */
	struct heapspy_interpreter *interpreters; /* main interpreter first */
	size_t interpreter_count;
	struct heapspy_type *types; /* by bytes, largest first */
	size_t type_count;
	struct heapspy_type total; /* name NULL, address 0 */
	struct heapspy_allocator allocator;
	struct heapspy_malloc malloc;
	struct heapspy_threads threads; /* as <heapspy/stack.h> reads them */
	struct heapspy_tracemalloc *tracemalloc; /* NULL unless it was asked for */
	const char **incomplete;   /* reasons, static text; count 0: complete */
	size_t incomplete_count;
};

struct heapspy_dump_options {
	bool stop;        /* of one instant: copy it while nothing in it moves, then count.
	                     A file is of one instant anyway */
	double max_pause; /* seconds for which it may be held for that; 0: 0.25 */
	bool tracemalloc; /* also what tracemalloc knows; HEAPSPY_INCOMPLETE if it is off */
};

/* options may be NULL. With `stop` also HEAPSPY_BUSY: it cannot be copied within
 * max_pause, or another process traces it. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_dump(struct heapspy *heapspy, const struct heapspy_dump_options *options,
	     struct heapspy_dump **ret_dump);

/* Takes NULL. */
HEAPSPY_API void heapspy_dump_free(struct heapspy_dump *dump);

#endif
