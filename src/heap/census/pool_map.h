/* SPDX-License-Identifier: MIT */
/* Is an address inside a pymalloc pool? One bit a pool, found in a few cycles. */
#ifndef HEAP_POOL_MAP_H
#define HEAP_POOL_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "python/obmalloc.h"

/* One GiB of address space. */
struct pool_map_chunk {
	uint64_t number;
	uint64_t *bits;
};

struct pool_map {
	struct pool_map_chunk *chunks; /* open hash table */
	uint32_t mask;
	unsigned pool_shift;
};

/* False without memory. */
bool pool_map_init(struct pool_map *map, const struct arenas *arenas, uint64_t pool_size);
void pool_map_fini(struct pool_map *map);

#define POOL_MAP_CHUNK_SHIFT 30

static inline bool pool_map_has(const struct pool_map *map, uint64_t address)
{
	uint64_t number = address >> POOL_MAP_CHUNK_SHIFT;
	for (uint32_t i = (uint32_t)number & map->mask; map->chunks[i].bits; i = (i + 1) & map->mask) {
		if (map->chunks[i].number != number)
			continue;
		uint64_t pool = (address & ((UINT64_C(1) << POOL_MAP_CHUNK_SHIFT) - 1)) >> map->pool_shift;
		return map->chunks[i].bits[pool / 64] >> pool % 64 & 1;
	}
	return false;
}

#endif
