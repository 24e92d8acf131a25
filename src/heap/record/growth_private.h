/* SPDX-License-Identifier: MIT */
/* What the files about growth share. */
#ifndef HEAP_RECORD_GROWTH_PRIVATE_H
#define HEAP_RECORD_GROWTH_PRIVATE_H

#include "heap/record/counter.h"
#include "heap/record/growth.h"
#include "heap/record/mappings.h"
#include "heap/record/territory.h"
#include "native/glibc.h"
#include "python/arena_counter.h"

/* Watchpoints that all threads have; each has one more for the arena of malloc it uses. */
enum { SLOT_ARENAS, SLOT_MMAPPED, SLOT_TERRITORY, SLOTS };

struct record_growth {
	struct record *record;
	struct watch *watch;
	/* Of pymalloc first, where there is one; each lives as long as this. */
	struct record_counter **counters;
	size_t counter_count;
	struct record_counter *arena_counter; /* NULL: pymalloc is not in use */
	struct arena_counter candidates;      /* where it may be */
	uint8_t strikes[ARENA_COUNTER_CANDIDATES]; /* how often each was not their number */
	size_t proved_at;                     /* number of arenas when that was last done */
	struct arenas arenas;                 /* as they were last read */
	bool has_malloc;
	struct glibc_counters malloc;
	struct record_mappings *mappings;
	struct record_territory *territory; /* NULL: nothing waits */
	/* Of the events that are being read. */
	bool exec, mapped;
	struct record_change last_mapped;
	size_t hits;
};

/* Find what can be watched, and watch it. *ret_why as record_growth_new(). */
void growth_find(struct record_growth *growth, char **ret_why);

/* The counter of an arena of malloc; made where there is none. NULL without memory. */
struct record_counter *growth_malloc_counter(struct record_growth *growth, uint64_t arena);

/* Learn which arenas of pymalloc came and went. */
void growth_read_arenas(struct record_growth *growth);

/* Of a stripped build, after they were read: strike out what does not hold their number,
 * and watch what is left. */
void growth_prove(struct record_growth *growth);

#endif
