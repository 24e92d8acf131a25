/* SPDX-License-Identifier: MIT */
#include "heap/record/growth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/clock.h"
#include "heap/record/growth_private.h"

/* Rounds of taking events out until none came while the counters were read. */
enum { DRAIN_ROUNDS = 4 };

/* So many arenas are counted at every tick. */
enum { COUNTED_OFTEN = 2048 };

/* Growth that nobody was found to keep for so long is charged to who made it: seconds. */
#define MOST_WAITING 10.0

/* Thread arenas of malloc lie in heaps that are aligned to this: HEAP_MAX_SIZE. */
#define HEAP_ALIGNMENT (UINT64_C(64) << 20)

struct record_growth *record_growth_new(struct record *record, char **ret_why)
{
	struct record_growth *growth = calloc(1, sizeof(*growth));
	if (!growth)
		return NULL;
	growth->record = record;
	growth->mappings = record_mappings_new(record);
	growth_find(growth, ret_why);
	return growth;
}

void record_growth_free(struct record_growth *growth)
{
	if (!growth)
		return;
	record_territory_free(growth->territory);
	watch_close(growth->watch);
	for (size_t i = 0; i < growth->counter_count; i++) {
		record_counter_fini(growth->counters[i]);
		free(growth->counters[i]);
	}
	free(growth->counters);
	arenas_fini(&growth->arenas);
	record_mappings_free(growth->mappings);
	free(growth);
}

bool record_growth_works(const struct record_growth *growth)
{
	return growth->watch != NULL;
}

int record_growth_fd(const struct record_growth *growth)
{
	return growth->watch ? watch_fd(growth->watch) : -1;
}

/* ---- events ------------------------------------------------------------------------- */

static uint32_t stack_of(struct record_growth *growth, const struct watch_event *event)
{
	struct record *record = growth->record;
	const struct record_thread *thread = record_threads_find(&record->threads, event->tid);
	/* One that is new, unless it is none of Python's. */
	if (!thread && clock_monotonic() - record->threads.learned > 0.1) {
		record_threads_learn(&record->threads, record->heapspy);
		thread = record_threads_find(&record->threads, event->tid);
	}
	return record_stacks_take(record->stacks, thread ? thread->state : 0, event);
}

static void take_hit(struct record_growth *growth, const struct watch_event *event)
{
	if (record_territory_is(growth->territory, event->address)) {
		record_territory_hit(growth->territory, event);
		return;
	}
	for (size_t i = 0; i < growth->counter_count; i++) {
		struct record_counter *counter = growth->counters[i];
		if (counter->address != event->address)
			continue;
		counter->watched = true;
		record_counter_hit(counter, event, stack_of(growth, event));
		growth->hits++;
	}
}

/* Memory for an arena of malloc is mapped by the thread that uses it: from now on it is
 * watched for that. A heap begins with the address of its arena: struct heap_info. */
static void watch_malloc(struct record_growth *growth, const struct watch_event *event)
{
	struct peek *peek = growth->record->python->peek;
	uint64_t arena = 0;
	if (!growth->has_malloc)
		return;
	if (strcmp(event->path, "[heap]") == 0) {
		arena = growth->malloc.main;
	} else if (strcmp(event->path, "//anon") == 0) {
		uint64_t heap = event->address & ~(HEAP_ALIGNMENT - 1);
		uint64_t named = peek_u64(peek, heap);
		/* It is in the first of its heaps; those that follow name it as well. */
		bool fits = peek_take_fault(peek) == FAULT_NONE && named % 16 == 0 &&
			    named % HEAP_ALIGNMENT <= 64 && named > HEAP_ALIGNMENT;
		uint64_t next = fits ? peek_u64(peek, named + growth->malloc.next_offset) : 0;
		if (fits && next && peek_take_fault(peek) == FAULT_NONE)
			arena = named;
	}
	struct record_counter *counter = arena ? growth_malloc_counter(growth, arena) : NULL;
	if (counter)
		watch_thread(growth->watch, event->tid, counter->address);
}

static void take_event(void *context, const struct watch_event *event)
{
	struct record_growth *growth = context;
	switch (event->kind) {
	case WATCH_HIT:
		take_hit(growth, event);
		break;
	case WATCH_FAULT:
		if (record_mappings_wants(growth->mappings, event))
			record_mappings_touch(growth->mappings, event, stack_of(growth, event));
		break;
	case WATCH_MAPPED:
		growth->mapped = true;
		growth->last_mapped = (struct record_change){
			.record = growth->record,
			.time = event->time,
			.tid = event->tid,
			.stack = stack_of(growth, event),
		};
		record_mappings_add(growth->mappings, event, growth->last_mapped.stack);
		watch_malloc(growth, event);
		break;
	case WATCH_EXEC:
		growth->exec = true;
		break;
	case WATCH_LOST:
		growth->record->lost += event->length;
		break;
	case WATCH_THREAD:
		break;
	}
}

/* ---- arenas by address ------------------------------------------------------------------- */

static bool has_arena(const struct arenas *arenas, uint64_t mapped)
{
	size_t low = BISECT(arenas->count, at, arenas->items[at].mapped < mapped);
	return low < arenas->count && arenas->items[low].mapped == mapped;
}

/* The first growth that has none. */
static void give_key(struct record_counter *counter, uint64_t key)
{
	for (size_t i = 0; i < counter->owners.count; i++)
		if (!counter->owners.items[i].key) {
			counter->owners.items[i].key = key;
			return;
		}
	for (size_t i = 0; i < counter->wait_count; i++)
		if (!counter->waits[i].key) {
			counter->waits[i].key = key;
			return;
		}
}

