/* SPDX-License-Identifier: MIT */
/*
 * Counting objects by type, with sizes: what the parts of a census share.
 */
#ifndef HEAP_COUNTER_H
#define HEAP_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/census/census.h"
#include "heap/census/pool_map.h"
#include "python/object.h"
#include "python/sizes.h"
#include "python/types.h"
#include "target/gather.h"

struct counter {
	struct python *python;
	struct pool_map pools;
	struct types *types;
	struct sizes *sizes;
	struct gather *keys; /* headers of dict keys, put off */
	struct tally *tallies; /* by number of the type */
	size_t tally_capacity;
	uint64_t tracked; /* GC-tracked objects counted, all types */
	uint64_t torn;
	bool no_memory;   /* something was not counted for want of it */
	uint64_t mapped; /* bytes of address space in use: no object is larger */
	const struct census_watch *watch; /* NULL: nobody looks on */
	/* The piece of memory that is being streamed. */
	const uint8_t *window;
	uint64_t window_address;
	size_t window_length;
};

bool counter_init(struct counter *counter, struct python *python, const struct arenas *arenas);
void counter_fini(struct counter *counter);

/* In which columns an object counts: bits. */
enum {
	COUNT_OBJECT = 1,  /* it is one */
	COUNT_TRACKED = 2, /* gc.get_objects() would list it */
	COUNT_MINUS = 4,   /* take it back */
};

/* Count one object of which bytes are at hand. False without memory. */
bool counter_add(struct counter *counter, uint32_t type, const uint8_t *bytes, size_t length,
		 uint64_t address, unsigned columns);

/* Look for an object in a block that is in use. False: it is raw memory. */
bool counter_find(struct counter *counter, const uint8_t *block, size_t size, uint64_t address,
		  struct found_object *ret_found);

/* Count one tracked object anywhere in the target, given by its GC head. False if
 * there is no object. */
bool counter_add_tracked_at(struct counter *counter, uint64_t gc_head, unsigned columns);

/* Set the tracked columns to zero. */
void counter_reset_tracked(struct counter *counter);

/* Do what was put off. */
void counter_settle(struct counter *counter);

#endif
