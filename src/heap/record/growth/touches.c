/* SPDX-License-Identifier: MIT */
#include "heap/record/growth/touches.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

/* What is heard of later may be another's by then: seconds. */
#define MOST_LATE 0.0005

/* Where all is heard of late, what lies there then is believed; where registers never say
 * who it was, what runs then. */
enum { MOST_STALE = 16, MOST_UNSURE = 16 };

/* Whoever keeps something has it so long after it was touched, each time it is looked at:
 * seconds. */
static const double looks[] = {0.003, 0.01, 0.02, 0.035, 0.05};
enum { LOOKS = sizeof(looks) / sizeof(*looks), MOST_RESTING = 64, MOST_REMEMBERED = 64 };

/* How far malloc gave memory out is looked at so often: seconds. */
#define LOOK_INTERVAL 0.005

enum { PAGE = 4096 };

/* A place that was touched, and may be kept. */
struct resting {
	struct record_keeper keeper;
	uint64_t address, boundary; /* boundary: a chunk of malloc begins there, before it */
	double touched;
	size_t looked; /* times */
	struct content_place then;
};

struct record_touches {
	struct record *record;
	const struct glibc_counters *malloc;
	uint64_t random;
	double next_look;
	unsigned stale, unsure; /* touches, one after the other */
	struct resting resting[MOST_RESTING];
	size_t resting_count;
	/* Whoever came to the beginning of a page that is nobody's. */
	struct { uint64_t page; struct record_change change; } recent[MOST_REMEMBERED];
	size_t recent_count; /* ever */
};

struct record_touches *record_touches_new(struct record *record,
					  const struct glibc_counters *malloc)
{
	struct record_touches *touches = calloc(1, sizeof(*touches));
	if (!touches)
		return NULL;
	touches->record = record;
	touches->malloc = malloc;
	if (getrandom(&touches->random, sizeof(touches->random), 0) < 0 || !touches->random)
		touches->random = 1;
	return touches;
}

void record_touches_free(struct record_touches *touches)
{
	if (!touches)
		return;
	free(touches);
}

/* xorshift64*: Vigna. */
static uint64_t draw(struct record_touches *touches)
{
	uint64_t x = touches->random;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	touches->random = x;
	return x * UINT64_C(0x2545f4914f6cdd1d) >> 11;
}

/* ---- where ------------------------------------------------------------------------ */

static uint64_t top_of(struct record_touches *touches, const struct record_counter *counter)
{
	struct peek *peek = touches->record->python->peek;
	uint64_t top = peek_u64(peek, counter->arena + touches->malloc->top_offset);
	return peek_take_fault(peek) == FAULT_NONE ? top : 0;
}

/* The arena that holds it, as they were read last; NULL: none does. */
static const struct arena *arena_of(const struct record_allocators *allocators, uint64_t address)
{
	for (size_t i = allocators->arenas->count; i-- > 0;) {
		const struct arena *arena = &allocators->arenas->items[i];
		if (address >= arena->mapped && address < arena->end)
			return arena;
	}
	return NULL;
}

/* The heap that had its end before it, and has it after it by now. */
static struct record_counter *heap_of(struct record_touches *touches,
				      const struct record_allocators *allocators, uint64_t address)
{
	for (size_t i = 0; touches->malloc && i < allocators->count; i++) {
		struct record_counter *counter = allocators->counters[i];
		/* The new end lies in the page that was touched. */
		if (counter->arena && counter->frontier && address > counter->frontier + 8 &&
		    address <= top_of(touches, counter) + 8)
			return counter;
	}
	return NULL;
}

/* What is touched again, as after a fork, lies where memory was given out before. */
static bool find_place(struct record_touches *touches, const struct record_allocators *allocators,
		       uint64_t address, struct resting *ret_resting)
{
	struct python *python = touches->record->python;
	struct record_counter *heap = heap_of(touches, allocators, address);
	if (heap) {
		ret_resting->keeper.counter = heap;
		ret_resting->boundary = heap->frontier;
		return contents_touched_chunk(python->peek, heap->frontier, top_of(touches, heap),
					      address, &ret_resting->address);
	}
	const struct arena *arena = arena_of(allocators, address);
	if (!allocators->pymalloc || (arena && address < arena->carved_end))
		return false;
	ret_resting->keeper.counter = allocators->pymalloc;
	return contents_touched_block(python, address, draw(touches), &ret_resting->address);
}

/* ---- is it kept? ----------------------------------------------------------------------- */

