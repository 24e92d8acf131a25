/* SPDX-License-Identifier: MIT */
#include "heap/census/malloc_scan.h"

#include <string.h>

#include "heap/census/foreign_walk.h"
#include "native/malloc_name.h"

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

static uint64_t skip_arena(void *context, uint64_t address)
{
	return arenas_end_at(((struct malloc_scan *)context)->arenas, address);
}

static void visit_foreign(void *context, const uint8_t *bytes, size_t length, uint64_t address)
{
	struct counter *counter = context;
	struct found_object found;
	/* Tracked ones were counted on their lists. */
	if (counter_find(counter, bytes, length, address, &found) && !found.next)
		counter_add(counter, found.type, bytes + found.prefix, length - found.prefix,
			    address + found.prefix, COUNT_OBJECT);
}

void malloc_scan_run(struct malloc_scan *scan)
{
	struct peek *peek = scan->counter->python->peek;
	if (!glibc_find(peek, &scan->glibc)) {
		scan->name = malloc_name(target_maps(scan->counter->python->target));
		foreign_walk(scan->counter->python->target, scan->arenas, visit_foreign, scan->counter);
		counter_settle(scan->counter);
		return;
	}
	scan->name = "glibc";
	glibc_walk(&scan->glibc, peek, visit, scan, &scan->totals);
	glibc_walk_mmapped(&scan->glibc, peek, skip_arena, visit, scan, &scan->totals);
	counter_settle(scan->counter);
}
