/* SPDX-License-Identifier: MIT */
#include "heap/record/growth/growth.h"

#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "heap/record/growth/private.h"

/* So many arenas are counted at every tick. */
enum { COUNTED_OFTEN = 2048 };

/* What was got is looked at so often, for what it holds: seconds. */
#define SURVEY_INTERVAL 0.1

/* What does not wake us is read so often, and so soon after a call it has come to its
 * end: seconds. */
#define READ_INTERVAL 0.002
#define REST_INTERVAL 0.005
#define CALL_TAKES 0.005
#define SETTLED_AFTER 0.1

/* Arenas are read when their number has changed, and so often anyway; where there are many
 * it takes one part in so many of our time. Who asked for one is remembered for longer. */
#define IDLE_INTERVAL 0.1
#define ARENAS_SHARE 50
#define CAUSE_LASTS 0.1

/* A stack that nothing hangs on is not read oftener than that: seconds. */
#define STACK_LASTS 0.02

/* So many calls are told in a second, for up to 50 us each, and so many touches, for 30 us:
 * a third of a percent of a core; more at the beginning, and after a rest. Once they were
 * too many some are saved first. To switch calls takes us a twentieth of our time at most. */
enum { CALLS_PER_SECOND = 30, MOST_CALLS = 120, CALLS_SAVED = 6 };
enum { TOUCHES_PER_SECOND = 60, MOST_TOUCHES = 60, TOUCHES_SAVED = 12 };
enum { SWITCHING_SHARE = 20 };

struct record_growth *record_growth_new(struct record *record, char **ret_why)
{
	struct record_growth *growth = calloc(1, sizeof(*growth));
	if (!growth)
		return NULL;
	growth->record = record;
	growth->last = (struct record_change){
		.record = record, .tid = target_pid(record->heapspy->target)};
	growth->mappings = record_mappings_new(record);
	record_allowance_init(&growth->for_calls, CALLS_PER_SECOND, MOST_CALLS, CALLS_SAVED);
	growth->window.record = record;
	record_allowance_init(&growth->window.allowance, TOUCHES_PER_SECOND, MOST_TOUCHES,
			      TOUCHES_SAVED);
	growth_find(growth, ret_why);
	return growth;
}

void record_growth_free(struct record_growth *growth)
{
	if (!growth)
		return;
	record_keepers_free(growth->keepers);
	record_touches_free(growth->touches);
	record_window_fini(&growth->window);
	watch_close(growth->watch);
	for (size_t i = 0; i < growth->counter_count; i++) {
		record_counter_fini(growth->counters[i]);
		free(growth->counters[i]);
	}
	free(growth->counters);
	arenas_fini(&growth->arenas);
	record_pieces_free(growth->pieces);
	record_mappings_free(growth->mappings);
	free(growth);
}

bool record_growth_works(const struct record_growth *growth)
{
	return growth->watch != NULL;
}

void record_growth_fds(const struct record_growth *growth, int fds[2])
{
	fds[0] = growth->watch ? watch_fd(growth->watch) : -1;
	fds[1] = record_window_fd(&growth->window);
}

/* ---- events ------------------------------------------------------------------------- */

static uint32_t stack_of(struct record_growth *growth, pid_t tid, const struct watch_event *event)
{
	struct record *record = growth->record;
	const struct record_thread *thread =
		record_threads_meet(&record->threads, record->heapspy, tid);
	return record_stacks_take(record->stacks, thread ? thread->state : 0, event);
}

/* As it is now, or was a moment ago, as what was heard of was. */
static uint32_t stack_now(struct record_growth *growth, pid_t tid)
{
	struct growth_caller *seen = &growth->seen[(size_t)tid % GROWTH_CALLERS];
	double now = clock_monotonic();
	if (seen->tid != tid || now - seen->time > STACK_LASTS)
		*seen = (struct growth_caller){
			.tid = tid, .stack = stack_of(growth, tid, NULL), .time = now};
	return seen->stack;
}

static void note(struct record_growth *growth, const struct watch_event *event, uint32_t stack)
{
	growth->last = (struct record_change){
		.record = growth->record, .time = event->time, .tid = event->tid, .stack = stack};
}

/* Is that what pymalloc asks for? */
static bool is_of_arena(const struct record_growth *growth, uint64_t bytes)
{
	return growth->arena_counter && bytes == growth->arena_counter->unit;
}

static void add_cause(struct record_growth *growth)
{
	if (growth->cause_count < GROWTH_CAUSES)
		growth->causes[growth->cause_count++] = growth->last;
}

