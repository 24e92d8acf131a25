/* SPDX-License-Identifier: MIT */
#include "heap/pool_scan.h"

#include <stdlib.h>
#include <string.h>

#include "python/gc.h"

/* An arena is read in one piece; one of the hugepage builds of 3.15 in two. */
#define WINDOW (1u << 20)

static uint64_t word_at(const uint8_t *bytes, size_t offset)
{
	uint64_t value;
	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

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

/* A word of a list that may be one: 8-aligned, and not the zero of the untracked. */
static bool is_link(uint64_t word)
{
	return (word & ~UINT64_C(3)) >= 4096 && (word & 4) == 0 && word < UINT64_C(1) << 47;
}

/* Where the refcount of an "object" could as well be the address of a static object
 * (a program that is not PIE lies below 4 GiB), the block may be an array of
 * pointers. The list tells: the next one points back. */
static bool is_on_list(struct counter *counter, uint64_t gc_head, uint64_t next)
{
	struct python *python = counter->python;
	uint64_t back = peek_u64(python->peek, next + OFFSET(&python->layout, GcHead, prev));
	return peek_take_fault(python->peek) == FAULT_NONE && (back & GC_POINTER_MASK) == gc_head;
}

#define SUSPICIOUS_REFCOUNT 0x10000

/* Is a tracked object `prefix` bytes into the block? Then it is counted. */
static bool try_tracked(struct pool_scan *scan, const uint8_t *block, size_t size, uint64_t address,
			size_t prefix)
{
	struct counter *counter = scan->counter;
	struct python *python = counter->python;
	if (prefix + 16 > size)
		return false;
	uint64_t next = word_at(block, prefix - 16);
	if (!is_link(next) || !is_link(word_at(block, prefix - 8)))
		return false;
	uint64_t refcount = word_at(block, prefix);
	if (!is_living(python, refcount))
		return false;
	uint32_t type = types_find(counter->types, word_at(block, prefix + 8));
	if (type == TYPES_NONE)
		return false;
	const struct type *known = types_get(counter->types, type);
	if (known->prefix != prefix - python->hook_bytes || !type_instances_have_gc_head(known) ||
	    prefix + (uint64_t)known->basicsize > size)
		return false;
	uint64_t gc_head = address + prefix - 16;
	next &= GC_POINTER_MASK;
	if ((uint32_t)refcount > SUSPICIOUS_REFCOUNT && !is_on_list(counter, gc_head, next))
		return false;
	counter_add(counter, type, block + prefix, size - prefix, address + prefix);
	if (!pool_map_has(&counter->pools, next))
		outside_add(&scan->outside, next);
	return true;
}

static void scan_block(struct pool_scan *scan, const uint8_t *block, size_t size, uint64_t address)
{
	size_t hook = scan->counter->python->hook_bytes;
	/* The GC head alone, or with the words of a managed dict before it. */
	if (!try_tracked(scan, block, size, address, hook + 16) &&
	    python_since(scan->counter->python, PYTHON_VERSION(3, 11)))
		try_tracked(scan, block, size, address, hook + 32);
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
