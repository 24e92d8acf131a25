/* SPDX-License-Identifier: MIT */
#include "heap/record/growth/counter.h"

#include <stdlib.h>
#include <string.h>

#include <heapspy/memory.h>

#include "base/array.h"

void record_counter_init(struct record_counter *counter, struct record *record,
			 enum heapspy_record_counter kind, uint64_t address, uint64_t unit)
{
	*counter = (struct record_counter){
		.record = record, .kind = kind, .address = address, .unit = unit};
}

void record_counter_fini(struct record_counter *counter)
{
	free(counter->waits);
	owners_fini(&counter->owners);
}

/* ---- telling ---------------------------------------------------------------------- */

static void tell(const struct record_change *change, int64_t bytes, uint32_t of)
{
	struct record *record = change->record;
	const struct record_thread *thread = record_threads_find(&record->threads, change->tid);
	struct heapspy_record_entry entry = {
		.kind = HEAPSPY_RECORD_GROWTH,
		.time = record_time(record, change->time),
		.growth = {
			.counter = change->kind,
			.bytes = bytes,
			.tid = change->tid,
			.thread = thread ? thread->name : NULL,
			.stack = change->stack,
			.of = of,
		},
	};
	record_emit(record, &entry);
}

void record_change_more(const struct record_change *change, uint64_t bytes)
{
	tell(change, (int64_t)bytes, HEAPSPY_NO_STACK);
}

void record_change_less(void *change, uint64_t bytes, uint32_t of)
{
	tell(change, -(int64_t)bytes, of);
}

static void more(struct record_counter *counter, const struct record_change *change, uint64_t key,
		 uint64_t bytes)
{
	owners_add(&counter->owners, key, bytes, change->stack);
	record_change_more(change, bytes);
}

static bool hold(struct record_counter *counter, const struct record_change *change, uint64_t key,
		 uint64_t bytes)
{
	if (!ARRAY_RESERVE(counter->waits, counter->wait_capacity, counter->wait_count + 1))
		return false;
	counter->waits[counter->wait_count++] = (struct record_wait){*change, bytes, key, false};
	counter->waiting += bytes;
	return true;
}

static void forget_taken(struct record_counter *counter)
{
	size_t kept = 0;
	for (size_t i = 0; i < counter->wait_count; i++)
		if (counter->waits[i].bytes)
			counter->waits[kept++] = counter->waits[i];
	counter->wait_count = kept;
}

uint64_t record_counter_charge_to(struct record_counter *counter,
				  const struct record_change *keeper, uint64_t bytes, bool whole)
{
	uint64_t taken = 0;
	for (size_t i = 0; i < counter->wait_count && taken < bytes; i++) {
		struct record_wait *wait = &counter->waits[i];
		if (whole && !wait->surveyed)
			continue;
		uint64_t left = bytes - taken;
		uint64_t part = whole || wait->bytes < left ? wait->bytes : left;
		struct record_change change = wait->change;
		change.tid = keeper->tid;
		change.stack = keeper->stack;
		more(counter, &change, wait->key, part);
		wait->bytes -= part;
		counter->waiting -= part;
		taken += part;
	}
	forget_taken(counter);
	return taken;
}

void record_counter_charge(struct record_counter *counter, double until)
{
	size_t kept = 0;
	for (size_t i = 0; i < counter->wait_count; i++) {
		struct record_wait wait = counter->waits[i];
		if (wait.change.time > until) {
			counter->waits[kept++] = wait;
			continue;
		}
		counter->waiting -= wait.bytes;
		more(counter, &wait.change, wait.key, wait.bytes);
	}
	counter->wait_count = kept;
}

/* What waits and goes before anybody kept it was of whoever made it grow. */
static uint64_t release_waiting(struct record_counter *counter, const struct record_change *change,
				uint64_t key, uint64_t bytes)
{
	for (size_t i = counter->wait_count; i-- > 0 && bytes;) {
		struct record_wait *wait = &counter->waits[i];
		if (key && wait->key != key)
			continue;
		uint64_t taken = wait->bytes < bytes ? wait->bytes : bytes;
		struct record_change told = *change;
		record_change_more(&wait->change, taken);
		record_change_less(&told, taken, wait->change.stack);
		wait->bytes -= taken;
		counter->waiting -= taken;
		bytes -= taken;
		if (wait->bytes)
			continue;
		memmove(wait, wait + 1, (--counter->wait_count - i) * sizeof(*wait));
	}
	return bytes;
}

void record_counter_release(struct record_counter *counter, const struct record_change *change,
			    uint64_t key, uint64_t bytes)
{
	struct record_change told = *change;
	bytes = release_waiting(counter, change, key, bytes);
	if (bytes == 0)
		return;
	if (key)
		owners_take_key(&counter->owners, key, bytes, record_change_less, &told);
	else if (counter->kind == HEAPSPY_RECORD_MMAPPED)
		owners_take_piece(&counter->owners, bytes, record_change_less, &told);
	else
		owners_take_last(&counter->owners, bytes, record_change_less, &told);
}

void record_counter_add(struct record_counter *counter, const struct record_change *change,
			uint64_t key, uint64_t bytes)
{
	if (!counter->holds || !hold(counter, change, key, bytes))
		more(counter, change, key, bytes);
}

/* ---- reading ------------------------------------------------------------------------ */

void record_counter_read(struct record_counter *counter)
{
	uint64_t value;
	if (!counter->address) /* whoever knows it sets it */
		return;
	if (target_read(counter->record->heapspy->target, counter->address, &value,
			sizeof(value)) == FAULT_NONE)
		counter->now = value;
}

void record_counter_start(struct record_counter *counter)
{
	record_counter_read(counter);
	counter->value = counter->now;
}

uint64_t record_counter_now(struct record_counter *counter)
{
	record_counter_read(counter);
	return counter->now * counter->unit;
}

void record_counter_settle(struct record_counter *counter, const struct record_change *other)
{
	int64_t by = (int64_t)(counter->now - counter->value);
	struct record_change change = counter->cause.time > 0 ? counter->cause : *other;
	if (by == 0)
		return;
	change.kind = counter->kind;
	counter->value = counter->now;
	counter->cause.time = 0;
	if (by > 0)
		record_counter_add(counter, &change, 0, (uint64_t)by * counter->unit);
	else
		record_counter_release(counter, &change, 0, -(uint64_t)by * counter->unit);
}