/* Those that came belong to whoever made the counter grow, in some order; those that
 * went are taken from their owners. */
static void match_arenas(struct record_counter *counter, const struct arenas *before,
			 const struct arenas *now)
{
	for (size_t i = 0; i < now->count; i++)
		if (!has_arena(before, now->items[i].mapped))
			give_key(counter, now->items[i].mapped);
	size_t release = 0;
	for (size_t i = 0; i < before->count && release < counter->release_count; i++) {
		uint64_t mapped = before->items[i].mapped;
		if (has_arena(now, mapped))
			continue;
		struct record_release *one = &counter->releases[release++];
		record_counter_release(counter, &one->change, mapped, one->bytes);
	}
	/* Came and went since the last look. */
	for (; release < counter->release_count; release++) {
		struct record_release *one = &counter->releases[release];
		record_counter_release(counter, &one->change, 0, one->bytes);
	}
	counter->release_count = 0;
}

void growth_read_arenas(struct record_growth *growth)
{
	struct record_counter *counter = growth->arena_counter;
	struct arenas now = {0};
	peek_forget(growth->record->python->peek);
	/* None at all: their table was moved while it was read. */
	if (obmalloc_arenas(growth->record->python, &now) != FAULT_NONE ||
	    (now.count == 0 && growth->arenas.count)) {
		arenas_fini(&now);
		return;
	}
	if (!counter->address) {
		counter->now = now.count;
		growth->last_mapped.kind = HEAPSPY_RECORD_ARENAS;
		record_counter_poll(counter, &growth->last_mapped);
	}
	match_arenas(counter, &growth->arenas, &now);
	arenas_fini(&growth->arenas);
	growth->arenas = now;
}

/* ---- reading ------------------------------------------------------------------------------- */

static void drain(struct record_growth *growth)
{
	for (int i = 0; i < DRAIN_ROUNDS; i++) {
		growth->hits = 0;
		watch_read(growth->watch, take_event, growth);
		if (growth->hits == 0)
			break;
		for (size_t j = 0; j < growth->counter_count; j++)
			if (growth->counters[j]->hit_count)
				record_counter_read(growth->counters[j]);
	}
}

/* What nothing told of is charged to whoever mapped something last. */
static void poll_malloc(struct record_growth *growth, bool watched)
{
	for (size_t i = 0; i < growth->counter_count; i++) {
		struct record_counter *counter = growth->counters[i];
		if (!counter->arena || counter->watched != watched)
			continue;
		growth->last_mapped.kind = HEAPSPY_RECORD_HEAP;
		record_counter_poll(counter, &growth->last_mapped);
	}
}

void record_growth_read(struct record_growth *growth, bool *ret_exec)
{
	if (!growth->watch)
		return;
	growth->mapped = false;
	drain(growth);
	bool arenas = growth->arena_counter && growth->arena_counter->hit_count;
	for (size_t i = 0; i < growth->counter_count; i++)
		record_counter_settle(growth->counters[i]);
	/* What cannot be watched yet is looked at when something was mapped. */
	bool unknown = growth->arena_counter && !growth->arena_counter->address;
	if (arenas || (unknown && growth->mapped)) {
		growth_read_arenas(growth);
		growth_prove(growth);
	}
	if (growth->mapped)
		poll_malloc(growth, false);
	*ret_exec = growth->exec;
}

void record_growth_step(struct record_growth *growth)
{
	struct record_keeper keeper;
	enum record_territory_end end = record_territory_step(
		growth->territory, growth->counters, growth->counter_count, &keeper);
	if (end == TERRITORY_KEPT)
		record_counter_keep(keeper.counter, keeper.tid, keeper.stack);
	double until = clock_monotonic() - MOST_WAITING;
	for (size_t i = 0; i < growth->counter_count; i++)
		if (growth->counters[i]->wait_count)
			record_counter_charge(growth->counters[i], until);
}

double record_growth_deadline(const struct record_growth *growth)
{
	bool any = false;
	for (size_t i = 0; i < growth->counter_count; i++)
		any |= growth->counters[i]->grown > 0;
	return any ? record_territory_deadline(growth->territory) : HUGE_VAL;
}

void record_growth_finish(struct record_growth *growth)
{
	for (size_t i = 0; i < growth->counter_count; i++)
		record_counter_charge(growth->counters[i], HUGE_VAL);
}

void record_growth_look(struct record_growth *growth)
{
	if (!growth->watch)
		return;
	if (growth->arena_counter) {
		growth_read_arenas(growth);
		growth_prove(growth);
	}
	poll_malloc(growth, false);
	poll_malloc(growth, true);
	record_mappings_look(growth->mappings, growth->has_malloc);
}

/* ---- totals ---------------------------------------------------------------------------------- */

uint64_t record_growth_arenas(struct record_growth *growth)
{
	struct record_counter *counter = growth->arena_counter;
	if (!counter)
		return HEAPSPY_UNKNOWN;
	/* Where nothing is watched they are counted, unless there are very many. */
	struct arenas arenas = {0};
	if (!counter->address && !growth->watch && growth->arenas.count < COUNTED_OFTEN &&
	    obmalloc_arenas(growth->record->python, &arenas) == FAULT_NONE)
		counter->now = arenas.count;
	arenas_fini(&arenas);
	return record_counter_now(counter);
}

uint64_t record_growth_heap(struct record_growth *growth)
{
	uint64_t bytes = growth->has_malloc ? 0 : HEAPSPY_UNKNOWN;
	for (size_t i = 0; i < growth->counter_count; i++)
		if (growth->counters[i] != growth->arena_counter)
			bytes += record_counter_now(growth->counters[i]);
	return bytes;
}
