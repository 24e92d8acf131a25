/* SPDX-License-Identifier: MIT */
#include "python/obmalloc.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "python/obmalloc_find.h"

/* 64 GiB of heap in arenas of 256 KiB; a larger table is damaged. */
#define MAX_ARENAS (1u << 22)

uint64_t obmalloc_pool_size(const struct python *python)
{
	return python_since(python, PYTHON_VERSION(3, 10)) ? 16384 : 4096;
}

void arenas_fini(struct arenas *arenas)
{
	free(arenas->items);
	*arenas = (struct arenas){0};
}

/* How many begin at or below the address. */
static size_t begun_at(const struct arenas *arenas, uint64_t address)
{
	return BISECT(arenas->count, at, arenas->items[at].mapped <= address);
}

uint64_t arenas_end_at(const struct arenas *arenas, uint64_t address)
{
	size_t begun = begun_at(arenas, address);
	return begun && address < arenas->items[begun - 1].end ? arenas->items[begun - 1].end : 0;
}

uint64_t arenas_next(const struct arenas *arenas, uint64_t address)
{
	size_t begun = begun_at(arenas, address);
	return begun < arenas->count ? arenas->items[begun].mapped : UINT64_MAX;
}

static bool add(struct arenas *arenas, const struct arena *arena)
{
	if ((arenas->count & (arenas->count - 1)) == 0) {
		size_t capacity = arenas->count ? arenas->count * 2 : 1;
		struct arena *items = realloc(arenas->items, capacity * sizeof(*items));
		if (!items)
			return false;
		arenas->items = items;
	}
	arenas->items[arenas->count++] = *arena;
	return true;
}

/* One arena_object of the table; false if its slot is unused or makes no sense. */
static bool read_arena(struct python *python, uint64_t entry, struct arena *arena)
{
	const struct layout *layout = &python->layout;
	uint64_t pool_size = obmalloc_pool_size(python);
	uint64_t address = peek_u64(python->peek, entry + OFFSET(layout, ArenaObject, address));
	if (!address)
		return false;
	uint64_t pool_address = peek_u64(python->peek, entry + OFFSET(layout, ArenaObject, pool_address));
	*arena = (struct arena){
		.mapped = address,
		.first = (address + pool_size - 1) & ~(pool_size - 1),
		.free_pools = peek_u32(python->peek, entry + OFFSET(layout, ArenaObject, nfreepools)),
		.total_pools = peek_u32(python->peek, entry + OFFSET(layout, ArenaObject, ntotalpools)),
	};
	if (arena->total_pools > 4096 || arena->free_pools > arena->total_pools)
		return false;
	arena->end = arena->first + arena->total_pools * pool_size;
	arena->carved_end = pool_address;
	return pool_address >= arena->first && pool_address <= arena->end && pool_address % pool_size == 0;
}

static enum fault read_table(struct python *python, const struct arena_table *table,
			     struct arenas *arenas)
{
	uint64_t size = (uint64_t)SIZEOF(&python->layout, ArenaObject);
	if (table->count > MAX_ARENAS)
		return FAULT_STRANGE;
	for (uint32_t i = 0; i < table->count; i++) {
		struct arena arena;
		bool used = read_arena(python, table->address + i * size, &arena);
		enum fault fault = peek_take_fault(python->peek);
		if (fault != FAULT_NONE)
			return fault;
		if (used && !add(arenas, &arena))
			return FAULT_ABSENT;
	}
	return FAULT_NONE;
}

static int compare_arenas(const void *a, const void *b)
{
	const struct arena *left = a, *right = b;
	return left->first < right->first ? -1 : left->first > right->first;
}

static void add_counter(uint64_t *total, uint64_t counter)
{
	*total = *total == UINT64_MAX || counter == UINT64_MAX ? UINT64_MAX : *total + counter;
}