static void take_call(struct record_growth *growth, const struct watch_event *event)
{
	struct record_call call;
	record_allowance_use(&growth->for_calls);
	if (!record_calls_parse(&growth->calls, event, &call))
		return;
	uint32_t stack = stack_of(growth, event->tid, event);
	bool sure = record_stacks_sure(growth->record->stacks);
	note(growth, event, stack);
	growth->callers[(size_t)event->tid % GROWTH_CALLERS] = (struct growth_caller){
		.tid = event->tid, .stack = stack, .time = event->time,
		.malloc = call.from_malloc && !call.moves};
	if (call.from_malloc)
		record_pieces_call(growth->pieces, &call, &growth->last, sure);
	else if (!call.moves && is_of_arena(growth, (uint64_t)call.bytes))
		add_cause(growth);
}

/* Memory for an arena of malloc is mapped by the thread that uses it. A heap begins with
 * the address of its arena: struct heap_info. */
static void note_heap(struct record_growth *growth, const struct watch_event *event)
{
	struct peek *peek = growth->record->python->peek;
	uint64_t arena = 0;
	if (!growth->has_malloc)
		return;
	if (strcmp(event->path, "[heap]") == 0) {
		arena = growth->malloc.main;
	} else if (strcmp(event->path, "//anon") == 0 && event->address % GLIBC_HEAP_MAX_SIZE == 0) {
		uint64_t named = peek_u64(peek, event->address);
		/* It is in the first of its heaps; those that follow name it as well. */
		bool fits = peek_take_fault(peek) == FAULT_NONE && named % 16 == 0 &&
			    named % GLIBC_HEAP_MAX_SIZE <= 64 && named > GLIBC_HEAP_MAX_SIZE;
		uint64_t next = fits ? peek_u64(peek, named + growth->malloc.next_offset) : 0;
		if (fits && next && peek_take_fault(peek) == FAULT_NONE)
			arena = named;
	}
	struct record_counter *counter = arena ? growth_malloc_counter(growth, arena) : NULL;
	if (counter)
		counter->cause = growth->last;
}

static void take_mapped(struct record_growth *growth, const struct watch_event *event)
{
	struct growth_caller *caller = &growth->callers[(size_t)event->tid % GROWTH_CALLERS];
	bool called = caller->tid == event->tid && event->time - caller->time < CALL_TAKES;
	if (!(event->protection & PROT_WRITE))
		return;
	growth->mapped = true;
	note(growth, event, called ? caller->stack : stack_now(growth, event->tid));
	record_mappings_add(growth->mappings, event, growth->last.stack);
	if (called && caller->malloc)
		record_pieces_mapped(growth->pieces, event->tid, event->address);
	else if (!called && growth->for_calls.used_up && is_of_arena(growth, event->length))
		add_cause(growth);
	else if (called || !growth->for_calls.used_up ||
		 !record_pieces_found(growth->pieces, event->address, event->length, &growth->last))
		note_heap(growth, event);
	caller->tid = called ? 0 : caller->tid;
}

static void take_touch(void *context, const struct watch_event *event)
{
	struct record_growth *growth = context;
	const struct record_allocators allocators = growth_allocators(growth);
	record_touches_take(growth->touches, &allocators, event);
}

static void take_event(void *context, const struct watch_event *event)
{
	struct record_growth *growth = context;
	switch (event->kind) {
	case WATCH_CALL:
		take_call(growth, event);
		break;
	case WATCH_MAPPED:
		take_mapped(growth, event);
		break;
	case WATCH_EXEC:
		growth->exec = true;
		break;
	case WATCH_LOST:
		growth->record->lost += event->length;
		break;
	case WATCH_TOUCHED:
		break; /* take_touch() */
	case WATCH_THREAD:
		/* Whoever is not known next is sought at once. */
		growth->record->threads.learned = 0;
		break;
	}
}

/* ---- reading ------------------------------------------------------------------------------- */

/* What took too much of the target's time is not told for a while. */
static void ration(struct record_growth *growth)
{
	double start = clock_monotonic();
	if (start < growth->next_ration)
		return;
	watch_tell_calls(growth->watch, record_allowance_lasts(&growth->for_calls));
	/* With many threads and CPUs it takes a while. */
	double end = clock_monotonic();
	growth->next_ration = end + SWITCHING_SHARE * (end - start);
}

