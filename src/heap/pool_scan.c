/* SPDX-License-Identifier: MIT */
#include "heap/pool_scan.h"

#include <stdlib.h>
#include <string.h>


/* An arena is read in one piece; one of the hugepage builds of 3.15 in two. */
#define WINDOW (1u << 20)

void outside_add(struct outside *outside, uint64_t gc_head)
{
	if (outside->count == outside->capacity) {
		size_t capacity = outside->capacity ? outside->capacity * 2 : 1024;
		uint64_t *items = realloc(outside->items, capacity * sizeof(*items));
		if (!items)
			return;
		outside->items = items;
		outside->capacity = capacity;
	}
	outside->items[outside->count++] = gc_head;
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
		scan->raw_blocks++;
		scan->raw_bytes += size;
		return;
	}
	counter_add(counter, found.type, block + found.prefix, size - found.prefix,
		    address + found.prefix,
		    found.next ? COUNT_OBJECT | COUNT_TRACKED : COUNT_OBJECT);
	if (found.next && !pool_map_has(&counter->pools, found.next))
		outside_add(&scan->outside, found.next);
}

static void scan_pool(struct pool_scan *scan, const uint8_t *bytes, uint64_t address, uint64_t pool_size)
{
	struct pool pool;
	if (!pool_decode(scan->counter->python, bytes, address, pool_size, &pool))
		return;
	if (!pool.consistent)
		scan->counter->torn++;
	for (uint32_t i = 0; i < pool.carved; i++) {
		if (pool.free[i / 64] >> i % 64 & 1)
			continue;
		size_t offset = POOL_OVERHEAD + (size_t)i * pool.block_size;
		scan_block(scan, bytes + offset, pool.block_size, address + offset);
	}
}

static enum fault scan_range(struct pool_scan *scan, uint8_t *buffer, uint64_t start, uint64_t end)
{
	struct counter *counter = scan->counter;
	uint64_t pool_size = obmalloc_pool_size(counter->python);
	for (uint64_t at = start; at < end; at += WINDOW) {
		size_t length = end - at < WINDOW ? end - at : WINDOW, covered = 0;
		enum fault fault = target_read_some(counter->python->target, at, buffer, length, &covered);
		scan->wanted += length;
		scan->covered += covered;
		if (fault == FAULT_GONE || fault == FAULT_DENIED)
			return fault;
		counter->window = buffer;
		counter->window_address = at;
		counter->window_length = length;
		for (size_t offset = 0; offset + pool_size <= length; offset += pool_size)
			scan_pool(scan, buffer + offset, at + offset, pool_size);
		counter->window_length = 0;
	}
	return FAULT_NONE;
}

enum fault pool_scan_run(struct pool_scan *scan, const struct arenas *arenas)
{
	uint8_t *buffer = malloc(WINDOW);
	enum fault fault = buffer ? FAULT_NONE : FAULT_ABSENT;
	for (size_t i = 0; i < arenas->count && fault == FAULT_NONE; i++)
		fault = scan_range(scan, buffer, arenas->items[i].first, arenas->items[i].carved_end);
	free(buffer);
	return fault;
}
