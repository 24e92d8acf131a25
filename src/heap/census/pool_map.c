/* SPDX-License-Identifier: MIT */
#include "heap/census/pool_map.h"

#include <stdlib.h>

static uint64_t *chunk_bits(struct pool_map *map, uint64_t number)
{
	uint32_t i = (uint32_t)number & map->mask;
	while (map->chunks[i].bits && map->chunks[i].number != number)
		i = (i + 1) & map->mask;
	if (!map->chunks[i].bits) {
		map->chunks[i].number = number;
		map->chunks[i].bits =
			calloc((UINT64_C(1) << (POOL_MAP_CHUNK_SHIFT - map->pool_shift)) / 64, sizeof(uint64_t));
	}
	return map->chunks[i].bits;
}

/* An upper bound of the chunks that the arenas lie in. */
static size_t count_chunks(const struct arenas *arenas)
{
	uint64_t last = UINT64_MAX;
	size_t count = 0;
	for (size_t i = 0; i < arenas->count; i++) {
		uint64_t first_chunk = arenas->items[i].first >> POOL_MAP_CHUNK_SHIFT;
		uint64_t last_chunk = arenas->items[i].end >> POOL_MAP_CHUNK_SHIFT;
		count += (first_chunk != last) + (last_chunk != first_chunk);
		last = last_chunk;
	}
	return count;
}

bool pool_map_init(struct pool_map *map, const struct arenas *arenas, uint64_t pool_size)
{
	uint32_t slots = 4;
	while (slots < 2 * count_chunks(arenas) + 1)
		slots *= 2;
	*map = (struct pool_map){
		.chunks = calloc(slots, sizeof(*map->chunks)),
		.mask = slots - 1,
		.pool_shift = (unsigned)__builtin_ctzll(pool_size),
	};
	if (!map->chunks)
		return false;
	for (size_t i = 0; i < arenas->count; i++) {
		for (uint64_t pool = arenas->items[i].first; pool < arenas->items[i].end; pool += pool_size) {
			uint64_t *bits = chunk_bits(map, pool >> POOL_MAP_CHUNK_SHIFT);
			if (!bits) {
				pool_map_fini(map);
				return false;
			}
			uint64_t number =
				(pool & ((UINT64_C(1) << POOL_MAP_CHUNK_SHIFT) - 1)) >> map->pool_shift;
			bits[number / 64] |= UINT64_C(1) << number % 64;
		}
	}
	return true;
}

void pool_map_fini(struct pool_map *map)
{
	if (map->chunks)
		for (uint32_t i = 0; i <= map->mask; i++)
			free(map->chunks[i].bits);
	free(map->chunks);
	*map = (struct pool_map){0};
}
