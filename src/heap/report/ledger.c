/* SPDX-License-Identifier: MIT */
#include "heap/report/private.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"

/* What RSS grew by at a sample, as far as it has not gone. */
struct grant {
	uint64_t bytes;
	uint32_t stack;
	size_t before; /* the one of the same process before it, plus 1; 0: none */
};

struct ledger {
	struct heapspy_report *report;
	uint64_t *kept; /* by each stack, and of each counter */
	size_t change_space;
	struct grant *grants;
	size_t *latest; /* of each process, plus 1 */
	size_t grant_count, grant_space;
	bool no_memory;
};

static void ledger_fini(struct ledger *ledger)
{
	free(ledger->kept);
	free(ledger->grants);
	free(ledger->latest);
}

static uint64_t *kept_of(struct ledger *ledger, enum heapspy_counter counter, uint32_t stack)
{
	return &ledger->kept[(size_t)stack * HEAPSPY_COUNTER_COUNT + counter];
}

static void enter(struct ledger *ledger, double time, uint32_t process, uint32_t stack,
		  enum heapspy_counter counter, int64_t bytes)
{
	struct heapspy_report *report = ledger->report;
	if (bytes == 0)
		return;
	if (!ARRAY_RESERVE(report->changes, ledger->change_space, report->change_count + 1)) {
		ledger->no_memory = true;
		return;
	}
	report->changes[report->change_count++] =
		(struct heapspy_report_change){time, bytes, stack, process, counter};
	*kept_of(ledger, counter, stack) += (uint64_t)bytes;
}

/* ---- growth events -------------------------------------------------------------------- */

static void add_growth(struct ledger *ledger)
{
	const struct heapspy_recording *recording = ledger->report->recording;
	for (size_t i = 0; i < recording->growth_count; i++) {
		const struct heapspy_recorded_growth *growth = &recording->growth[i];
		if (growth->bytes >= 0) {
			enter(ledger, growth->time, growth->process, growth->stack, growth->counter,
			      growth->bytes);
			ledger->report->threads[growth->thread] += (uint64_t)growth->bytes;
			continue;
		}
		uint64_t bytes = (uint64_t)-growth->bytes;
		uint64_t kept = growth->of == HEAPSPY_NO_STACK
					? 0
					: *kept_of(ledger, growth->counter, growth->of);
		uint64_t taken = bytes < kept ? bytes : kept;
		enter(ledger, growth->time, growth->process, growth->of, growth->counter,
		      -(int64_t)taken);
		ledger->report->freed_before += bytes - taken;
	}
}

/* ---- samples ---------------------------------------------------------------------------- */

static void grant(struct ledger *ledger, uint32_t process, uint32_t stack, uint64_t bytes)
{
	if (!ARRAY_RESERVE(ledger->grants, ledger->grant_space, ledger->grant_count + 1)) {
		ledger->no_memory = true;
		return;
	}
	ledger->grants[ledger->grant_count++] =
		(struct grant){bytes, stack, ledger->latest[process]};
	ledger->latest[process] = ledger->grant_count;
}

static void take_back(struct ledger *ledger, double time, uint32_t process, uint64_t bytes)
{
	while (bytes > 0 && ledger->latest[process] > 0) {
		struct grant *latest = &ledger->grants[ledger->latest[process] - 1];
		uint64_t taken = bytes < latest->bytes ? bytes : latest->bytes;
		enter(ledger, time, process, latest->stack, HEAPSPY_COUNTER_OTHER, -(int64_t)taken);
		latest->bytes -= taken;
		bytes -= taken;
		if (latest->bytes == 0)
			ledger->latest[process] = latest->before;
	}
	ledger->report->freed_before += bytes;
}

static void add_samples(struct ledger *ledger)
{
	const struct heapspy_recording *recording = ledger->report->recording;
	for (size_t i = 0; i < recording->sample_count; i++) {
		const struct heapspy_recorded_sample *sample = &recording->samples[i];
		if (sample->rss > 0) {
			enter(ledger, sample->time, sample->process, sample->stack,
			      HEAPSPY_COUNTER_OTHER, sample->rss);
			grant(ledger, sample->process, sample->stack, (uint64_t)sample->rss);
			ledger->report->threads[sample->thread] += (uint64_t)sample->rss;
		} else if (sample->rss < 0) {
			take_back(ledger, sample->time, sample->process, (uint64_t)-sample->rss);
		}
	}
}

/* ---- all -------------------------------------------------------------------------------- */

struct heapspy_error *report_keep_ledger(struct heapspy_report *report)
{
	const struct heapspy_recording *recording = report->recording;
	CLEANUP(ledger_fini) struct ledger ledger = {
		.report = report,
		.kept = calloc((recording->stack_count + 1) * HEAPSPY_COUNTER_COUNT,
			       sizeof(*ledger.kept)),
		.latest = calloc(recording->process_count + 1, sizeof(*ledger.latest)),
	};
	report->processes = calloc(recording->process_count + 1, sizeof(*report->processes));
	report->threads = calloc(recording->thread_count + 1, sizeof(*report->threads));
	if (!ledger.kept || !ledger.latest || !report->threads || !report->processes)
		return error_no_memory();
	if (report->basis == HEAPSPY_SOURCE_GROWTH)
		add_growth(&ledger);
	else
		add_samples(&ledger);
	return ledger.no_memory ? error_no_memory() : NULL;
}
