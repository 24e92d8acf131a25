/* SPDX-License-Identifier: MIT */
/* Where the allocators count what they have. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "heap/record/growth/private.h"

enum { STACK_BYTES = 8192, TOUCH_STACK_BYTES = 4096, NATIVE_STACK_BYTES = 16384 };
enum { MAX_THREAD_ARENAS = 1024, NEAR_BYTES = 64 };

/* One page in so many: a prime, to keep time with no allocator. */
enum { TOUCH_PERIOD = 13 };

static struct record_counter *add_counter(struct record_growth *growth,
					  enum heapspy_record_counter kind, uint64_t address,
					  uint64_t unit)
{
	size_t count = growth->counter_count;
	struct record_counter **more =
		realloc(growth->counters, (count + 1) * sizeof(struct record_counter *));
	struct record_counter *counter = malloc(sizeof(*counter));
	if (more)
		growth->counters = more;
	if (!more || !counter) {
		free(counter);
		return NULL;
	}
	record_counter_init(counter, growth->record, kind, address, unit);
	growth->counters[growth->counter_count++] = counter;
	return counter;
}

/* How many there are, how many there ever were and the most at once are the same until the
 * first is given back. Then it shows which of the three is which; all of them grow. */
static uint64_t chosen_candidate(const struct record_growth *growth)
{
	const struct arena_counter *candidates = &growth->candidates;
	uint64_t low = UINT64_MAX, high = 0;
	if (candidates->count && (candidates->known || candidates->count == 1))
		return candidates->candidates[0];
	for (size_t i = 0; i < candidates->count; i++) {
		uint64_t address = candidates->candidates[i];
		low = address < low ? address : low;
		high = address > high ? address : high;
	}
	return candidates->count && high - low <= NEAR_BYTES ? candidates->candidates[0] : 0;
}

static void find_arenas(struct record_growth *growth, char *why, size_t size)
{
	struct python *python = growth->record->python;
	if (obmalloc_arenas(python, &growth->arenas) != FAULT_NONE || growth->arenas.count == 0) {
		snprintf(why, size, "pymalloc is not in use");
		return;
	}
	growth->candidates = arena_counter_find(python, &growth->arenas);
	growth->arena_counter = add_counter(growth, HEAPSPY_RECORD_ARENAS, chosen_candidate(growth),
					    arena_bytes(python, &growth->arenas));
	growth->proved_at = growth->arenas.count;
	if (growth->arena_counter)
		growth->arena_counter->now = growth->arenas.count;
}

struct record_counter *growth_malloc_counter(struct record_growth *growth, uint64_t arena)
{
	for (size_t i = 0; i < growth->counter_count; i++)
		if (growth->counters[i]->arena == arena)
			return growth->counters[i];
	struct record_counter *counter = add_counter(growth, HEAPSPY_RECORD_HEAP,
						     arena + growth->malloc.system_offset, 1);
	if (!counter)
		return NULL;
	counter->arena = arena;
	counter->holds = growth->keepers != NULL;
	return counter;
}

static void find_malloc(struct record_growth *growth, char *why, size_t size)
{
	struct peek *peek = growth->record->python->peek;
	struct glibc_arena arenas[MAX_THREAD_ARENAS];
	growth->has_malloc = glibc_find_counters(peek, &growth->malloc);
	if (!growth->has_malloc) {
		snprintf(why, size, "there is no malloc of glibc's");
		return;
	}
	growth_malloc_counter(growth, growth->malloc.main);
	size_t count = glibc_list_arenas(&growth->malloc, peek, arenas, MAX_THREAD_ARENAS);
	for (size_t i = 0; i < count; i++)
		growth_malloc_counter(growth, arenas[i].address);
	if (growth->malloc.mmapped)
		growth->pieces = record_pieces_new(
			add_counter(growth, HEAPSPY_RECORD_MMAPPED, growth->malloc.mmapped, 1));
	else
		snprintf(why, size, "malloc's counter of mapped chunks was not found");
}

