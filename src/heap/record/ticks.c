/* SPDX-License-Identifier: MIT */
#include "heap/record/ticks.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "python/gc.h"
#include "python/threads.h"

void record_ticks_init(struct record_ticks *ticks, struct record *record,
		       struct record_growth *growth)
{
	*ticks = (struct record_ticks){.record = record, .growth = growth};
	ticks->statm = openat(target_proc_directory(record->heapspy->target), "statm",
			      O_RDONLY | O_CLOEXEC);
}

void record_ticks_fini(struct record_ticks *ticks)
{
	closep(&ticks->statm);
}

/* /proc/PID/statm: pages, the second number of them resident. */
static uint64_t read_rss(const struct record_ticks *ticks)
{
	char text[128];
	unsigned long long pages;
	ssize_t length = pread(ticks->statm, text, sizeof(text) - 1, 0);
	if (length <= 0)
		return HEAPSPY_UNKNOWN;
	text[length] = 0;
	return sscanf(text, "%*u %llu", &pages) == 1 ? pages * 4096 : HEAPSPY_UNKNOWN;
}

static int64_t difference(uint64_t now, uint64_t before)
{
	return now == HEAPSPY_UNKNOWN || before == HEAPSPY_UNKNOWN ? 0 : (int64_t)(now - before);
}

void record_tick(struct record_ticks *ticks)
{
	struct record *record = ticks->record;
	struct python *python = record->python;
	peek_forget(python->peek);
	peek_take_fault(python->peek);
	/* The thread first: what it does is gone soon. */
	uint64_t state = 0;
	bool held = false;
	int64_t young = 0;
	for (size_t i = 0; i < python->interpreter_count; i++) {
		const struct interpreter *interpreter = &python->interpreters[i];
		bool held_here = false;
		uint64_t holder = threads_holder(python, interpreter, &held_here);
		if (holder && (!state || (held_here && !held))) {
			state = holder;
			held = held_here;
		}
		young += gc_young_count(python->peek, &python->layout, interpreter->gc);
	}
	if (peek_take_fault(python->peek) != FAULT_NONE)
		return;
	const struct record_thread *thread =
		record_threads_with_state(&record->threads, state);
	double now = clock_monotonic();
	if (!thread && now - record->threads.learned > 0.1) {
		record_threads_learn(&record->threads, record->heapspy);
		thread = record_threads_with_state(&record->threads, state);
	}
	uint64_t rss = read_rss(ticks), arenas = record_growth_arenas(ticks->growth);
	struct heapspy_record_entry entry = {
		.kind = HEAPSPY_RECORD_SAMPLE,
		.time = record_time(record, now),
		.sample = {
			.tid = thread ? thread->tid : target_pid(record->heapspy->target),
			.thread = thread ? thread->name : NULL,
			.holds_gil = held,
			.charged = ticks->started,
		},
	};
	if (ticks->started) {
		entry.sample.rss = difference(rss, ticks->rss);
		entry.sample.arenas = difference(arenas, ticks->arenas);
		entry.sample.young = young - ticks->young;
	}
	ticks->started = true;
	ticks->rss = rss;
	ticks->arenas = arenas;
	ticks->young = young;
	/* A process at rest says nothing. */
	if (!held && !entry.sample.rss && !entry.sample.arenas && !entry.sample.young)
		return;
	entry.sample.stack = record_stacks_take(record->stacks, thread ? thread->state : 0, NULL);
	record_emit(record, &entry);
}
