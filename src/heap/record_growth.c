/* SPDX-License-Identifier: MIT */
#include "heap/record_growth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "heap/record_counter.h"
#include "heap/record_mappings.h"
#include "heap/record_owners.h"
#include "heap/record_territory.h"
#include "native/glibc.h"
#include "python/arena_counter.h"

enum {
	STACK_BYTES = 8192,
	NATIVE_STACK_BYTES = 32768,
	/* Rounds of taking events out until none came while the counters were read. */
	DRAIN_ROUNDS = 4,
	MAX_THREAD_ARENAS = 1024,
};

/* A thread arena of malloc: its size is polled whenever memory was mapped. */
struct thread_arena {
	uint64_t address, system;
	struct owners owners;
};

struct record_growth {
	struct record *record;
	struct watch *watch;
	struct record_counter counters[3]; /* arenas, heap, mmapped: as far as they were found */
	size_t counter_count;
	struct arena_counter arena_counter;
	struct arenas arenas; /* as they were last read */
	uint64_t arena_bytes;
	bool has_malloc;
	struct glibc_counters malloc;
	struct thread_arena *thread_arenas;
	size_t thread_arena_count;
	struct record_mappings *mappings;
	struct record_territory *territory; /* NULL: nothing waits */
	/* Of the events that are being read. */
	bool exec, mapped;
	pid_t mapped_tid;
	uint32_t mapped_stack;
	double mapped_time;
	size_t hits;
};

/* ---- thread arenas ----------------------------------------------------------------------- */

static struct thread_arena *thread_arena_at(struct record_growth *growth, uint64_t address)
{
	for (size_t i = 0; i < growth->thread_arena_count; i++)
		if (growth->thread_arenas[i].address == address)
			return &growth->thread_arenas[i];
	size_t count = growth->thread_arena_count;
	struct thread_arena *more = realloc(growth->thread_arenas, (count + 1) * sizeof(*more));
	if (!more)
		return NULL;
	growth->thread_arenas = more;
	growth->thread_arenas[count] = (struct thread_arena){.address = address};
	growth->thread_arena_count++;
	return &growth->thread_arenas[count];
}

/* What changed is charged to whoever mapped something last. */
static void look_at_thread_arenas(struct record_growth *growth, bool first)
{
	struct record *record = growth->record;
	struct glibc_arena found[MAX_THREAD_ARENAS];
	if (!growth->has_malloc)
		return;
	peek_forget(record->python->peek);
	size_t count = glibc_list_arenas(&growth->malloc, record->python->peek, found,
					 MAX_THREAD_ARENAS);
	for (size_t i = 0; i < count; i++) {
		struct thread_arena *arena = thread_arena_at(growth, found[i].address);
		if (!arena)
			return;
		int64_t change = (int64_t)(found[i].system - arena->system);
		arena->system = found[i].system;
		if (first || change == 0)
			continue;
		struct record_change told = {
			.record = record,
			.kind = HEAPSPY_RECORD_HEAP,
			.time = growth->mapped_time ?: clock_monotonic(),
			.tid = growth->mapped_tid,
			.stack = growth->mapped_stack,
		};
		if (change > 0) {
			owners_add(&arena->owners, 0, (uint64_t)change, told.stack);
			record_change_more(&told, (uint64_t)change);
		} else {
			owners_take_last(&arena->owners, (uint64_t)-change, record_change_less, &told);
		}
	}
}

/* ---- finding the counters ---------------------------------------------------------- */

static struct record_counter *add_counter(struct record_growth *growth,
					  enum heapspy_record_counter kind, uint64_t address,
					  uint64_t unit)
{
	struct record_counter *counter = &growth->counters[growth->counter_count++];
	record_counter_init(counter, growth->record, kind, address, unit);
	return counter;
}

static void find_arenas(struct record_growth *growth, char *why, size_t size)
{
	struct python *python = growth->record->python;
	if (obmalloc_arenas(python, &growth->arenas) != FAULT_NONE || growth->arenas.count == 0) {
		snprintf(why, size, "pymalloc is not in use");
		return;
	}
	growth->arena_bytes = arena_bytes(python, &growth->arenas);
	growth->arena_counter = arena_counter_find(python, &growth->arenas);
	if (growth->arena_counter.count)
		add_counter(growth, HEAPSPY_RECORD_ARENAS, growth->arena_counter.candidates[0],
			    growth->arena_bytes);
	else
		snprintf(why, size, "pymalloc's counter of arenas was not found");
}

