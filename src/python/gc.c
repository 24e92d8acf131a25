/* SPDX-License-Identifier: MIT */
#include "python/gc.h"

#include <math.h>
#include <string.h>

#include <heapspy/memory.h>

const char *heapspy_collector_name(enum heapspy_collector collector)
{
	return collector == HEAPSPY_COLLECTOR_INCREMENTAL ? "incremental" : "generational";
}

enum heapspy_collector gc_collector(const struct layout *layout)
{
	return HAS(layout, GcState, generations) ? HEAPSPY_COLLECTOR_GENERATIONAL
						 : HEAPSPY_COLLECTOR_INCREMENTAL;
}

/* Address of a struct gc_generation, as the state numbers them. */
static uint64_t generation_address(const struct layout *layout, uint64_t gc, unsigned generation)
{
	uint64_t size = (uint64_t)SIZEOF(layout, GcGeneration);
	if (HAS(layout, GcState, generations))
		return gc + OFFSET(layout, GcState, generations) + generation * size;
	if (generation == 0)
		return gc + OFFSET(layout, GcState, young);
	return gc + OFFSET(layout, GcState, old) + (generation - 1) * size;
}

void gc_heads(const struct layout *layout, uint64_t gc, uint64_t heads[GC_HEADS])
{
	for (unsigned i = 0; i < HEAPSPY_GENERATIONS; i++)
		heads[i] = generation_address(layout, gc, i);
	heads[HEAPSPY_GENERATIONS] = gc + OFFSET(layout, GcState, permanent_generation);
}

/* Up to 3.14 an array of totals. */
static uint64_t flat_statistics(const struct layout *layout, uint64_t gc, unsigned generation)
{
	return gc + OFFSET(layout, GcState, generation_stats) +
	       generation * (uint64_t)SIZEOF(layout, GcGenerationStats);
}

struct ring {
	uint64_t items;
	uint32_t count, newest;
};

/* 3.15: rings of the last collections, each entry with the totals so far. */
static struct ring find_ring(struct peek *peek, const struct layout *layout, uint64_t gc,
			     unsigned generation)
{
	uint64_t stats = peek_u64(peek, gc + OFFSET(layout, GcState, generation_stats));
	uint64_t start = stats + OFFSET(layout, GcStats, young);
	int32_t items = OFFSET(layout, GcYoungStats, items);
	int32_t index = OFFSET(layout, GcYoungStats, index);
	if (generation > 0) {
		start = stats + OFFSET(layout, GcStats, old) +
			(generation - 1) * (uint64_t)SIZEOF(layout, GcOldStats);
		items = OFFSET(layout, GcOldStats, items);
		index = OFFSET(layout, GcOldStats, index);
	}
	struct ring ring = {
		.items = start + (unsigned)items,
		.count = (uint32_t)(index - items) / (uint32_t)SIZEOF(layout, GcGenerationStats),
		.newest = peek_u8(peek, start + (unsigned)index),
	};
	if (ring.newest >= ring.count) {
		peek_raise(peek, FAULT_STRANGE);
		ring.newest = 0;
	}
	return ring;
}

static uint64_t ring_entry(const struct layout *layout, const struct ring *ring, uint32_t number)
{
	return ring->items + number * (uint64_t)SIZEOF(layout, GcGenerationStats);
}

/* PyTime_t: nanoseconds. What is no time of a collection is none. */
static double entry_duration(struct peek *peek, const struct layout *layout, uint64_t entry)
{
	int64_t start = peek_i64(peek, entry + OFFSET(layout, GcGenerationStats, ts_start));
	int64_t stop = peek_i64(peek, entry + OFFSET(layout, GcGenerationStats, ts_stop));
	return start > 0 && stop > start ? (double)(stop - start) / 1e9 : 0;
}

static void read_durations(struct peek *peek, const struct layout *layout, const struct ring *ring,
			   struct heapspy_generation *generation)
{
	uint64_t newest = ring_entry(layout, ring, ring->newest);
	uint64_t bits = peek_u64(peek, newest + OFFSET(layout, GcGenerationStats, duration));
	memcpy(&generation->duration, &bits, sizeof(bits));
	if (!isfinite(generation->duration))
		generation->duration = NAN;
	generation->last = entry_duration(peek, layout, newest);
	generation->longest = 0;
	for (uint32_t i = 0; i < ring->count; i++) {
		double one = entry_duration(peek, layout, ring_entry(layout, ring, i));
		generation->longest = one > generation->longest ? one : generation->longest;
	}
}

/* Whose count gc.get_count() gives at a place: the incremental collector begins with
 * the old space that it visits. */
