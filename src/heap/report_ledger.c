/* SPDX-License-Identifier: MIT */
#include "heap/report_private.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/index.h"

/* Memory that grew. Those that have not gone are a list; numbers of others are plus 1,
 * 0 is none. */
struct grant {
	uint64_t bytes; /* that are left of it */
	uint32_t stack;
	uint32_t before, after; /* in the list */
	uint32_t same;          /* the one before it that came with the same size */
};

/* Grants that came with one size, the latest first; some have gone since. */
struct chain {
	uint64_t bytes;
	uint32_t latest;
};

/* What one counter grew by. */
struct granted {
	struct grant *grants; /* all there ever were */
	size_t count, space;
	uint32_t latest;      /* that has not gone */
	struct chain *chains;
	size_t chain_count, chain_space;
	struct index sizes;
	bool by_size; /* what goes has the size of what came */
	bool named;   /* the recording says whose the memory was that goes */
};

struct ledger {
	struct heapspy_report *report;
	struct granted granted[HEAPSPY_COUNTER_COUNT];
	uint64_t *kept; /* by each stack */
	size_t change_space;
	bool no_memory;
};

static void ledger_fini(struct ledger *ledger)
{
	for (int i = 0; i < HEAPSPY_COUNTER_COUNT; i++) {
		free(ledger->granted[i].grants);
		free(ledger->granted[i].chains);
		index_fini(&ledger->granted[i].sizes);
	}
	free(ledger->kept);
}

static bool room(struct ledger *ledger, void **items, size_t size, size_t count, size_t *space)
{
	if (count < *space)
		return true;
	size_t larger = *space ? *space * 2 : 256;
	void *grown = reallocarray(*items, larger, size);
	if (!grown) {
		ledger->no_memory = true;
		return false;
	}
	*items = grown;
	*space = larger;
	return true;
}

static void enter(struct ledger *ledger, double time, uint32_t stack,
		  enum heapspy_counter counter, int64_t bytes)
{
	struct heapspy_report *report = ledger->report;
	if (!room(ledger, (void **)&report->changes, sizeof(*report->changes),
		  report->change_count, &ledger->change_space))
		return;
	report->changes[report->change_count++] =
		(struct heapspy_report_change){time, bytes, stack, counter};
	ledger->kept[stack] += (uint64_t)bytes;
}

/* ---- grants ------------------------------------------------------------------------- */

static bool same_size(const void *things, uint32_t at, const void *sought)
{
	const struct granted *granted = things;
	return granted->chains[at].bytes == *(const uint64_t *)sought;
}

static struct chain *find_chain(struct granted *granted, uint64_t bytes)
{
	uint64_t hash = index_hash(&bytes, sizeof(bytes), 0);
	uint32_t at = index_find(&granted->sizes, hash, same_size, granted, &bytes);
	return at == UINT32_MAX ? NULL : &granted->chains[at];
}

static struct chain *make_chain(struct ledger *ledger, struct granted *granted, uint64_t bytes)
{
	struct chain *chain = find_chain(granted, bytes);
	if (chain)
		return chain;
	if (!room(ledger, (void **)&granted->chains, sizeof(*granted->chains),
		  granted->chain_count, &granted->chain_space))
		return NULL;
	uint64_t hash = index_hash(&bytes, sizeof(bytes), 0);
	if (!index_add(&granted->sizes, hash, (uint32_t)granted->chain_count)) {
		ledger->no_memory = true;
		return NULL;
	}
	chain = &granted->chains[granted->chain_count++];
	*chain = (struct chain){.bytes = bytes};
	return chain;
}

static void grant(struct ledger *ledger, struct granted *granted, uint32_t stack, uint64_t bytes)
{
	if (!room(ledger, (void **)&granted->grants, sizeof(*granted->grants), granted->count,
		  &granted->space))
		return;
	struct chain *chain = granted->by_size ? make_chain(ledger, granted, bytes) : NULL;
	granted->grants[granted->count++] = (struct grant){
		.bytes = bytes,
		.stack = stack,
		.before = granted->latest,
		.same = chain ? chain->latest : 0,
	};
	uint32_t number = (uint32_t)granted->count;
	if (granted->latest)
		granted->grants[granted->latest - 1].after = number;
	granted->latest = number;
	if (chain)
		chain->latest = number;
}