static void find_malloc(struct record_growth *growth, char *why, size_t size)
{
	growth->has_malloc = glibc_find_counters(growth->record->python->peek, &growth->malloc);
	if (!growth->has_malloc) {
		snprintf(why, size, "there is no malloc of glibc's");
		return;
	}
	add_counter(growth, HEAPSPY_RECORD_HEAP, growth->malloc.system, 1);
	if (growth->malloc.mmapped)
		add_counter(growth, HEAPSPY_RECORD_MMAPPED, growth->malloc.mmapped, 1);
	else
		snprintf(why, size, "malloc's counter of mapped chunks was not found");
}

static struct heapspy_error *open_watch(struct record_growth *growth)
{
	struct record *record = growth->record;
	struct watch_options options = {
		.count = growth->counter_count,
		.stack_bytes = record->options.native ? NATIVE_STACK_BYTES : STACK_BYTES,
	};
	for (size_t i = 0; i < growth->counter_count; i++)
		options.addresses[i] = growth->counters[i].address;
	/* One more, for places: to begin with at a word that is never written. */
	if (options.count)
		options.addresses[options.count++] = record->python->address;
	return watch_open(target_pid(record->heapspy->target),
			  target_proc_directory(record->heapspy->target), &options,
			  &growth->watch);
}

struct record_growth *record_growth_new(struct record *record, char **ret_why)
{
	struct record_growth *growth = calloc(1, sizeof(*growth));
	if (!growth)
		return NULL;
	growth->record = record;
	char arenas[128] = "", malloc[128] = "";
	peek_forget(record->python->peek);
	find_arenas(growth, arenas, sizeof(arenas));
	find_malloc(growth, malloc, sizeof(malloc));
	peek_take_fault(record->python->peek);
	growth->mappings = record_mappings_new(record);
	struct heapspy_error *error = open_watch(growth);
	if (!error && growth->counter_count)
		growth->territory = record_territory_new(record, growth->watch, growth->counter_count,
							 growth->has_malloc ? &growth->malloc : NULL);
	for (size_t i = 0; i < growth->counter_count && growth->territory; i++)
		growth->counters[i].holds = growth->counters[i].kind != HEAPSPY_RECORD_MMAPPED;
	for (size_t i = 0; i < growth->counter_count; i++)
		record_counter_start(&growth->counters[i]);
	look_at_thread_arenas(growth, true);
	*ret_why = NULL;
	int length = 0;
	if (error)
		length = asprintf(ret_why, "%s", error->why ?: error->what);
	else if (*arenas || *malloc)
		length = asprintf(ret_why, "%s%s%s", arenas, *arenas && *malloc ? "; " : "", malloc);
	if (length < 0)
		*ret_why = NULL;
	heapspy_error_free(error);
	return growth;
}