enum fault obmalloc_arenas(struct python *python, struct arenas *ret_arenas)
{
	struct arena_table tables[PYTHON_MAX_INTERPRETERS];
	size_t table_count = obmalloc_find_tables(python, tables, PYTHON_MAX_INTERPRETERS);
	struct arenas arenas = {0};
	enum fault fault = peek_take_fault(python->peek);
	for (size_t i = 0; i < table_count && fault == FAULT_NONE; i++) {
		fault = read_table(python, &tables[i], &arenas);
		add_counter(&arenas.counters.arenas_allocated, tables[i].counters.arenas_allocated);
		add_counter(&arenas.counters.arenas_highwater, tables[i].counters.arenas_highwater);
		add_counter(&arenas.counters.large_blocks, tables[i].counters.large_blocks);
	}
	if (fault != FAULT_NONE) {
		arenas_fini(&arenas);
		return fault;
	}
	if (arenas.count) {
		qsort(arenas.items, arenas.count, sizeof(*arenas.items), compare_arenas);
		/* Overlapping arenas cannot be; the later would be counted twice. */
		size_t kept = 1;
		for (size_t i = 1; i < arenas.count; i++)
			if (arenas.items[i].first >= arenas.items[kept - 1].end)
				arenas.items[kept++] = arenas.items[i];
		arenas.count = kept;
	}
	*ret_arenas = arenas;
	return FAULT_NONE;
}

static uint32_t get_u32(const uint8_t *bytes, int32_t offset)
{
	uint32_t value;
	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

static uint64_t get_u64(const uint8_t *bytes, int32_t offset)
{
	uint64_t value;
	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

/* Every freed block begins with the address of the next. */
static uint32_t mark_free(const uint8_t *bytes, uint64_t address, uint64_t block, struct pool *pool)
{
	uint32_t count = 0;
	/* offset / size as a multiplication: exact for all offsets of a pool. */
	uint32_t reciprocal = (1u << 26) / pool->block_size + 1;
	while (block && count < pool->carved) {
		uint64_t offset = block - address - POOL_OVERHEAD;
		if (offset >= (uint64_t)pool->carved * pool->block_size)
			break;
		uint32_t index = (uint32_t)(offset * reciprocal >> 26);
		if (index * pool->block_size != offset)
			break;
		uint64_t bit = UINT64_C(1) << index % 64;
		if (pool->free[index / 64] & bit) /* a circle */
			break;
		pool->free[index / 64] |= bit;
		count++;
		block = get_u64(bytes, (int32_t)(POOL_OVERHEAD + offset));
	}
	return count;
}

bool pool_peek(const struct python *python, const uint8_t *header, uint32_t *ret_used,
	       uint32_t *ret_block_size)
{
	const struct layout *layout = &python->layout;
	uint32_t class = get_u32(header, OFFSET(layout, PoolHeader, szidx));
	uint32_t used = get_u32(header, OFFSET(layout, PoolHeader, ref_count));
	if (used == 0 || used > POOL_MAX_BLOCKS || class >= POOL_CLASSES)
		return false;
	*ret_used = used;
	*ret_block_size = (class + 1) * POOL_ALIGNMENT;
	return true;
}

bool pool_decode(const struct python *python, const uint8_t *bytes, uint64_t address,
		 uint64_t pool_size, struct pool *ret_pool)
{
	const struct layout *layout = &python->layout;
	uint32_t next_offset = get_u32(bytes, OFFSET(layout, PoolHeader, nextoffset));
	if (!pool_peek(python, bytes, &ret_pool->used, &ret_pool->block_size) ||
	    next_offset < POOL_OVERHEAD || next_offset > pool_size)
		return false;
	ret_pool->carved = (next_offset - POOL_OVERHEAD) / ret_pool->block_size;
	memset(ret_pool->free, 0, (ret_pool->carved + 63) / 64 * sizeof(ret_pool->free[0]));
	uint64_t chain = get_u64(bytes, OFFSET(layout, PoolHeader, freeblock));
	uint32_t free_count = mark_free(bytes, address, chain, ret_pool);
	ret_pool->consistent = ret_pool->carved - free_count == ret_pool->used;
	return true;
}