static bool look_into(struct record_touches *touches, const struct resting *resting,
		      struct content_place *ret_place)
{
	struct python *python = touches->record->python;
	const struct record_counter *counter = resting->keeper.counter;
	if (!counter->arena)
		return contents_of_block(python, resting->address, ret_place) && !ret_place->moves;
	uint64_t top = top_of(touches, counter);
	return contents_of_chunk(python->peek, resting->boundary, top, resting->address, ret_place);
}

static void remember(struct record_touches *touches, uint64_t address,
		     const struct record_change *change)
{
	size_t at = touches->recent_count++ % MOST_REMEMBERED;
	touches->recent[at].page = address & ~(uint64_t)(PAGE - 1);
	touches->recent[at].change = *change;
}

const struct record_change *record_touches_find(const struct record_touches *touches, uint64_t page)
{
	for (size_t i = 0; touches && i < MOST_REMEMBERED; i++)
		if (touches->recent[i].page == page)
			return &touches->recent[i].change;
	return NULL;
}

void record_touches_take(struct record_touches *touches, const struct record_allocators *allocators,
			 const struct watch_event *event)
{
	struct resting resting = {.touched = event->time};
	bool late = clock_monotonic() - event->time > MOST_LATE;
	if (!touches || (late && touches->stale++ < MOST_STALE))
		return;
	if (!late)
		touches->stale = 0;
	struct record *record = touches->record;
	peek_forget(record->python->peek);
	bool found = touches->resting_count < MOST_RESTING &&
		     find_place(touches, allocators, event->address, &resting) &&
		     look_into(touches, &resting, &resting.then);
	/* malloc begins a chunk of its own with its size. */
	bool begins = !found && event->address % PAGE < 16;
	peek_take_fault(record->python->peek);
	if (!found && !begins)
		return;
	const struct record_thread *thread =
		record_threads_meet(&record->threads, record->heapspy, event->tid);
	uint32_t stack = record_stacks_take(record->stacks, thread ? thread->state : 0, event);
	bool sure = thread && record_stacks_sure(record->stacks);
	touches->unsure = sure ? 0 : touches->unsure + 1;
	if (!sure && touches->unsure <= MOST_UNSURE)
		return;
	if (begins)
		remember(touches, event->address,
			 &(struct record_change){.record = record, .time = event->time,
						 .tid = event->tid, .stack = stack});
	resting.keeper.tid = event->tid;
	resting.keeper.stack = stack;
	if (found)
		touches->resting[touches->resting_count++] = resting;
}

/* 1: it is kept; 0: not yet known; -1: it is not. */
static int look_at(struct record_touches *touches, const struct record_allocators *allocators,
		   struct resting *resting, double now)
{
	struct content_place place;
	if (now < resting->touched + looks[resting->looked])
		return 0;
	peek_forget(touches->record->python->peek);
	bool is_there = resting->keeper.counter->arena || arena_of(allocators, resting->address);
	if (!is_there && allocators->arenas_at <= resting->touched)
		return 0; /* it may be new */
	if (!is_there || !look_into(touches, resting, &place))
		return -1;
	if (place.word != resting->then.word ||
	    !content_equals(&place.content, &resting->then.content))
		return -1;
	/* A little more or less, so as not to keep time with anything. */
	resting->touched += (double)(draw(touches) % 1000) * 1e-6;
	if (++resting->looked < LOOKS)
		return 0;
	resting->keeper.content = place.content;
	return 1;
}

static bool next_kept(struct record_touches *touches, const struct record_allocators *allocators,
		      double now, struct record_keeper *ret_keeper)
{
	for (size_t i = 0; i < touches->resting_count;) {
		int kept = look_at(touches, allocators, &touches->resting[i], now);
		if (kept == 0) {
			i++;
			continue;
		}
		*ret_keeper = touches->resting[i].keeper;
		touches->resting[i] = touches->resting[--touches->resting_count];
		if (kept > 0)
			return true;
	}
	return false;
}

/* ---- how far memory was given out ------------------------------------------------------- */

static void look_how_far(struct record_touches *touches,
			 const struct record_allocators *allocators, double now)
{
	if (now < touches->next_look)
		return;
	touches->next_look = now + LOOK_INTERVAL;
	peek_forget(touches->record->python->peek);
	for (size_t i = 0; touches->malloc && i < allocators->count; i++)
		if (allocators->counters[i]->arena)
			allocators->counters[i]->frontier =
				top_of(touches, allocators->counters[i]);
	peek_take_fault(touches->record->python->peek);
}

bool record_touches_step(struct record_touches *touches, const struct record_allocators *allocators,
			 struct record_keeper *ret_keeper)
{
	if (!touches)
		return false;
	double now = clock_monotonic();
	look_how_far(touches, allocators, now);
	return next_kept(touches, allocators, now, ret_keeper);
}
