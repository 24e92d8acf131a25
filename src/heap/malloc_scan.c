/* SPDX-License-Identifier: MIT */
#include "heap/malloc_scan.h"

#include <string.h>

/* With the debug hooks on, what pymalloc hands on to malloc gets the header of the
 * raw domain as well, before that of its own: how many bytes that is. */
static size_t raw_header(const struct python *python, const struct glibc_chunk *chunk)
{
	static const uint8_t raw[] = {'r', 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd};
	return python->hook_bytes && chunk->length >= 32 && memcmp(chunk->bytes + 8, raw, 8) == 0 ? 16 : 0;
}

static void visit(void *context, const struct glibc_chunk *chunk)
{
	struct malloc_scan *scan = context;
	struct counter *counter = scan->counter;
	size_t skipped = raw_header(counter->python, chunk);
	const uint8_t *block = chunk->bytes + skipped;
	/* What is at hand may be less than the chunk: no rule looks farther. */
	size_t length = chunk->length - skipped;
	uint64_t address = chunk->address + skipped;
	struct found_object found;
	if (!counter_find(counter, block, length, address, &found))
		return;
	scan->object_bytes += chunk->size;
	/* Tracked ones were counted on their lists. */
	if (!found.next)
		counter_add(counter, found.type, block + found.prefix, length - found.prefix,
			    address + found.prefix, COUNT_OBJECT);
}

/* The end of the arena of pymalloc that an address lies in, 0 if it is in none. */
static uint64_t skip_arena(void *context, uint64_t address)
{
	const struct arenas *arenas = ((struct malloc_scan *)context)->arenas;
	size_t low = 0, high = arenas->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct arena *arena = &arenas->items[middle];
		if (address >= arena->mapped && address < arena->end)
			return arena->end;
		if (arena->mapped > address)
			high = middle;
		else
			low = middle + 1;
	}
	return 0;
}

void malloc_scan_run(struct malloc_scan *scan)
{
	struct peek *peek = scan->counter->python->peek;
	if (!glibc_find(peek, &scan->glibc))
		return;
	glibc_walk(&scan->glibc, peek, visit, scan, &scan->totals);
	glibc_walk_mmapped(&scan->glibc, peek, skip_arena, visit, scan, &scan->totals);
	counter_settle(scan->counter);
}
