/* SPDX-License-Identifier: MIT */
#include "python/obmalloc_find.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "python/obmalloc.h"

/* The table starts with 16 slots and doubles: new_arena() of Objects/obmalloc.c. */
#define INITIAL_SLOTS 16

enum {
	MAX_WRITABLE = 16,
	MOST_SLOT = 128,       /* bytes */
	MOST_SLOTS = 1 << 22,
	CERTAIN = 2,           /* so many used slots are no chance */
	ATTEMPTS = 3,
};

/* So many slots are looked at in all: real tables have few, and what is none shows
 * in its first slots. */
#define MAX_LOOKS (1u << 23)

static bool known(const struct arena_table *tables, size_t count, uint64_t address)
{
	for (size_t i = 0; i < count; i++)
		if (tables[i].address == address)
			return true;
	return false;
}

/* 3.12+: interp->obmalloc, inline in 3.12, a pointer since 3.13. */
static size_t from_interpreters(struct python *python, struct arena_table *tables, size_t max)
{
	const struct layout *layout = &python->layout;
	size_t count = 0;
	for (size_t i = 0; i < python->interpreter_count && count < max; i++) {
		uint64_t state = python->interpreters[i].address + OFFSET(layout, InterpreterState, obmalloc);
		if (python_since(python, PYTHON_VERSION(3, 13)))
			state = peek_u64(python->peek, state);
		if (!state)
			continue;
		struct arena_table table = {
			.address = peek_u64(python->peek, state + OFFSET(layout, ObmallocState, arenas)),
			.count = peek_u32(python->peek, state + OFFSET(layout, ObmallocState, maxarenas)),
			.counters = {
				.arenas_allocated = peek_u64(
					python->peek, state + OFFSET(layout, ObmallocState, ntimes_arena_allocated)),
				.arenas_highwater = peek_u64(
					python->peek, state + OFFSET(layout, ObmallocState, narenas_highwater)),
				.large_blocks = peek_u64(
					python->peek, state + OFFSET(layout, ObmallocState, raw_allocated_blocks)),
			},
		};
		if (table.address && !known(tables, count, table.address))
			tables[count++] = table;
	}
	return count;
}

static uint64_t variable(struct python *python, const char *symbol)
{
	uint64_t address;
	return elf_module_symbol(python->module, symbol, &address, NULL) ? address : 0;
}

/* Up to 3.11, not stripped. */
static void seek_symbols(struct python *python)
{
	struct arena_variables *variables = &python->arena_variables;
	variables->sought = true;
	uint64_t arenas = variable(python, "arenas"), maxarenas = variable(python, "maxarenas");
	if (!arenas || !maxarenas)
		return;
	variables->arenas = arenas;
	variables->maxarenas = maxarenas;
	variables->allocated = variable(python, "ntimes_arena_allocated");
	variables->highwater = variable(python, "narenas_highwater");
	variables->large_blocks = variable(python, "raw_allocated_blocks");
}

static uint64_t counter(struct python *python, uint64_t address)
{
	return address ? peek_u64(python->peek, address) : UINT64_MAX;
}

static size_t from_symbols(struct python *python, struct arena_table *table)
{
	const struct arena_variables *variables = &python->arena_variables;
	table->address = peek_u64(python->peek, variables->arenas);
	table->count = peek_u32(python->peek, variables->maxarenas);
	table->counters = (struct obmalloc_counters){
		.arenas_allocated = counter(python, variables->allocated),
		.arenas_highwater = counter(python, variables->highwater),
		.large_blocks = counter(python, variables->large_blocks),
	};
	return table->address ? 1 : 0;
}

/* Could this be an arena_object? `ret_used`: an arena is behind it. */
static bool looks_like_slot(struct python *python, const uint8_t *bytes, bool *ret_used)
{
	const struct layout *layout = &python->layout;
	uint64_t pool_size = obmalloc_pool_size(python);
	uint64_t address, pool_address;
	uint32_t free_pools, total_pools;
	memcpy(&address, bytes + OFFSET(layout, ArenaObject, address), 8);
	memcpy(&pool_address, bytes + OFFSET(layout, ArenaObject, pool_address), 8);
	memcpy(&free_pools, bytes + OFFSET(layout, ArenaObject, nfreepools), 4);
	memcpy(&total_pools, bytes + OFFSET(layout, ArenaObject, ntotalpools), 4);
	*ret_used = address != 0;
	if (!address)
		return true;
	/* 64 pools, one less when the arena is not aligned to its pools. */
	return address % 4096 == 0 && pool_address % pool_size == 0 && pool_address >= address &&
	       pool_address <= address + 64 * pool_size && (total_pools == 64 || total_pools == 63) &&
	       free_pools <= total_pools;
}

/* The first pool of an arena says which slot of the table is its own. */
static bool pool_agrees(struct python *python, const uint8_t *slot, uint32_t index)
{
	const struct layout *layout = &python->layout;
	uint64_t pool_size = obmalloc_pool_size(python);
	uint64_t address, pool_address;
	memcpy(&address, slot + OFFSET(layout, ArenaObject, address), 8);
	memcpy(&pool_address, slot + OFFSET(layout, ArenaObject, pool_address), 8);
	uint64_t pool = (address + pool_size - 1) & ~(pool_size - 1);
	if (pool_address == pool) /* no pool was ever used */
		return true;
	uint32_t owner = peek_u32(python->peek, pool + OFFSET(layout, PoolHeader, arenaindex));
	return peek_take_fault(python->peek) == FAULT_NONE && owner == index;
}