static void read_counters(struct record_growth *growth)
{
	CLEANUP(freep) struct target_read *reads = calloc(growth->counter_count + 1, sizeof(*reads));
	CLEANUP(freep) uint64_t *values = calloc(growth->counter_count + 1, sizeof(*values));
	size_t count = 0;
	for (size_t i = 0; reads && values && i < growth->counter_count; i++)
		if (growth->counters[i]->address)
			reads[count++] = (struct target_read){
				.address = growth->counters[i]->address, .buffer = &values[i],
				.length = sizeof(*values)};
	if (count == 0)
		return;
	target_read_many(growth->record->heapspy->target, reads, count);
	count = 0;
	for (size_t i = 0; i < growth->counter_count; i++)
		if (growth->counters[i]->address && reads[count++].fault == FAULT_NONE)
			growth->counters[i]->now = values[i];
}

/* Some asked for what was of the size of an arena, and was none. */
static void drop_causes(struct record_growth *growth)
{
	double now = clock_monotonic();
	while (growth->cause_count && now - growth->causes[0].time > CAUSE_LASTS)
		memmove(growth->causes, growth->causes + 1,
			--growth->cause_count * sizeof(*growth->causes));
}

static void settle(struct record_growth *growth)
{
	struct record_counter *arenas = growth->arena_counter;
	/* Who did it is not known. */
	struct record_change other = growth->last;
	other.time = clock_monotonic();
	read_counters(growth);
	bool moved = arenas && (arenas->address ? arenas->now != arenas->value : growth->mapped);
	double now = clock_monotonic();
	if (arenas && now >= growth->next_arenas && (moved || now - growth->arenas_at > IDLE_INTERVAL)) {
		growth_read_arenas(growth);
		growth_prove(growth);
		growth->mapped = false;
		growth->next_arenas = now + ARENAS_SHARE * (clock_monotonic() - now);
	}
	drop_causes(growth);
	for (size_t i = 0; i < growth->counter_count; i++)
		if (growth->counters[i]->arena)
			record_counter_settle(growth->counters[i], &other);
	bool settled = record_pieces_settle(growth->pieces, growth->touches, &other);
	growth->pending = !settled || growth->cause_count;
}

/* What changes before anybody was heard of is of whoever runs at the beginning. */
static void name_first(struct record_growth *growth)
{
	growth->last.stack = stack_of(growth, growth->last.tid, NULL);
	growth->last.time = clock_monotonic();
}

void record_growth_read(struct record_growth *growth, bool *ret_exec)
{
	if (!growth->watch)
		return;
	peek_forget(growth->record->python->peek);
	if (growth->last.time <= 0)
		name_first(growth);
	watch_read(growth->watch, take_event, growth);
	record_window_read(&growth->window, take_touch, growth);
	heapspy_error_free(record_window_step(&growth->window));
	*ret_exec = growth->exec;
	if (clock_monotonic() < growth->next_settle)
		return;
	ration(growth);
	settle(growth);
	growth->next_settle = clock_monotonic() + (growth->pending		? CALL_TAKES
						   : growth->for_calls.used_up ? REST_INTERVAL
									       : READ_INTERVAL);
}

/* Count what was got holds by now. */
static void survey(struct record_growth *growth, bool at_end)
{
	struct python *python = growth->record->python;
	struct record_counter *counter = growth->arena_counter;
	struct arenas arenas = {0};
	peek_forget(python->peek);
	if (counter && counter->wait_count && obmalloc_arenas(python, &arenas) != FAULT_NONE)
		arenas = (struct arenas){0};
	for (size_t i = 0; i < growth->counter_count; i++)
		record_keepers_survey(growth->keepers, growth->counters[i], &arenas, at_end);
	arenas_fini(&arenas);
	peek_take_fault(python->peek);
}

void record_growth_step(struct record_growth *growth)
{
	struct record_keeper keeper;
	const struct record_allocators allocators = growth_allocators(growth);
	while (record_touches_step(growth->touches, &allocators, &keeper))
		record_keepers_learn(growth->keepers, &keeper);
	double now = clock_monotonic();
	if (now < growth->next_survey)
		return;
	growth->next_survey = now + SURVEY_INTERVAL;
	survey(growth, false);
}

double record_growth_deadline(const struct record_growth *growth)
{
	return growth->watch ? growth->next_settle : HUGE_VAL;
}

void record_growth_finish(struct record_growth *growth)
{
	double end = clock_monotonic() + SETTLED_AFTER;
	while (growth->watch && growth->pending && clock_monotonic() < end) {
		poll(NULL, 0, (int)(READ_INTERVAL * 1e3));
		settle(growth);
	}
	survey(growth, true);
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
	settle(growth);
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
