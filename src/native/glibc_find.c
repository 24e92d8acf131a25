/* SPDX-License-Identifier: MIT */
#include "native/glibc.h"

#include <stdlib.h>
#include <string.h>

#include "target/target.h"

/* How struct malloc_state lies around its bins; fastbins went in 2.43. */
static const struct variant {
	unsigned bins, top, next, size;
	int fastbins; /* -1: none */
} variants[] = {
	{.bins = 112, .top = 96, .next = 2160, .size = 2200, .fastbins = 16},
	{.bins = 24, .top = 8, .next = 2072, .size = 2112, .fastbins = -1},
};

#define FASTBINS 10
#define BIN_PAIRS 127
#define MAX_ARENAS 4096
#define MAX_HEAPS 65536
#define MAX_FAST_CHUNKS (1u << 22) /* of all arenas together */
#define LARGEST_FAST 176           /* MAX_FAST_SIZE, and a header: malloc.c */
#define SIZE_MASK (~UINT64_C(7))

static uint64_t word(struct peek *peek, uint64_t address)
{
	return peek_u64(peek, address);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool is_libc(const struct mapping *mapping)
{
	const char *name = base_name(mapping->path);
	return strncmp(name, "libc.so.6", 9) == 0 || strncmp(name, "libc-2.", 7) == 0;
}

/* A pair of a bin: empty, it points at itself; else the chunks point back. */
static bool is_bin(struct peek *peek, const uint64_t *pair, uint64_t address)
{
	uint64_t self = address - 16;
	if (pair[0] == self && pair[1] == self)
		return true;
	if (pair[0] < 4096 || pair[1] < 4096 || pair[0] % 16 || pair[1] % 16)
		return false;
	bool back = word(peek, pair[0] + 24) == self && word(peek, pair[1] + 16) == self;
	return peek_take_fault(peek) == FAULT_NONE && back;
}

/* Address of a run of BIN_PAIRS bins in a piece of memory, 0 if there is none. */
static uint64_t find_bins(struct peek *peek, uint64_t start, uint64_t end)
{
	size_t length = end - start, covered;
	if (length > (16u << 20))
		return 0;
	uint64_t *words = malloc(length);
	uint64_t found = 0;
	if (words && target_read_some(peek_target(peek), start, words, length, &covered) == FAULT_NONE) {
		size_t run = 0;
		for (size_t i = 0; i + 1 < length / 8 && !found;) {
			if (words[i] && is_bin(peek, &words[i], start + 8 * i)) {
				if (++run == BIN_PAIRS)
					found = start + 8 * (i - 2 * (BIN_PAIRS - 1));
				i += 2;
			} else {
				/* A run that broke off may have begun a word too early. */
				i = run ? i - 2 * run + 1 : i + 1;
				run = 0;
			}
		}
	}
	free(words);
	return found;
}

/* libc's writable data, and the .bss that follows it. */
static uint64_t find_main_bins(struct peek *peek)
{
	const struct maps *maps = target_maps(peek_target(peek));
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];
		if (!(mapping->flags & MAPPING_WRITE) || !is_libc(mapping))
			continue;
		uint64_t end = mapping->end;
		if (i + 1 < maps->count && maps->items[i + 1].start == end && !mapping_is_file(&maps->items[i + 1]))
			end = maps->items[i + 1].end;
		uint64_t bins = find_bins(peek, mapping->start, end);
		if (bins)
			return bins;
	}
	return 0;
}

static bool add_segment(struct glibc *glibc, uint64_t start, uint64_t end)
{
	if (end <= start)
		return true;
	struct glibc_segment *segments =
		realloc(glibc->segments, (glibc->segment_count + 1) * sizeof(*segments));
	if (!segments)
		return false;
	glibc->segments = segments;
	glibc->segments[glibc->segment_count++] = (struct glibc_segment){start, end};
	return true;
}

/* The main arena grows by brk: from the start of [heap] to its top. */
static void add_main_heap(struct glibc *glibc, struct peek *peek, uint64_t top)
{
	const struct mapping *heap = maps_find(target_maps(peek_target(peek)), top);
	if (heap && strcmp(heap->path, "[heap]") == 0)
		add_segment(glibc, heap->start, top);
}

/* A thread arena: heaps linked from the newest, which holds the top, to the first,
 * which holds the state itself. struct heap_info is 48 bytes since 2.35, 32 before:
 * the size of the state and its place tell. */
static void add_thread_heaps(struct glibc *glibc, struct peek *peek, const struct variant *variant,
			     uint64_t arena, uint64_t top)
{
	uint64_t heap = top & ~(GLIBC_HEAP_MAX_SIZE - 1);
	uint64_t info_size = arena % GLIBC_HEAP_MAX_SIZE == 32 ? 32 : 48;
	for (unsigned i = 0; heap && glibc->segment_count < MAX_HEAPS; i++) {
		bool first = heap == (arena & ~(GLIBC_HEAP_MAX_SIZE - 1));
		uint64_t start = first ? (arena + variant->size + 15) & ~UINT64_C(15) : heap + info_size;
		uint64_t size = word(peek, heap + 16);
		uint64_t end = i == 0 ? top : heap + size;
		uint64_t prev = word(peek, heap + 8);
		if (peek_take_fault(peek) != FAULT_NONE || size > GLIBC_HEAP_MAX_SIZE ||
		    end > heap + GLIBC_HEAP_MAX_SIZE || !add_segment(glibc, start, end))
			break;
		heap = first ? 0 : prev;
	}
}

/* The top of a heap, which ends with it; of one that says otherwise what there is. */
static uint64_t top_bytes(struct peek *peek, uint64_t top, uint64_t size)
{
	const struct mapping *mapping = maps_find(target_maps(peek_target(peek)), top);
	uint64_t room = mapping ? mapping->end - top : 0;
	return size < room ? size : room;
}