/* One of the table at `address`. What was read while it changed is read once more, where
 * the slots before it leave little doubt. */
static bool is_slot(struct python *python, uint64_t address, uint32_t index, bool again,
		    bool *ret_used)
{
	uint64_t size = (uint64_t)SIZEOF(&python->layout, ArenaObject);
	for (unsigned i = 0; i < (again ? ATTEMPTS : 1); i++) {
		uint8_t slot[MOST_SLOT];
		if (i)
			peek_forget(python->peek);
		peek_bytes(python->peek, address + index * size, slot, size);
		if (peek_take_fault(python->peek) != FAULT_NONE)
			return false;
		if (looks_like_slot(python, slot, ret_used) &&
		    (!*ret_used || pool_agrees(python, slot, index)))
			return true;
	}
	return false;
}

/* Slots of the table at `address` for as long as they make sense; those that did before are
 * not looked at again. */
static uint32_t count_slots(struct python *python, uint64_t address, uint32_t proven,
			    uint32_t *looks)
{
	uint32_t count = proven, good = proven, used_count = proven;
	for (uint32_t wanted = proven ? 2 * proven : INITIAL_SLOTS; wanted <= MOST_SLOTS; wanted *= 2) {
		for (; count < wanted; count++) {
			bool used;
			if (*looks == 0 || (*looks)-- == 0 ||
			    !is_slot(python, address, count, used_count >= CERTAIN, &used))
				return used_count ? good : 0;
			used_count += used;
		}
		/* What follows a table by chance may look like unused slots: a table that
		 * grew has used ones in its second half. */
		if (!used_count)
			return 0;
		good = wanted;
	}
	return good;
}

static int compare_words(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

/* The table that the variable leads to by now, as when it was found. */
static bool from_variable(struct python *python, struct arena_table *table)
{
	struct arena_variables *variables = &python->arena_variables;
	for (unsigned i = 0; i < ATTEMPTS && variables->arenas; i++) {
		uint32_t looks = MAX_LOOKS;
		uint64_t address = peek_u64(python->peek, variables->arenas);
		if (peek_take_fault(python->peek) == FAULT_NONE && address) {
			if (address != variables->table)
				variables->proven = 0;
			variables->table = address;
			variables->proven = count_slots(python, address, variables->proven, &looks);
		}
		*table = (struct arena_table){
			address, variables->proven, {UINT64_MAX, UINT64_MAX, UINT64_MAX}};
		if (table->count)
			return true;
		peek_forget(python->peek);
	}
	return false;
}

/* The lowest word of a range that leads to a table. Where there are two of them, which is
 * the pointer that moves with the table is not known. `space` is as long as `words`. */
static bool search(struct python *python, const uint64_t range[2], const uint64_t *words,
		   uint64_t *space, uint32_t *looks, struct arena_table *table)
{
	size_t word_count = (range[1] - range[0]) / 8, count = 0;
	for (size_t i = 0; i < word_count; i++)
		if (words[i] >= 4096 && words[i] % 16 == 0 && words[i] < UINT64_C(1) << 47 &&
		    (words[i] < range[0] || words[i] >= range[1]))
			space[count++] = words[i];
	if (count == 0)
		return false;
	/* In order, so that the cache of pages serves neighbours. */
	qsort(space, count, 8, compare_words);
	for (size_t i = 0; i < count && *looks; i++) {
		if (i && space[i] == space[i - 1])
			continue;
		uint32_t slots = count_slots(python, space[i], 0, looks);
		if (!slots)
			continue;
		*table = (struct arena_table){
			space[i], slots, {UINT64_MAX, UINT64_MAX, UINT64_MAX}};
		bool alone = i + 1 == count || space[i + 1] != space[i];
		for (size_t j = 0; j < word_count && alone; j++)
			if (words[j] == space[i])
				python->arena_variables.arenas = range[0] + 8 * j;
		return true;
	}
	return false;
}

/* Up to 3.11, stripped: one word of the module's data points to a table. Which one is
 * remembered: the table may move when it grows, its pointer does not. */
static size_t from_invariants(struct python *python, struct arena_table *table)
{
	uint64_t ranges[MAX_WRITABLE][2];
	if (SIZEOF(&python->layout, ArenaObject) > MOST_SLOT)
		return 0;
	if (from_variable(python, table))
		return 1;
	uint32_t looks = MAX_LOOKS;
	bool found = false;
	size_t range_count = elf_module_writable(python->module, ranges, MAX_WRITABLE);
	for (size_t i = 0; i < range_count && i < MAX_WRITABLE && !found; i++) {
		uint64_t length = ranges[i][1] - ranges[i][0];
		if (length > (64u << 20))
			continue;
		uint64_t *words = malloc(2 * length + 8);
		size_t covered;
		if (!words)
			return 0;
		if (target_read_some(python->target, ranges[i][0], words, length, &covered) == FAULT_NONE)
			found = search(python, ranges[i], words, words + length / 8, &looks, table);
		free(words);
	}
	return found;
}

size_t obmalloc_find_tables(struct python *python, struct arena_table *tables, size_t max)
{
	if (max == 0)
		return 0;
	if (HAS(&python->layout, InterpreterState, obmalloc))
		return from_interpreters(python, tables, max);
	if (!python->module)
		return 0;
	if (!python->arena_variables.sought)
		seek_symbols(python);
	return python->arena_variables.maxarenas ? from_symbols(python, tables)
						 : from_invariants(python, tables);
}
