/* SPDX-License-Identifier: MIT */
#include "heap/record/growth/territory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"

/* For so much of the time at most the target runs with a word that is watched: it is the
 * processor's time that counts, of all its threads. What was not used is kept for later;
 * seconds. */
#define SHARE 0.02
#define SAVED_AT_START 0.02
#define MOST_SAVED 0.1

/* A place is watched for so long, if it is not written before; and so long afterwards:
 * code that writes it again and again does not keep it. Seconds, and writes. */
#define WINDOW 0.01
#define SETTLES 0.0005
enum { MOST_HITS = 6 };

/* Where registers never say who wrote, what runs when that is heard of is believed. */
enum { MOST_UNSURE = 16 };

/* Whoever keeps something has it so long after it was written, each time it is looked at:
 * seconds. */
static const double looks[] = {0.003, 0.01, 0.02, 0.035, 0.05};
enum { LOOKS = sizeof(looks) / sizeof(*looks), MOST_RESTING = 16 };

/* Memory is given out while the places that are given out next move: looked at so often. */
#define LOOK_INTERVAL 0.005

/* Places are drawn from so much of what comes next at most. */
#define AHEAD (UINT64_C(48) << 10)

/* More kernel breakpoints than that take too long to move. */
enum { MOST_BREAKPOINTS = 256 };

/* What has not grown for so long does not grow: seconds. */
#define STILL_GROWING 3.0

/* A place that was written, and may be kept. */
struct resting {
	struct record_keeper keeper;
	uint64_t address, boundary;
	double written;
	size_t looked; /* times */
	struct content_place then;
};

struct record_territory {
	struct record *record;
	struct watch *watch;
	const struct glibc_counters *malloc;
	uint64_t random;
	bool useless; /* it cannot be watched */
	bool has_clock;
	clockid_t clock; /* of the target's processor time */
	double taken;    /* of it, when that was last counted */
	/* The place that is watched. */
	bool armed;
	struct record_counter *counter;
	size_t turn; /* of the counters */
	uint64_t address, boundary; /* boundary: a chunk of malloc begins there, before it */
	struct arena arena;         /* that is used next, as it was last looked at */
	double start, written, saved, saved_at, next_look;
	unsigned hits, unsure; /* unsure: places, one after the other */
	bool sure;             /* who wrote there is known for sure */
	struct record_keeper keeper;
	struct resting resting[MOST_RESTING];
	size_t resting_count;
};

struct record_territory *record_territory_new(struct record *record, struct watch *watch,
					      const struct glibc_counters *malloc)
{
	struct record_territory *territory = calloc(1, sizeof(*territory));
	if (!territory)
		return NULL;
	territory->record = record;
	territory->watch = watch;
	territory->malloc = malloc;
	territory->has_clock = clock_getcpuclockid(target_pid(record->heapspy->target),
						   &territory->clock) == 0;
	territory->saved = SAVED_AT_START;
	territory->saved_at = clock_monotonic();
	if (getrandom(&territory->random, sizeof(territory->random), 0) < 0 || !territory->random)
		territory->random = 1;
	return territory;
}

void record_territory_free(struct record_territory *territory)
{
	free(territory);
}

/* xorshift64*: Vigna. */
static uint64_t draw(struct record_territory *territory, uint64_t below)
{
	uint64_t x = territory->random;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	territory->random = x;
	return (x * UINT64_C(0x2545f4914f6cdd1d) >> 11) % below;
}

/* ---- where ------------------------------------------------------------------------ */

static uint64_t top_of(struct record_territory *territory, const struct record_counter *counter)
{
	struct peek *peek = territory->record->python->peek;
	uint64_t top = peek_u64(peek, counter->arena + territory->malloc->top_offset);
	return peek_take_fault(peek) == FAULT_NONE ? top : 0;
}

/* The arena that is nearest to its end is the one that is used next. False: none has room. */
static bool next_arena(struct record_territory *territory, struct arena *ret_arena)
{
	struct arenas arenas = {0};
	const struct arena *best = NULL;
	if (obmalloc_arenas(territory->record->python, &arenas) != FAULT_NONE)
		return false;
	for (size_t i = 0; i < arenas.count; i++) {
		const struct arena *arena = &arenas.items[i];
		if (arena->carved_end < arena->end &&
		    (!best || arena->free_pools < best->free_pools))
			best = arena;
	}
	if (best)
		*ret_arena = *best;
	arenas_fini(&arenas);
	return best != NULL;
}

