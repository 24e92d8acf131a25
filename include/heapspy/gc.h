/* SPDX-License-Identifier: MIT */
/* The cyclic garbage collector of each interpreter (CPython's gc module). */
#ifndef HEAPSPY_GC_H
#define HEAPSPY_GC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/api.h>
#include <heapspy/attach.h>
#include <heapspy/error.h>

enum heapspy_collector {
	HEAPSPY_COLLECTOR_GENERATIONAL, /* three generations */
	HEAPSPY_COLLECTOR_INCREMENTAL,  /* young and two old spaces: 3.14.0 - 3.14.4 */
};

#define HEAPSPY_GENERATIONS 3

/* One row of gc.get_stats(), gc.get_threshold(), gc.get_count(). */
struct heapspy_generation {
	int64_t threshold;
	int64_t count;
	uint64_t objects; /* len(gc.get_objects(n)), or HEAPSPY_UNKNOWN: a reading
	                     of the counters alone does not walk the lists */
	int64_t collections;
	int64_t collected;
	int64_t uncollectable;
	/* Seconds, from 3.15 on; NaN: this CPython does not record them. Threads of the
	 * interpreter wait for as long. Python/gc.c: add_stats(). */
	double duration; /* all its collections together */
	double last;     /* the last one; 0: there was none */
	double longest;  /* of the last ones: eleven of the youngest, three of the others */
};

struct heapspy_gc {
	enum heapspy_collector collector;
	bool enabled;     /* gc.isenabled() */
	bool collecting;  /* a collection is running at this instant */
	int debug;        /* gc.get_debug() */
	uint64_t garbage; /* len(gc.garbage), HEAPSPY_UNKNOWN: that is damaged */
	uint64_t frozen;  /* gc.get_freeze_count(), or HEAPSPY_UNKNOWN as above */
	struct heapspy_generation generations[HEAPSPY_GENERATIONS];
};

struct heapspy_interpreter {
	int64_t id;
	struct heapspy_gc gc;
};

/* One reading of the counters of all interpreters, main interpreter first. */
struct heapspy_gc_reading {
	enum heapspy_capture_mode mode;
	double time;     /* seconds since the epoch */
	double duration; /* seconds the reading took */
	struct heapspy_interpreter *interpreters;
	size_t interpreter_count;
};

/* Read the counters. Never stops the target; a fraction of a millisecond. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_gc_read(struct heapspy *heapspy, struct heapspy_gc_reading *ret_reading);

HEAPSPY_API void heapspy_gc_reading_fini(struct heapspy_gc_reading *reading);

/* "generational", "incremental". Static text. */
HEAPSPY_API const char *heapspy_collector_name(enum heapspy_collector collector);

#endif