static uint64_t fast_bytes(struct peek *peek, const struct variant *variant, uint64_t arena,
			   unsigned *left)
{
	uint64_t bytes = 0;
	for (unsigned i = 0; variant->fastbins >= 0 && i < FASTBINS; i++) {
		uint64_t chunk = word(peek, arena + (unsigned)variant->fastbins + 8 * i);
		for (; chunk && *left; --*left) {
			uint64_t size = word(peek, chunk + 8) & SIZE_MASK;
			if (size > LARGEST_FAST)
				break;
			bytes += size;
			/* PROTECT_PTR() of 2.32 and later; plain before. */
			uint64_t link = word(peek, chunk + 16);
			uint64_t next = link ^ (chunk + 16) >> 12;
			chunk = next % 16 == 0 ? next : link;
			if (peek_take_fault(peek) != FAULT_NONE || chunk % 16)
				break;
		}
	}
	return bytes;
}

/* Is this the ring of arenas, closed? Then all of them are taken in. */
static bool take_ring(struct glibc *glibc, struct peek *peek, const struct variant *variant, uint64_t main)
{
	uint64_t arena = main;
	unsigned fast_left = MAX_FAST_CHUNKS;
	do {
		uint64_t top = word(peek, arena + variant->top);
		uint64_t top_size = word(peek, top + 8) & SIZE_MASK;
		uint64_t next = word(peek, arena + variant->next);
		if (peek_take_fault(peek) != FAULT_NONE || !top || top % 16 || glibc->arena_count == MAX_ARENAS)
			return false;
		if (arena == main)
			add_main_heap(glibc, peek, top);
		else
			add_thread_heaps(glibc, peek, variant, arena, top);
		glibc->arena_count++;
		glibc->top_bytes += top_bytes(peek, top, top_size);
		glibc->fast_bytes += fast_bytes(peek, variant, arena, &fast_left);
		arena = next;
	} while (arena != main);
	return true;
}

bool glibc_find(struct peek *peek, struct glibc *ret_glibc)
{
	uint64_t bins = find_main_bins(peek);
	if (!bins)
		return false;
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		struct glibc glibc = {0};
		if (take_ring(&glibc, peek, &variants[i], bins - variants[i].bins)) {
			*ret_glibc = glibc;
			return true;
		}
		glibc_fini(&glibc);
	}
	return false;
}

/* ---- counters ------------------------------------------------------------------ */

/* system_mem follows next, next_free and attached_threads. */
#define SYSTEM_AFTER_NEXT 24

/* DEFAULT_MMAP_MAX: what n_mmaps_max is unless a program asks for something else. */
#define DEFAULT_MMAP_MAX 65536

/* struct malloc_par: mmapped_mem, max_mmapped_mem and sbrk_base lie side by side behind a
 * few ints, n_mmaps_max among them. The base is where [heap] begins. */
static uint64_t find_mmapped_mem(struct peek *peek, uint64_t start, uint64_t end, uint64_t heap)
{
	uint64_t found = 0;
	for (uint64_t at = start + 64; at + 8 <= end; at += 8) {
		if (word(peek, at) != heap)
			continue;
		uint64_t mapped = word(peek, at - 16), most = word(peek, at - 8);
		bool fits = mapped <= most && mapped % 4096 == 0 && most % 4096 == 0;
		for (uint64_t i = at - 56; fits && i < at - 16; i += 4)
			if (peek_u32(peek, i) == DEFAULT_MMAP_MAX)
				found = at - 16;
		if (peek_take_fault(peek) != FAULT_NONE)
			return 0;
	}
	return found;
}

bool glibc_find_counters(struct peek *peek, struct glibc_counters *ret_counters)
{
	const struct maps *maps = target_maps(peek_target(peek));
	uint64_t bins = find_main_bins(peek);
	const struct variant *variant = NULL;
	for (size_t i = 0; bins && i < sizeof(variants) / sizeof(variants[0]) && !variant; i++) {
		struct glibc glibc = {0};
		if (take_ring(&glibc, peek, &variants[i], bins - variants[i].bins))
			variant = &variants[i];
		glibc_fini(&glibc);
	}
	if (!variant)
		return false;
	struct glibc_counters counters = {
		.main = bins - variant->bins,
		.next_offset = variant->next,
		.system_offset = variant->next + SYSTEM_AFTER_NEXT,
		.top_offset = variant->top,
	};
	counters.system = counters.main + counters.system_offset;
	const struct mapping *data = maps_find(maps, bins);
	for (size_t i = 0; i < maps->count && data && !counters.mmapped; i++)
		if (strcmp(maps->items[i].path, "[heap]") == 0)
			counters.mmapped = find_mmapped_mem(peek, data->start, data->end,
							    maps->items[i].start);
	peek_take_fault(peek);
	*ret_counters = counters;
	return true;
}

size_t glibc_list_arenas(const struct glibc_counters *counters, struct peek *peek,
			 struct glibc_arena *arenas, size_t max)
{
	size_t count = 0;
	uint64_t arena = word(peek, counters->main + counters->next_offset);
	while (arena && arena != counters->main && count < max && count < MAX_ARENAS) {
		arenas[count].address = arena;
		arenas[count].system = word(peek, arena + counters->system_offset);
		arena = word(peek, arena + counters->next_offset);
		if (peek_take_fault(peek) != FAULT_NONE)
			break;
		count++;
	}
	return count;
}

void glibc_fini(struct glibc *glibc)
{
	free(glibc->segments);
	free(glibc->mmapped);
	*glibc = (struct glibc){0};
}