static void take(struct ledger *ledger, double time, enum heapspy_counter counter, uint32_t number,
		 uint64_t bytes)
{
	struct granted *granted = &ledger->granted[counter];
	struct grant *one = &granted->grants[number - 1];
	enter(ledger, time, one->stack, counter, -(int64_t)bytes);
	one->bytes -= bytes;
	if (one->bytes > 0)
		return;
	if (one->before)
		granted->grants[one->before - 1].after = one->after;
	if (one->after)
		granted->grants[one->after - 1].before = one->before;
	else
		granted->latest = one->before;
}

/* The latest that came with this size and is still whole; 0: none. */
static uint32_t find_same(struct granted *granted, uint64_t bytes)
{
	struct chain *chain = granted->by_size ? find_chain(granted, bytes) : NULL;
	while (chain && chain->latest) {
		const struct grant *one = &granted->grants[chain->latest - 1];
		if (one->bytes == bytes)
			return chain->latest;
		chain->latest = one->same;
	}
	return 0;
}

static void shrink(struct ledger *ledger, double time, enum heapspy_counter counter, uint32_t of,
		   uint64_t bytes)
{
	struct granted *granted = &ledger->granted[counter];
	if (granted->named && of != HEAPSPY_NO_STACK) {
		uint64_t taken = bytes < ledger->kept[of] ? bytes : ledger->kept[of];
		if (taken > 0)
			enter(ledger, time, of, counter, -(int64_t)taken);
		bytes -= taken;
	}
	while (bytes > 0 && granted->latest) {
		uint32_t number = find_same(granted, bytes) ?: granted->latest;
		uint64_t left = granted->grants[number - 1].bytes;
		uint64_t taken = bytes < left ? bytes : left;
		take(ledger, time, counter, number, taken);
		bytes -= taken;
	}
	ledger->report->freed_before += bytes;
}

static void change(struct ledger *ledger, double time, enum heapspy_counter counter, uint32_t stack,
		   uint32_t of, int64_t bytes)
{
	struct granted *granted = &ledger->granted[counter];
	if (bytes > 0) {
		enter(ledger, time, stack, counter, bytes);
		if (!granted->named)
			grant(ledger, granted, stack, (uint64_t)bytes);
	} else if (bytes < 0) {
		shrink(ledger, time, counter, of, (uint64_t)-bytes);
	}
}

/* ---- all -------------------------------------------------------------------------------- */

static void add_growth(struct ledger *ledger)
{
	const struct heapspy_recording *recording = ledger->report->recording;
	for (size_t i = 0; i < recording->growth_count; i++) {
		const struct heapspy_recorded_growth *growth = &recording->growth[i];
		if (growth->of != HEAPSPY_NO_STACK)
			ledger->granted[growth->counter].named = true;
	}
	for (size_t i = 0; i < recording->growth_count; i++) {
		const struct heapspy_recorded_growth *growth = &recording->growth[i];
		change(ledger, growth->time, growth->counter, growth->stack, growth->of,
		       growth->bytes);
		if (growth->bytes > 0)
			ledger->report->threads[growth->thread] += (uint64_t)growth->bytes;
	}
}

static void add_samples(struct ledger *ledger)
{
	const struct heapspy_recording *recording = ledger->report->recording;
	for (size_t i = 0; i < recording->sample_count; i++) {
		const struct heapspy_recorded_sample *sample = &recording->samples[i];
		change(ledger, sample->time, HEAPSPY_COUNTER_OTHER, sample->stack,
		       HEAPSPY_NO_STACK, sample->rss);
		if (sample->rss > 0)
			ledger->report->threads[sample->thread] += (uint64_t)sample->rss;
	}
}

struct heapspy_error *report_keep_ledger(struct heapspy_report *report)
{
	const struct heapspy_recording *recording = report->recording;
	CLEANUP(ledger_fini) struct ledger ledger = {
		.report = report,
		.kept = calloc(recording->stack_count + 1, sizeof(*ledger.kept)),
	};
	report->threads = calloc(recording->thread_count + 1, sizeof(*report->threads));
	if (!ledger.kept || !report->threads)
		return error_no_memory();
	ledger.granted[HEAPSPY_COUNTER_MMAPPED].by_size = true;
	ledger.granted[HEAPSPY_COUNTER_MMAP].by_size = true;
	if (report->basis == HEAPSPY_SOURCE_GROWTH)
		add_growth(&ledger);
	else
		add_samples(&ledger);
	return ledger.no_memory ? error_no_memory() : NULL;
}
