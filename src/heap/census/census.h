/* SPDX-License-Identifier: MIT */
/*
 * The census: how many objects of each type, and how many bytes.
 *
 * The pools of pymalloc are streamed through a buffer, block by block: the GC
 * header of a block says whether the collector tracks it. Tracked objects that
 * lie elsewhere (large ones, types) are neighbours of those in pools on the GC
 * lists: they are reached by following the links while these point outside. So
 * no list is walked object by object, but for the short ones, which say how many
 * objects each generation has and which are frozen. What is neither in a pool nor
 * tracked (a large str) is a chunk of malloc's, and found there.
 */
#ifndef HEAP_CENSUS_H
#define HEAP_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/allocator.h>
#include <heapspy/error.h>
#include <heapspy/gc.h>

#include "base/cleanup.h"
#include "native/glibc.h"
#include "python/obmalloc.h"
#include "python/runtime.h"
#include "python/types.h"

struct tally {
	uint64_t objects, bytes;       /* all of them */
	uint64_t owned;                /* bytes in blocks of their own */
	uint64_t gc_objects, gc_bytes; /* those that gc.get_objects() lists */
	uint64_t pinning;              /* those in arenas that are hardly used */
};

/* The lists of one interpreter; HEAPSPY_UNKNOWN where they changed under the walk. */
struct census_lists {
	uint64_t interpreter; /* address of its state */
	uint64_t objects[HEAPSPY_GENERATIONS];
	uint64_t frozen;
};

struct census {
	struct types *types;
	struct tally *tallies;      /* by number of the type */
	size_t type_count;
	struct census_lists *lists; /* one an interpreter */
	size_t list_count;
	uint64_t torn;              /* structures that changed while they were read */
	uint64_t wanted, covered;   /* bytes of pools: to be read, and read */
	struct heapspy_allocator allocator;
	struct arenas arenas;       /* where pymalloc's memory lies */
	const char *malloc_name;    /* NULL where it is not known */
	struct glibc_totals malloc; /* glibc's heap */
	struct glibc glibc;         /* where it lies */
	bool uses_pymalloc;
};

struct object;
struct measure;

/* Somebody who looks on while objects are counted. All are called with `context`. */
struct census_watch {
	/* One object, by the number of its type; the table of its keys is not in the
	 * measure. Each object that is counted is seen once. */
	void (*see)(void *context, uint32_t type, const struct object *object,
		    const struct measure *measure, bool tracked);
	/* All were seen. */
	void (*end)(void *context);
	/* One of those on the short lists of the collector, and its generation;
	 * HEAPSPY_GENERATIONS: it is frozen. */
	void (*list)(void *context, uint64_t address, unsigned generation);
	/* Where all others are that are tracked; not known where the lists changed. */
	void (*rest)(void *context, bool known, unsigned generation);
	void *context;
};

/* Count. The caller has refreshed the target and listed the interpreters. `watch` may
 * be NULL. */
struct heapspy_error *census_take(struct python *python, const struct census_watch *watch,
				  struct census **ret_census);

void census_free(struct census *census);
DEFINE_CLEANUP(struct census *, census_free)

#endif
