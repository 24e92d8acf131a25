/* SPDX-License-Identifier: MIT */
#include "heap/census/pool_scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"


/* An arena is read in one piece; one of the hugepage builds of 3.15 in two. */
#define WINDOW (1u << 20)

bool outside_add(struct outside *outside, uint64_t gc_head)
{
	if (!ARRAY_RESERVE(outside->items, outside->capacity, outside->count + 1))
		return false;
	outside->items[outside->count++] = gc_head;
	return true;
}

void pool_scan_fini(struct pool_scan *scan)
{
	free(scan->outside.items);
	scan->outside = (struct outside){0};
}

static void scan_block(struct pool_scan *scan, const uint8_t *block, size_t size, uint64_t address)
{
	struct counter *counter = scan->counter;
	struct found_object found;
	if (!counter_find(counter, block, size, address, &found)) {
		scan->totals.raw_blocks++;
		scan->totals.raw_bytes += size;
		return;
	}
	bool counted = counter_add(counter, found.type, block + found.prefix, size - found.prefix,
				   address + found.prefix,
				   found.next ? COUNT_OBJECT | COUNT_TRACKED : COUNT_OBJECT);
	if (counted && scan->sparse)
		counter->tallies[found.type].pinning++;
	if (found.next && !pool_map_has(&counter->pools, found.next) &&
	    !outside_add(&scan->outside, found.next))
		counter->no_memory = true;
}

static void add_pool(struct heapspy_allocator *totals, const struct pool *pool, uint64_t pool_size)
{
	uint64_t room = pool_size - POOL_OVERHEAD, blocks = room / pool->block_size;
	uint64_t used = pool->used < blocks ? pool->used : blocks;
	struct heapspy_size_class *class = &totals->classes[pool->block_size / POOL_ALIGNMENT - 1];
	class->pools++;
	class->blocks_in_use += used;
	class->blocks_free += blocks - used;
	totals->pools++;
	totals->blocks_in_use += used;
	totals->bytes_in_use += used * pool->block_size;
	totals->bytes_free += (blocks - used) * pool->block_size;
	totals->bytes_pool_headers += POOL_OVERHEAD;
	totals->bytes_quantization += room % pool->block_size;
}

/* Bytes of the blocks in use, from the headers of the pools alone. */
static uint64_t bytes_in_use(const struct pool_scan *scan, const uint8_t *buffer, size_t length,
			     uint64_t pool_size)
{
	uint64_t bytes = 0;
	for (size_t offset = 0; offset + pool_size <= length; offset += pool_size) {
		uint32_t used, block;
		if (pool_peek(scan->counter->python, buffer + offset, &used, &block))
			bytes += (uint64_t)used * block;
	}
	return bytes;
}

static void scan_pool(struct pool_scan *scan, const uint8_t *bytes, uint64_t address, uint64_t pool_size)
{
	struct pool pool;
	if (!pool_decode(scan->counter->python, bytes, address, pool_size, &pool))
		return;
	if (!pool.consistent)
		scan->counter->torn++;
	add_pool(&scan->totals, &pool, pool_size);
	for (uint32_t i = 0; i < pool.carved; i++) {
		if (pool.free[i / 64] >> i % 64 & 1)
			continue;
		size_t offset = POOL_OVERHEAD + (size_t)i * pool.block_size;
		scan_block(scan, bytes + offset, pool.block_size, address + offset);
	}
}

static enum fault scan_arena(struct pool_scan *scan, uint8_t *buffer, const struct arena *arena)
{
	struct counter *counter = scan->counter;
	uint64_t pool_size = obmalloc_pool_size(counter->python);
	uint64_t arena_bytes = arena->end - arena->first;
	for (uint64_t at = arena->first; at < arena->carved_end; at += WINDOW) {
		size_t left = arena->carved_end - at, length = left < WINDOW ? left : WINDOW, covered = 0;
		enum fault fault = target_read_some(counter->python->target, at, buffer, length, &covered);
		scan->wanted += length;
		scan->covered += covered;
		if (fault == FAULT_GONE || fault == FAULT_DENIED)
			return fault;
		counter->window = buffer;
		counter->window_address = at;
		counter->window_length = length;
		uint64_t used = bytes_in_use(scan, buffer, length, pool_size);
		scan->sparse = used && used < arena_bytes / 10;
		if (scan->sparse) {
			scan->totals.sparse_arenas++;
			scan->totals.sparse_bytes += used;
		}
		for (size_t offset = 0; offset + pool_size <= length; offset += pool_size)
			scan_pool(scan, buffer + offset, at + offset, pool_size);
		counter->window_length = 0;
	}
	return FAULT_NONE;
}

static void add_arena(struct heapspy_allocator *totals, const struct arena *arena, uint64_t pool_size)
{
	bool aligned = arena->mapped == arena->first;
	totals->arenas++;
	totals->pools_free += arena->free_pools;
	totals->bytes_alignment += aligned ? 0 : pool_size;
	/* One that is not aligned has lost a pool. */
	totals->arena_size = (arena->total_pools + !aligned) * pool_size;
}

enum fault pool_scan_run(struct pool_scan *scan, const struct arenas *arenas)
{
	uint8_t *buffer = malloc(WINDOW);
	enum fault fault = buffer ? FAULT_NONE : FAULT_ABSENT;
	for (size_t i = 0; i < arenas->count && fault == FAULT_NONE; i++)
		fault = scan_arena(scan, buffer, &arenas->items[i]);
	free(buffer);
	for (size_t i = 0; i < arenas->count; i++)
		add_arena(&scan->totals, &arenas->items[i], obmalloc_pool_size(scan->counter->python));
	for (uint32_t i = 0; i < HEAPSPY_SIZE_CLASSES; i++)
		scan->totals.classes[i].block = (i + 1) * POOL_ALIGNMENT;
	scan->totals.pool_size = obmalloc_pool_size(scan->counter->python);
	scan->totals.arenas_allocated = arenas->counters.arenas_allocated;
	scan->totals.arenas_highwater = arenas->counters.arenas_highwater;
	scan->totals.large_blocks = arenas->counters.large_blocks;
	return fault;
}
