/* SPDX-License-Identifier: MIT */
#include "heap/record/counter.h"

#include <stdlib.h>
#include <string.h>

#include <heapspy/memory.h>

#include "base/clock.h"

/* A register that held the value so often, of all times that were seen, holds it. */
enum { SEEN_LEAST = 2, PERCENT = 90 };

/* A counter does not change by more at once. */
#define MOST_AT_ONCE (UINT64_C(1) << 42)

void record_counter_init(struct record_counter *counter, struct record *record,
			 enum heapspy_record_counter kind, uint64_t address, uint64_t unit)
{
	*counter = (struct record_counter){
		.record = record, .kind = kind, .address = address, .unit = unit};
}

void record_counter_fini(struct record_counter *counter)
{
	free(counter->hits);
	free(counter->releases);
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

static void release_later(struct record_counter *counter, const struct record_change *change,
			  uint64_t bytes)
{
	if (counter->release_count == counter->release_capacity) {
		size_t capacity = counter->release_capacity ? 2 * counter->release_capacity : 16;
		struct record_release *more =
			realloc(counter->releases, capacity * sizeof(*more));
		if (!more)
			return;
		counter->releases = more;
		counter->release_capacity = capacity;
	}
	counter->releases[counter->release_count++] = (struct record_release){*change, bytes};
}

static void more(struct record_counter *counter, const struct record_change *change, uint64_t key,
		 uint64_t bytes)
{
	owners_add(&counter->owners, key, bytes, change->stack);
	record_change_more(change, bytes);
}

static bool hold(struct record_counter *counter, const struct record_change *change, uint64_t bytes)
{
	if (counter->wait_count == counter->wait_capacity) {
		size_t capacity = counter->wait_capacity ? 2 * counter->wait_capacity : 64;
		struct record_wait *waits = realloc(counter->waits, capacity * sizeof(*waits));
		if (!waits)
			return false;
		counter->waits = waits;
		counter->wait_capacity = capacity;
	}
	counter->waits[counter->wait_count++] = (struct record_wait){*change, bytes, 0};
	counter->waiting += bytes;
	return true;
}

void record_counter_keep(struct record_counter *counter, pid_t tid, uint32_t stack)
{
	size_t at = counter->keeper_count++ % RECORD_KEEPERS;
	counter->keepers[at] = (struct record_change){.tid = tid, .stack = stack};
}

/* Pieces of what waits, in order, go to the keepers, the same to each. */
static void charge_keepers(struct record_counter *counter)
{
	size_t keepers = counter->keeper_count < RECORD_KEEPERS ? counter->keeper_count
								: RECORD_KEEPERS;
	uint64_t share = counter->waiting / keepers, room = share;
	/* Arenas are told from one another: a piece of them is a whole one. */
	size_t at = 0;
	for (size_t i = 0; i < counter->wait_count; i++) {
		struct record_wait wait = counter->waits[i];
		while (wait.bytes) {
			bool last = at + 1 == keepers;
			uint64_t part = last || counter->unit > 1 || wait.bytes < room ? wait.bytes : room;
			wait.change.tid = counter->keepers[at].tid;
			wait.change.stack = counter->keepers[at].stack;
			if (part)
				more(counter, &wait.change, wait.key, part);
			wait.bytes -= part;
			room = part < room ? room - part : 0;
			if (room == 0 && !last) {
				at++;
				room = share;
			}
		}
	}
	counter->wait_count = counter->keeper_count = 0;
	counter->waiting = 0;
}

void record_counter_charge(struct record_counter *counter, double until)
{
	if (counter->keeper_count && counter->wait_count) {
		charge_keepers(counter);
		return;
	}
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

static void changed(struct record_counter *counter, const struct record_change *change, int64_t by)
{
	uint64_t bytes = (by < 0 ? -(uint64_t)by : (uint64_t)by) * counter->unit;
	if (by > 0)
		counter->grown = clock_monotonic();
	if (by > 0 && !(counter->holds && hold(counter, change, bytes)))
		more(counter, change, 0, bytes);
	else if (by < 0 && counter->kind == HEAPSPY_RECORD_ARENAS)
		release_later(counter, change, bytes);
	else if (by < 0)
		record_counter_release(counter, change, 0, bytes);
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

void record_counter_hit(struct record_counter *counter, const struct watch_event *event,
			uint32_t stack)
{
	if (counter->hit_count == counter->hit_capacity) {
		size_t capacity = counter->hit_capacity ? 2 * counter->hit_capacity : 64;
		struct record_hit *more = realloc(counter->hits, capacity * sizeof(*more));
		if (!more) {
			counter->record->lost++;
			return;
		}
		counter->hits = more;
		counter->hit_capacity = capacity;
	}
	struct record_hit *hit = &counter->hits[counter->hit_count++];
	*hit = (struct record_hit){
		.change = {counter->record, counter->kind, event->time, event->tid, stack},
		.has_registers = event->registers,
	};
	if (event->registers)
		memcpy(hit->registers, event->registers, sizeof(hit->registers));
}

/* ---- what an instruction leaves in the registers ---------------------------------------- */

static struct record_writer *writer_of(struct record_counter *counter, const struct record_hit *hit)
{
	uint64_t ip = hit->registers[WATCH_RIP];
	for (size_t i = 0; i < counter->writer_count; i++)
		if (counter->writers[i].ip == ip)
			return &counter->writers[i];
	if (!hit->has_registers || counter->writer_count == RECORD_WRITERS)
		return NULL;
	counter->writers[counter->writer_count] = (struct record_writer){.ip = ip};
	return &counter->writers[counter->writer_count++];
}

static void learn(struct record_counter *counter, const struct record_hit *hit, uint64_t before,
		  uint64_t after)
{
	struct record_writer *writer = writer_of(counter, hit);
	if (!writer || before == after)
		return;
	int sign = after > before ? 1 : -1;
	writer->sign = writer->seen == 0 || writer->sign == sign ? sign : 0;
	writer->seen++;
	for (unsigned i = 0; i < WATCH_REGISTERS; i++) {
		writer->after[i] += hit->registers[i] == after;
		writer->before[i] += hit->registers[i] == before;
	}
}

static bool plausible(const struct record_counter *counter, uint64_t value)
{
	uint64_t apart = value > counter->now ? value - counter->now : counter->now - value;
	return apart * counter->unit < MOST_AT_ONCE;
}

/* The value that a register holds, by what it held at other times. */
static bool value_in(const struct record_counter *counter, const struct record_writer *writer,
		     const unsigned *matches, const struct record_hit *hit, uint64_t *ret_value)
{
	for (unsigned i = 0; i < WATCH_REGISTERS && writer->seen >= SEEN_LEAST; i++) {
		if (i == WATCH_RSP || i == WATCH_RIP || 100 * matches[i] < PERCENT * writer->seen ||
		    !plausible(counter, hit->registers[i]))
			continue;
		*ret_value = hit->registers[i];
		return true;
	}
	return false;
}

/* ---- from hits to changes ------------------------------------------------------------------ */

/* Values after each hit, as far as they can be told: `known` says of which. */
static void tell_values(struct record_counter *counter, uint64_t *values, bool *known)
{
	size_t count = counter->hit_count;
	for (size_t i = 0; i < count; i++) {
		const struct record_hit *hit = &counter->hits[i];
		const struct record_writer *writer = writer_of(counter, hit);
		uint64_t value;
		if (!writer)
			continue;
		if (value_in(counter, writer, writer->after, hit, &value)) {
			values[i] = value;
			known[i] = true;
		} else if (i > 0 && !known[i - 1] &&
			   value_in(counter, writer, writer->before, hit, &value)) {
			values[i - 1] = value;
			known[i - 1] = true;
		}
	}
	/* Nothing came after the last one before the counter was read. */
	if (!known[count - 1]) {
		values[count - 1] = counter->now;
		known[count - 1] = true;
	}
}

/* Between values that are known: arenas come and go one by one; bytes are shared. */
static int64_t share(const struct record_counter *counter, const struct record_writer *writer,
		     int64_t change, size_t left)
{
	if (counter->kind == HEAPSPY_RECORD_ARENAS && writer && writer->sign)
		return writer->sign;
	return change / (int64_t)left;
}

void record_counter_poll(struct record_counter *counter, const struct record_change *change)
{
	record_counter_read(counter);
	int64_t by = (int64_t)(counter->now - counter->value);
	if (by == 0 || counter->hit_count)
		return;
	changed(counter, change, by);
	counter->value = counter->now;
}

void record_counter_settle(struct record_counter *counter)
{
	size_t count = counter->hit_count;
	if (count == 0)
		return;
	if (count == 1)
		learn(counter, &counter->hits[0], counter->value, counter->now);
	CLEANUP(freep) uint64_t *values = calloc(count, sizeof(*values));
	CLEANUP(freep) bool *known = calloc(count, sizeof(*known));
	counter->hit_count = 0;
	if (!values || !known)
		return;
	counter->hit_count = count;
	tell_values(counter, values, known);
	for (size_t i = 0; i < count;) {
		size_t end = i;
		while (!known[end])
			end++;
		for (; i <= end; i++) {
			int64_t change = (int64_t)(values[end] - counter->value);
			if (i < end)
				change = share(counter, writer_of(counter, &counter->hits[i]), change,
					       end - i + 1);
			changed(counter, &counter->hits[i].change, change);
			counter->value += (uint64_t)change;
		}
	}
	counter->hit_count = 0;
}
