/* SPDX-License-Identifier: MIT */
/*
 * Counting objects by type, with sizes: what the parts of a census share.
 */
#ifndef HEAP_COUNTER_H
#define HEAP_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/census.h"
#include "heap/pool_map.h"
#include "python/sizes.h"
#include "python/types.h"
#include "target/gather.h"

struct counter {
	struct python *python;
	struct pool_map pools;
	struct types *types;
	struct sizes *sizes;
	struct gather *keys; /* headers of dict keys, put off */
	struct tally *tallies;
	size_t tally_capacity;
	uint64_t tracked; /* objects counted, all types */
	uint64_t torn;
	/* The piece of memory that is being streamed. */
	const uint8_t *window;
	uint64_t window_address;
	size_t window_length;
};

bool counter_init(struct counter *counter, struct python *python, const struct arenas *arenas);
void counter_fini(struct counter *counter);

/* Count one object of which bytes are at hand. */
void counter_add(struct counter *counter, uint32_t type, const uint8_t *bytes, size_t length,
		 uint64_t address);

/* Count (sign 1) or take back (sign -1) one object anywhere in the target, given by
 * its GC head. False if there is no object. */
bool counter_add_tracked_at(struct counter *counter, uint64_t gc_head, int sign);

/* Forget all that was counted, keep the types. */
void counter_reset(struct counter *counter);

/* Do what was put off. */
void counter_settle(struct counter *counter);

/* Could this be the reference count of a living object? `word` is its first word.
 * Include/object.h: 64 bits wide up to 3.11, 32 in 3.12 and 3.13, then 32 with flags. */
static inline bool is_living(const struct python *python, uint64_t word)
{
	if (python->hexversion < PYTHON_VERSION(3, 12))
		return word - 1 < UINT64_C(1) << 48;
	if (python->hexversion < PYTHON_VERSION(3, 14))
		return word != 0 && word >> 32 == 0;
	return (uint32_t)word != 0 && (word >> 32 & 0xffff) == 0;
}

#endif
