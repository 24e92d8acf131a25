/* SPDX-License-Identifier: MIT */
#include "native/glibc.h"

#include <stdlib.h>
#include <string.h>

#include "target/target.h"

#define WINDOW (1u << 20)
#define LEAST_AT_HAND 2048 /* of a chunk, its header included */

#define PREV_INUSE 1
#define IS_MMAPPED 2
#define SIZE_MASK (~UINT64_C(7))
#define MIN_SIZE 32
#define PAGE UINT64_C(4096)

/* Pages without a chunk before a mapping is given up: it is not malloc's. */
#define MAX_STRANGE_PAGES 512

/* A piece of the target, moved along with the walk. */
struct window {
	struct target *target;
	struct glibc_totals *totals;
	uint8_t *bytes;
	uint64_t start;
	size_t length;
};

static bool window_move(struct window *window, uint64_t start, uint64_t end)
{
	size_t length = end - start < WINDOW ? end - start : WINDOW, covered = 0;
	if (target_read_some(window->target, start, window->bytes, length, &covered) != FAULT_NONE)
		return false;
	window->totals->wanted += length;
	window->totals->covered += covered;
	window->start = start;
	window->length = length;
	return true;
}

static size_t window_left(const struct window *window, uint64_t address)
{
	uint64_t offset = address - window->start;
	return address >= window->start && offset < window->length ? window->length - offset : 0;
}

static uint64_t window_word(const struct window *window, uint64_t address)
{
	uint64_t value;
	memcpy(&value, window->bytes + (address - window->start), sizeof(value));
	return value;
}

/* Flags of the chunk that begins at `address`, which may lie behind the window. */
static uint64_t size_field(const struct window *window, struct peek *peek, uint64_t address)
{
	return window_left(window, address) >= 16 ? window_word(window, address + 8)
						  : peek_u64(peek, address + 8);
}

static void walk_segment(struct window *window, struct peek *peek, const struct glibc_segment *segment,
			 glibc_visitor *visit, void *context)
{
	struct glibc_totals *totals = window->totals;
	uint64_t at = segment->start;
	window->length = 0;
	while (at + MIN_SIZE <= segment->end) {
		size_t left = window_left(window, at);
		if (left < LEAST_AT_HAND && left < segment->end - at) {
			/* The header behind the last chunk is read too. */
			if (!window_move(window, at, segment->end))
				break;
			left = window->length;
		}
		uint64_t size = window_word(window, at + 8) & SIZE_MASK;
		if (size < MIN_SIZE || size % 16 || size > segment->end - at)
			break;
		if (size_field(window, peek, at + size) & PREV_INUSE) {
			totals->in_use += size;
			totals->chunks++;
			size_t length = left - 16 < size - 8 ? left - 16 : size - 8;
			struct glibc_chunk chunk = {at + 16, size - 8,
						    window->bytes + (at + 16 - window->start), length};
			visit(context, &chunk);
		} else {
			totals->free += size;
		}
		at += size;
	}
	/* Two words of a fence may be left at the end of a heap. */
	if (peek_take_fault(peek) != FAULT_NONE || segment->end - at > MIN_SIZE)
		totals->damaged = true;
}

void glibc_walk(const struct glibc *glibc, struct peek *peek, glibc_visitor *visit, void *context,
		struct glibc_totals *totals)
{
	struct window window = {.target = peek_target(peek), .totals = totals, .bytes = malloc(WINDOW)};
	if (!window.bytes) {
		totals->damaged = true;
		return;
	}
	for (size_t i = 0; i < glibc->segment_count; i++)
		walk_segment(&window, peek, &glibc->segments[i], visit, context);
	free(window.bytes);
	totals->free += glibc->top_bytes + glibc->fast_bytes;
	totals->in_use -= glibc->fast_bytes < totals->in_use ? glibc->fast_bytes : totals->in_use;
}

static bool can_be_mmapped_chunks(const struct mapping *mapping)
{
	/* glibc.mem.decorate_maps gives them a name. */
	return !mapping_is_file(mapping) && (mapping->flags & MAPPING_WRITE) &&
	       !(mapping->flags & MAPPING_SHARED) &&
	       (mapping->path[0] == '\0' || strncmp(mapping->path, "[anon: glibc", 12) == 0);
}

/* A chunk of its own at a page: its size, 0 if there is none. */
uint64_t glibc_mmapped_size(struct peek *peek, uint64_t page, uint64_t end)
{
	uint64_t header[2];
	memcpy(header, peek_at(peek, page, sizeof(header)), sizeof(header));
	if (peek_take_fault(peek) != FAULT_NONE)
		return 0;
	/* The whole mapping; since 2.43 less the header, which no next chunk lends its
	 * first word. */
	uint64_t size = ((header[1] & SIZE_MASK) + PAGE - 1) & ~(PAGE - 1);
	uint64_t slack = size - (header[1] & SIZE_MASK);
	bool fits = (header[1] & 7) == IS_MMAPPED && header[0] == 0 && (slack == 0 || slack == 16) &&
		    size && size <= end - page;
	return fits ? size : 0;
}

static void visit_mmapped(struct peek *peek, uint64_t page, uint64_t size, glibc_visitor *visit,
			  void *context)
{
	uint8_t bytes[LEAST_AT_HAND];
	size_t length = size - 16 < sizeof(bytes) ? size - 16 : sizeof(bytes);
	peek_bytes(peek, page + 16, bytes, length);
	if (peek_take_fault(peek) != FAULT_NONE)
		return;
	struct glibc_chunk chunk = {page + 16, size - 16, bytes, length};
	visit(context, &chunk);
}

static void remember(struct glibc *glibc, uint64_t start, uint64_t end)
{
	size_t count = glibc->mmapped_count;
	if ((count & (count - 1)) == 0) {
		struct glibc_segment *more = realloc(glibc->mmapped, (count ? 2 * count : 1) * sizeof(*more));
		if (!more)
			return;
		glibc->mmapped = more;
	}
	glibc->mmapped[glibc->mmapped_count++] = (struct glibc_segment){start, end};
}

static void walk_mapping(struct glibc *glibc, struct peek *peek, const struct mapping *mapping, glibc_skip *skip,
			 glibc_visitor *visit, void *context, struct glibc_totals *totals)
{
	unsigned strange = 0;
	for (uint64_t page = mapping->start; page < mapping->end && strange < MAX_STRANGE_PAGES;) {
		uint64_t known_end = skip ? skip(context, page) : 0;
		if (known_end > page) {
			page = (known_end + PAGE - 1) & ~(PAGE - 1);
			strange = 0;
			continue;
		}
		uint64_t size = glibc_mmapped_size(peek, page, mapping->end);
		if (!size) {
			strange++;
			page += PAGE;
			continue;
		}
		remember(glibc, page, page + size);
		totals->mmapped += size;
		totals->mmapped_chunks++;
		visit_mmapped(peek, page, size, visit, context);
		strange = 0;
		page += size;
	}
}

void glibc_walk_mmapped(struct glibc *glibc, struct peek *peek, glibc_skip *skip, glibc_visitor *visit, void *context,
			struct glibc_totals *totals)
{
	const struct maps *maps = target_maps(peek_target(peek));
	for (size_t i = 0; i < maps->count; i++)
		if (can_be_mmapped_chunks(&maps->items[i]))
			walk_mapping(glibc, peek, &maps->items[i], skip, visit, context, totals);
}
