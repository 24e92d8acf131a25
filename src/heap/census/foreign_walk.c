/* SPDX-License-Identifier: MIT */
#include "heap/census/foreign_walk.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW (1u << 20)
#define LEAST_AT_HAND 2048 /* of an object: no rule looks farther */
#define STEP 16            /* what all of them align a block to that holds an object */

static bool can_hold_blocks(const struct mapping *mapping)
{
	return !mapping_is_file(mapping) && (mapping->flags & MAPPING_WRITE) &&
	       !(mapping->flags & MAPPING_SHARED) &&
	       (mapping->path[0] == '\0' || strcmp(mapping->path, "[heap]") == 0 ||
		strncmp(mapping->path, "[anon", 5) == 0);
}

/* The first block of a window may begin anywhere up to its last LEAST_AT_HAND bytes,
 * which the next window begins with. */
static void walk_range(struct target *target, uint8_t *window, uint64_t start, uint64_t end,
		       foreign_visitor *visit, void *context)
{
	static const uint8_t nothing[2 * STEP]; /* the GC head of an untracked object is zero */
	for (uint64_t at = start; at < end;) {
		size_t length = end - at < WINDOW ? end - at : WINDOW, covered = 0;
		size_t step = at + length < end ? length - LEAST_AT_HAND : length;
		if (target_read_some(target, at, window, length, &covered) == FAULT_NONE &&
		    covered) {
			for (size_t i = 0; i + STEP <= step; i += STEP)
				if (i + sizeof(nothing) > length || memcmp(window + i, nothing, sizeof(nothing)) != 0)
					visit(context, window + i, length - i, at + i);
		}
		at += step;
	}
}

bool foreign_walk(struct target *target, const struct arenas *arenas, foreign_visitor *visit, void *context)
{
	const struct maps *maps = target_maps(target);
	uint8_t *window = malloc(WINDOW);
	if (!window)
		return false;
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];
		if (!can_hold_blocks(mapping))
			continue;
		for (uint64_t at = mapping->start; at < mapping->end;) {
			uint64_t arena_end = arenas_end_at(arenas, at), next = arenas_next(arenas, at);
			uint64_t end = next < mapping->end ? next : mapping->end;
			if (arena_end)
				end = arena_end;
			else
				walk_range(target, window, at, end, visit, context);
			at = end;
		}
	}
	free(window);
	return true;
}