static unsigned counted_generation(struct peek *peek, const struct layout *layout, uint64_t gc,
				   unsigned place)
{
	if (place == 0 || gc_collector(layout) != HEAPSPY_COLLECTOR_INCREMENTAL)
		return place;
	bool second = peek_i32(peek, gc + OFFSET(layout, GcState, visited_space)) & 1;
	return second ? 3 - place : place;
}

int64_t gc_young_count(struct peek *peek, const struct layout *layout, uint64_t gc)
{
	return peek_i32(peek, generation_address(layout, gc, 0) +
				      (uint64_t)OFFSET(layout, GcGeneration, count));
}

/* Not known where there is no list, but something else by now. */
static uint64_t list_length(struct peek *peek, const struct layout *layout, uint64_t list)
{
	int64_t length = peek_i64(peek, list + OFFSET(layout, VarObject, ob_size));
	return length >= 0 ? (uint64_t)length : HEAPSPY_UNKNOWN;
}

enum fault gc_read(struct peek *peek, const struct layout *layout, uint64_t gc,
		   struct heapspy_gc *ret_gc)
{
	struct heapspy_gc state = {
		.collector = gc_collector(layout),
		.enabled = peek_i32(peek, gc + OFFSET(layout, GcState, enabled)) != 0,
		.collecting = peek_i32(peek, gc + OFFSET(layout, GcState, collecting)) != 0,
		.debug = peek_i32(peek, gc + OFFSET(layout, GcState, debug)),
		.frozen = HEAPSPY_UNKNOWN,
	};
	uint64_t garbage = peek_u64(peek, gc + OFFSET(layout, GcState, garbage));
	if (garbage) /* a list, made when the module is first needed */
		state.garbage = list_length(peek, layout, garbage);
	for (unsigned i = 0; i < HEAPSPY_GENERATIONS; i++) {
		uint64_t generation = generation_address(layout, gc, counted_generation(peek, layout, gc, i));
		uint64_t thresholds = generation_address(layout, gc, i);
		bool has_rings = SIZEOF(layout, GcStats) != LAYOUT_NONE;
		struct ring ring = {0};
		if (has_rings)
			ring = find_ring(peek, layout, gc, i);
		uint64_t stats = has_rings ? ring_entry(layout, &ring, ring.newest)
					   : flat_statistics(layout, gc, i);
		state.generations[i] = (struct heapspy_generation){
			.threshold = peek_i32(peek, thresholds + OFFSET(layout, GcGeneration, threshold)),
			.count = peek_i32(peek, generation + OFFSET(layout, GcGeneration, count)),
			.objects = HEAPSPY_UNKNOWN,
			.collections = peek_i64(peek, stats + OFFSET(layout, GcGenerationStats, collections)),
			.collected = peek_i64(peek, stats + OFFSET(layout, GcGenerationStats, collected)),
			.uncollectable =
				peek_i64(peek, stats + OFFSET(layout, GcGenerationStats, uncollectable)),
			.duration = NAN,
			.last = NAN,
			.longest = NAN,
		};
		if (has_rings && HAS(layout, GcGenerationStats, duration))
			read_durations(peek, layout, &ring, &state.generations[i]);
	}
	/* gc_get_threshold_impl() of 3.14.0 gives two. */
	if (state.collector == HEAPSPY_COLLECTOR_INCREMENTAL)
		state.generations[2].threshold = 0;
	enum fault fault = peek_take_fault(peek);
	if (fault == FAULT_NONE)
		*ret_gc = state;
	return fault;
}

/* One of the two ends holds: a list grows at its tail and loses its first object
 * while it is looked at, but hardly both at once. */
static bool is_circular(struct peek *peek, const struct layout *layout, uint64_t head)
{
	uint64_t next = peek_u64(peek, head + OFFSET(layout, GcHead, next)) & GC_POINTER_MASK;
	uint64_t prev = peek_u64(peek, head + OFFSET(layout, GcHead, prev)) & GC_POINTER_MASK;
	if (!next || !prev || next % 4 || prev % 4)
		return false;
	bool front = (peek_u64(peek, next + OFFSET(layout, GcHead, prev)) & GC_POINTER_MASK) == head;
	bool back = (peek_u64(peek, prev + OFFSET(layout, GcHead, next)) & GC_POINTER_MASK) == head;
	return peek_take_fault(peek) == FAULT_NONE && (front || back);
}

/* As often as that a list may change between two of its words. */
#define LIST_ATTEMPTS 16

bool gc_list_is_circular(struct peek *peek, const struct layout *layout, uint64_t head)
{
	bool found = is_circular(peek, layout, head);
	for (unsigned i = 0; i < LIST_ATTEMPTS && !found; i++) {
		peek_forget(peek);
		found = is_circular(peek, layout, head);
	}
	return found;
}