void record_growth_free(struct record_growth *growth)
{
	if (!growth)
		return;
	record_territory_free(growth->territory);
	watch_close(growth->watch);
	for (size_t i = 0; i < growth->counter_count; i++)
		record_counter_fini(&growth->counters[i]);
	for (size_t i = 0; i < growth->thread_arena_count; i++)
		owners_fini(&growth->thread_arenas[i].owners);
	free(growth->thread_arenas);
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

static void take_event(void *context, const struct watch_event *event)
{
	struct record_growth *growth = context;
	switch (event->kind) {
	case WATCH_HIT:
		if (record_territory_is(growth->territory, event->address)) {
			record_territory_hit(growth->territory, event);
			break;
		}
		for (size_t i = 0; i < growth->counter_count; i++)
			if (growth->counters[i].address == event->address)
				record_counter_hit(&growth->counters[i], event,
						   stack_of(growth, event));
		growth->hits++;
		break;
	case WATCH_MAPPED:
		growth->mapped = true;
		growth->mapped_tid = event->tid;
		growth->mapped_time = event->time;
		growth->mapped_stack = stack_of(growth, event);
		record_mappings_add(growth->mappings, event, growth->mapped_stack);
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
	size_t low = 0, high = arenas->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (arenas->items[middle].mapped < mapped)
			low = middle + 1;
		else
			high = middle;
	}
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
static void resolve_arenas(struct record_growth *growth, struct record_counter *counter)
{
	struct arenas now = {0};
	if (obmalloc_arenas(growth->record->python, &now) != FAULT_NONE) {
		arenas_fini(&now);
		return;
	}
	for (size_t i = 0; i < now.count; i++)
		if (!has_arena(&growth->arenas, now.items[i].mapped))
			give_key(counter, now.items[i].mapped);
	size_t release = 0;
	for (size_t i = 0; i < growth->arenas.count && release < counter->release_count; i++) {
		uint64_t mapped = growth->arenas.items[i].mapped;
		if (has_arena(&now, mapped))
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
	arenas_fini(&growth->arenas);
	growth->arenas = now;
}

/* ---- reading ------------------------------------------------------------------------------- */

static void drain(struct record_growth *growth)
{
	for (int i = 0; i < DRAIN_ROUNDS; i++) {
		growth->hits = 0;
		watch_read(growth->watch, take_event, growth);
		if (growth->hits == 0 && i > 0)
			break;
		for (size_t j = 0; j < growth->counter_count; j++)
			record_counter_read(&growth->counters[j]);
		if (growth->hits == 0)
			break;
	}
}

void record_growth_read(struct record_growth *growth, bool *ret_exec)
{
	if (!growth->watch)
		return;
	growth->mapped = false;
	drain(growth);
	for (size_t i = 0; i < growth->counter_count; i++) {
		struct record_counter *counter = &growth->counters[i];
		bool written = counter->hit_count > 0;
		record_counter_settle(counter);
		if (written && counter->kind == HEAPSPY_RECORD_ARENAS)
			resolve_arenas(growth, counter);
	}
	if (growth->mapped)
		look_at_thread_arenas(growth, false);
	*ret_exec = growth->exec;
}

/* Growth that nobody was found to keep for so long is charged to who made it: seconds. */
#define MOST_WAITING 10.0

static void charge(struct record_growth *growth, const struct record_keeper *keeper, bool kept)
{
	struct record_change change = {
		.record = growth->record, .tid = keeper->tid, .stack = keeper->stack};
	for (size_t i = 0; i < growth->counter_count; i++)
		if (growth->counters[i].kind == keeper->kind)
			record_counter_charge(&growth->counters[i], kept ? &change : NULL,
					      clock_monotonic());
}

void record_growth_step(struct record_growth *growth)
{
	uint64_t waiting[HEAPSPY_RECORD_COUNTER_COUNT] = {0};
	double now = clock_monotonic();
	for (size_t i = 0; i < growth->counter_count; i++) {
		struct record_counter *counter = &growth->counters[i];
		waiting[counter->kind] = counter->waiting;
		if (counter->wait_count && counter->waits[0].change.time < now - MOST_WAITING)
			record_counter_charge(counter, NULL, now - MOST_WAITING);
	}
	struct record_keeper keeper;
	enum record_territory_end end =
		record_territory_step(growth->territory, waiting, &keeper);
	if (end != TERRITORY_NOTHING)
		charge(growth, &keeper, end == TERRITORY_KEPT);
}

double record_growth_deadline(const struct record_growth *growth)
{
	bool any = false;
	for (size_t i = 0; i < growth->counter_count; i++)
		any |= growth->counters[i].waiting > 0;
	return any ? record_territory_deadline(growth->territory) : HUGE_VAL;
}

void record_growth_finish(struct record_growth *growth)
{
	for (size_t i = 0; i < growth->counter_count; i++)
		record_counter_charge(&growth->counters[i], NULL, HUGE_VAL);
}

void record_growth_look(struct record_growth *growth)
{
	if (!growth->watch)
		return;
	look_at_thread_arenas(growth, false);
	record_mappings_look(growth->mappings, growth->has_malloc);
}

static uint64_t value_of(struct record_growth *growth, enum heapspy_record_counter kind)
{
	for (size_t i = 0; i < growth->counter_count; i++)
		if (growth->counters[i].kind == kind)
			return record_counter_now(&growth->counters[i]);
	return HEAPSPY_UNKNOWN;
}

uint64_t record_growth_arenas(struct record_growth *growth)
{
	return value_of(growth, HEAPSPY_RECORD_ARENAS);
}

uint64_t record_growth_heap(struct record_growth *growth)
{
	uint64_t heap = value_of(growth, HEAPSPY_RECORD_HEAP);
	uint64_t mmapped = value_of(growth, HEAPSPY_RECORD_MMAPPED);
	if (heap == HEAPSPY_UNKNOWN)
		return heap;
	for (size_t i = 0; i < growth->thread_arena_count; i++)
		heap += growth->thread_arenas[i].system;
	return mmapped == HEAPSPY_UNKNOWN ? heap : heap + mmapped;
}