static struct heapspy_error *open_watch(struct record_growth *growth)
{
	struct record *record = growth->record;
	bool native = record->options.native;
	struct watch_options options = {
		.calls = {growth->calls.mmap, growth->calls.mremap},
		.call_count = !growth->calls.mmap ? 0 : growth->calls.mremap ? 2 : 1,
		.stack = native ? NATIVE_STACK_BYTES : STACK_BYTES,
	};
	growth->window.options = (struct watch_options){
		.touch_period = TOUCH_PERIOD,
		.stack = native ? NATIVE_STACK_BYTES : TOUCH_STACK_BYTES,
	};
	struct heapspy_error *error = watch_open(target_pid(record->heapspy->target),
						 target_proc_directory(record->heapspy->target),
						 &options, &growth->watch);
	return error ? error : record_window_step(&growth->window);
}

void growth_find(struct record_growth *growth, char **ret_why)
{
	struct record *record = growth->record;
	char arenas[128] = "", malloc[128] = "";
	peek_forget(record->python->peek);
	const char *calls = record_calls_find(record->heapspy->target, record->python->module,
					      &growth->calls)
				    ? NULL
				    : "mmap() of the C library was not found, so that stacks are "
				      "those of a little later";
	if (record->stacks)
		record_stacks_distrust(record->stacks, growth->calls.start, growth->calls.end);
	find_arenas(growth, arenas, sizeof(arenas));
	find_malloc(growth, malloc, sizeof(malloc));
	peek_take_fault(record->python->peek);
	struct heapspy_error *error = open_watch(growth);
	const struct glibc_counters *counters = growth->has_malloc ? &growth->malloc : NULL;
	if (!error)
		growth->touches = record_touches_new(record, counters);
	if (growth->touches)
		growth->keepers = record_keepers_new(record, counters);
	for (size_t i = 0; i < growth->counter_count; i++) {
		struct record_counter *counter = growth->counters[i];
		record_counter_start(counter);
		counter->holds = growth->keepers && counter->kind != HEAPSPY_RECORD_MMAPPED;
	}
	int length = 0;
	*ret_why = NULL;
	if (error)
		length = asprintf(ret_why, "%s", error->why ?: error->what);
	else if (*arenas || *malloc || calls)
		length = asprintf(ret_why, "%s%s%s%s%s", arenas, *arenas && *malloc ? "; " : "",
				  malloc, (*arenas || *malloc) && calls ? "; " : "", calls ?: "");
	if (length < 0)
		*ret_why = NULL;
	heapspy_error_free(error);
}

/* ---- proof ------------------------------------------------------------------------ */

static void strike_out(struct record_growth *growth)
{
	struct arena_counter *candidates = &growth->candidates;
	CLEANUP(freep) struct target_read *reads = calloc(candidates->count + 1, sizeof(*reads));
	CLEANUP(freep) uint64_t *values = calloc(candidates->count + 1, sizeof(*values));
	if (!reads || !values)
		return;
	for (size_t i = 0; i < candidates->count; i++)
		reads[i] = (struct target_read){.address = candidates->candidates[i],
						.buffer = &values[i], .length = sizeof(*values)};
	target_read_many(growth->record->heapspy->target, reads, candidates->count);
	size_t kept = 0;
	for (size_t i = 0; i < candidates->count; i++) {
		uint64_t address = candidates->candidates[i];
		uint8_t strikes = values[i] == growth->arenas.count ? 0 : growth->strikes[i] + 1;
		/* Once may be because their number changed between two reads. */
		if (strikes >= 2)
			continue;
		candidates->candidates[kept] = address;
		growth->strikes[kept++] = strikes;
	}
	candidates->count = kept;
}

void growth_prove(struct record_growth *growth)
{
	struct arena_counter *candidates = &growth->candidates;
	struct record_counter *counter = growth->arena_counter;
	if (!counter || candidates->known || growth->proved_at == growth->arenas.count)
		return;
	growth->proved_at = growth->arenas.count;
	strike_out(growth);
	for (size_t i = 0; i < candidates->count; i++)
		if (candidates->candidates[i] == counter->address)
			return;
	counter->address = chosen_candidate(growth);
}
