/* SPDX-License-Identifier: MIT */
/* What the files about growth share. */
#ifndef HEAP_RECORD_GROWTH_PRIVATE_H
#define HEAP_RECORD_GROWTH_PRIVATE_H

#include "heap/record/growth/allowance.h"
#include "heap/record/growth/calls.h"
#include "heap/record/growth/counter.h"
#include "heap/record/growth/growth.h"
#include "heap/record/growth/keepers.h"
#include "heap/record/growth/mappings.h"
#include "heap/record/growth/pieces.h"
#include "heap/record/growth/touches.h"
#include "heap/record/growth/window.h"
#include "native/glibc.h"
#include "python/arena_counter.h"

enum { GROWTH_CALLERS = 16, GROWTH_CAUSES = 64 };

/* A thread that was heard of, with its stack then. */
struct growth_caller {
	pid_t tid;
	uint32_t stack;
	double time;  /* of the call, or of reading */
	bool malloc;  /* that was malloc's */
};

struct record_growth {
	struct record *record;
	struct watch *watch;
	struct record_calls calls;
	struct record_allowance for_calls;
	struct record_window window;
	double next_ration;
	/* Of pymalloc first, where there is one; each lives as long as this. */
	struct record_counter **counters;
	size_t counter_count;
	struct record_counter *arena_counter; /* NULL: pymalloc is not in use */
	struct arena_counter candidates;      /* where it may be */
	uint8_t strikes[ARENA_COUNTER_CANDIDATES]; /* how often each was not their number */
	size_t proved_at;                     /* number of arenas when that was last done */
	struct arenas arenas;                 /* as they were last read */
	double arenas_at, next_arenas;        /* when that was, and will be at the earliest */
	struct record_change causes[GROWTH_CAUSES]; /* who asked for one, and got none yet */
	size_t cause_count;
	bool has_malloc;
	struct glibc_counters malloc;
	struct record_pieces *pieces; /* NULL: malloc's counter of them was not found */
	struct record_mappings *mappings;
	struct record_touches *touches; /* NULL: nothing waits */
	struct record_keepers *keepers;
	double next_survey, next_settle;
	struct growth_caller callers[GROWTH_CALLERS]; /* the last call of a thread */
	struct growth_caller seen[GROWTH_CALLERS];    /* the last stack that was read */
	bool exec, mapped; /* since the counters were read last */
	bool pending;      /* a call has not come to its end */
	struct record_change last; /* that may have changed something */
};

/* Find what can be watched, and watch it. *ret_why as record_growth_new(). */
void growth_find(struct record_growth *growth, char **ret_why);

/* The counter of an arena of malloc; made where there is none. NULL without memory. */
struct record_counter *growth_malloc_counter(struct record_growth *growth, uint64_t arena);

/* Learn which arenas of pymalloc came and went. */
void growth_read_arenas(struct record_growth *growth);

/* Of a stripped build, after they were read: strike out what does not hold their number. */
void growth_prove(struct record_growth *growth);

static inline struct record_allocators growth_allocators(const struct record_growth *growth)
{
	return (struct record_allocators){
		.pymalloc = growth->arena_counter, .arenas = &growth->arenas,
		.arenas_at = growth->arenas_at, .counters = growth->counters,
		.count = growth->counter_count};
}

#endif