/* Behind the pools that were used so far. */
static bool choose_in_arenas(struct record_territory *territory)
{
	const struct arena *arena = &territory->arena;
	uint64_t pool_size = obmalloc_pool_size(territory->record->python);
	uint64_t room = arena->end - arena->carved_end;
	uint64_t place = arena->carved_end + draw(territory, room < AHEAD ? room : AHEAD);
	/* Of every two words the second: the first may be a reference count. */
	place = (place & ~UINT64_C(15)) + 8;
	territory->address = place;
	return place % pool_size >= POOL_OVERHEAD;
}

/* Behind the top of malloc's heap: some way off, where large chunks are met oftener than
 * small ones; or the head of the chunk that is taken next, for what is in a chunk may not be
 * written. */
static bool choose_in_heap(struct record_territory *territory)
{
	uint64_t top = territory->malloc ? top_of(territory, territory->counter) : 0;
	territory->boundary = top;
	territory->address = top + 8;
	if (draw(territory, 3))
		territory->address += draw(territory, AHEAD) & ~UINT64_C(7);
	return top != 0;
}

/* ---- watching ------------------------------------------------------------------------ */

/* Seconds of a processor that the target took so far. */
static double time_taken(const struct record_territory *territory)
{
	struct timespec time;
	if (!territory->has_clock || clock_gettime(territory->clock, &time) < 0)
		return clock_monotonic();
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void save(struct record_territory *territory, double now)
{
	territory->saved += (now - territory->saved_at) * SHARE;
	if (territory->armed) {
		double taken = time_taken(territory);
		territory->saved -= taken - territory->taken;
		territory->taken = taken;
	}
	if (territory->saved > MOST_SAVED)
		territory->saved = MOST_SAVED;
	territory->saved_at = now;
}

static void disarm(struct record_territory *territory)
{
	if (!territory->armed)
		return;
	save(territory, clock_monotonic());
	territory->armed = false;
	watch_word(territory->watch, 0);
}

static void arm(struct record_territory *territory, struct record_counter *counter)
{
	territory->counter = counter;
	bool found = counter->arena ? choose_in_heap(territory) : choose_in_arenas(territory);
	peek_take_fault(territory->record->python->peek);
	if (!found)
		return;
	save(territory, clock_monotonic());
	if (!watch_word(territory->watch, territory->address)) {
		territory->useless = true;
		return;
	}
	territory->armed = true;
	territory->taken = time_taken(territory);
	territory->start = clock_monotonic();
	territory->hits = 0;
}

/* It was written once more before it was no longer watched: by somebody else, it may be. */
static void write_again(struct record_territory *territory, const struct watch_event *event)
{
	for (size_t i = 0; i < territory->resting_count; i++)
		if (territory->resting[i].address == event->address)
			territory->resting[i].address = 0;
}

void record_territory_hit(struct record_territory *territory, const struct watch_event *event)
{
	if (!territory)
		return;
	if (!territory->armed || event->address != territory->address) {
		write_again(territory, event);
		return;
	}
	struct record *record = territory->record;
	const struct record_thread *thread =
		record_threads_meet(&record->threads, record->heapspy, event->tid);
	territory->hits++;
	territory->written = event->time;
	territory->keeper = (struct record_keeper){
		.counter = territory->counter,
		.tid = event->tid,
		.stack = record_stacks_take(record->stacks, thread ? thread->state : 0, event),
	};
	territory->sure = thread && record_stacks_sure(record->stacks);
	territory->unsure = territory->sure ? 0 : territory->unsure + 1;
}

/* ---- is it kept? ----------------------------------------------------------------------- */

static bool look_into(struct record_territory *territory, const struct resting *resting,
		      struct content_place *ret_place)
{
	struct python *python = territory->record->python;
	const struct record_counter *counter = resting->keeper.counter;
	if (!counter->arena)
		return contents_of_block(python, resting->address, ret_place) && !ret_place->moves;
	uint64_t top = top_of(territory, counter);
	return contents_of_chunk(python->peek, resting->boundary, top, resting->address, ret_place);
}

/* While it is watched: what is there now is what was written last. */
static void rest(struct record_territory *territory)
{
	bool believed = territory->sure || territory->unsure > MOST_UNSURE;
	struct resting resting = {
		.keeper = territory->keeper,
		.address = territory->address,
		.boundary = territory->boundary,
		.written = territory->written,
	};
	peek_forget(territory->record->python->peek);
	if (believed && territory->resting_count < MOST_RESTING &&
	    look_into(territory, &resting, &resting.then))
		territory->resting[territory->resting_count++] = resting;
}

/* 1: it is kept; 0: not yet known; -1: it is not. */
static int look_at(struct record_territory *territory, struct resting *resting, double now)
{
	struct content_place place;
	if (now < resting->written + looks[resting->looked])
		return 0;
	peek_forget(territory->record->python->peek);
	if (!resting->address || !look_into(territory, resting, &place))
		return -1;
	if (place.word != resting->then.word ||
	    !content_equals(&place.content, &resting->then.content))
		return -1;
	/* A little more or less, so as not to keep time with anything. */
	resting->written += (double)draw(territory, 1000) * 1e-6;
	if (++resting->looked < LOOKS)
		return 0;
	resting->keeper.content = place.content;
	return 1;
}

static bool next_kept(struct record_territory *territory, double now,
		      struct record_keeper *ret_keeper)
{
	for (size_t i = 0; i < territory->resting_count;) {
		int kept = look_at(territory, &territory->resting[i], now);
		if (kept == 0) {
			i++;
			continue;
		}
		*ret_keeper = territory->resting[i].keeper;
		territory->resting[i] = territory->resting[--territory->resting_count];
		if (kept > 0)
			return true;
	}
	return false;
}

/* ---- from one place to the next ------------------------------------------------------------- */

/* Has more of it been given out since the last look? */
static bool moves(struct record_territory *territory, struct record_counter *counter)
{
	uint64_t frontier = 0;
	if (counter->arena)
		frontier = territory->malloc ? top_of(territory, counter) : 0;
	else if (next_arena(territory, &territory->arena))
		frontier = territory->arena.carved_end;
	bool moved = frontier && counter->frontier && frontier != counter->frontier;
	counter->frontier = frontier;
	return moved;
}

static bool can_arm(const struct record_territory *territory, double now)
{
	return now >= territory->next_look && territory->saved > 0 &&
	       territory->resting_count < MOST_RESTING &&
	       watch_breakpoints(territory->watch) <= MOST_BREAKPOINTS;
}

/* In turn, those whose memory is given out; first those that hold what nobody makes. */
static void arm_next(struct record_territory *territory, struct record_counter *const *counters,
		     size_t count, double now)
{
	territory->next_look = now + LOOK_INTERVAL;
	peek_forget(territory->record->python->peek);
	struct record_counter *chosen = NULL;
	size_t first = territory->turn++;
	for (size_t i = 0; i < count; i++) {
		struct record_counter *counter = counters[(first + i) % count];
		if (counter->holds && counter->grown && now - counter->grown < STILL_GROWING &&
		    moves(territory, counter) && (!chosen || counter->strange > chosen->strange))
			chosen = counter;
	}
	if (chosen)
		arm(territory, chosen);
}

bool record_territory_step(struct record_territory *territory,
			   struct record_counter *const *counters, size_t count,
			   struct record_keeper *ret_keeper)
{
	if (!territory || territory->useless || count == 0)
		return false;
	double now = clock_monotonic();
	bool settled = territory->hits && now - territory->written > SETTLES;
	if (territory->armed && (settled || territory->hits > MOST_HITS ||
				 now - territory->start > WINDOW)) {
		if (settled && territory->hits <= MOST_HITS)
			rest(territory);
		disarm(territory);
	}
	save(territory, now);
	if (!territory->armed && can_arm(territory, now))
		arm_next(territory, counters, count, now);
	return next_kept(territory, now, ret_keeper);
}

bool record_territory_watches(const struct record_territory *territory)
{
	return territory && territory->armed;
}

void record_territory_pause(struct record_territory *territory)
{
	if (territory)
		disarm(territory);
}

double record_territory_deadline(const struct record_territory *territory)
{
	if (!territory || territory->useless)
		return HUGE_VAL;
	if (territory->armed)
		return territory->hits ? territory->written + SETTLES : territory->start + WINDOW;
	return fmax(territory->next_look, clock_monotonic() + LOOK_INTERVAL);
}
