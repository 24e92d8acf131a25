/* SPDX-License-Identifier: MIT */
#include <heapspy/record.h>

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <heapspy/sampler.h>

#include "base/clock.h"
#include "base/error.h"
#include "heap/record/group.h"
#include "heap/record/growth/growth.h"
#include "heap/record/private.h"
#include "heap/record/ticks.h"

DEFINE_CLEANUP(struct heapspy_sampler *, heapspy_sampler_stop)
DEFINE_CLEANUP(struct heapspy_sample *, heapspy_sample_drop)
DEFINE_CLEANUP(struct record_growth *, record_growth_free)
DEFINE_CLEANUP(struct record_stacks *, record_stacks_free)

enum { DEFAULT_RATE = 100, DEFAULT_CENSUS = 10, MOST_RATE = 10000 };

/* What only a look tells is looked at so often: seconds. */
#define LOOK_INTERVAL 1.0

/* The last census may come so much after the end. */
#define LAST_CENSUS 2.0

/* A process that is busy is not followed more closely than that: seconds. */
#define LEAST_SLEEP 0.001

void record_emit(struct record *record, const struct heapspy_record_entry *entry)
{
	if (record->error)
		return;
	struct heapspy_record_entry timed = *entry;
	if (entry->kind == HEAPSPY_RECORD_FRAME || entry->kind == HEAPSPY_RECORD_STACK)
		timed.time = record_time(record, clock_monotonic());
	record->error = record->visit(record->context, &timed);
}

/* ---- the run ---------------------------------------------------------------------- */

struct run {
	struct record *record;
	struct record_growth *growth;
	struct record_ticks ticks;
	struct heapspy_sampler *sampler; /* NULL: neither censuses nor a timeline */
	uint64_t census, reading;        /* numbers of those that were told */
	uint64_t live, objects;
	int pidfd;
	double next_tick, next_look, end;
	char *trouble;
};

static void tell_census(struct run *run, const struct heapspy_sample *sample)
{
	struct record *record = run->record;
	const struct heapspy_dump *dump = sample->census->dump;
	double ago = clock_now() - dump->capture.time;
	struct heapspy_record_entry entry = {
		.kind = HEAPSPY_RECORD_CENSUS,
		.time = record_time(record, clock_monotonic() - (ago > 0 ? ago : 0)),
		.census = {.dump = dump},
	};
	run->live = dump->total.bytes;
	run->objects = dump->total.objects;
	record_emit(record, &entry);
}

static void tell_timeline(struct run *run, const struct heapspy_sample *sample, bool with_census)
{
	struct record *record = run->record;
	uint64_t arenas = record_growth_arenas(run->growth);
	uint64_t heap = record_growth_heap(run->growth);
	double ago = clock_now() - sample->time;
	struct heapspy_record_entry entry = {
		.kind = HEAPSPY_RECORD_TIMELINE,
		.time = record_time(record, clock_monotonic() - (ago > 0 ? ago : 0)),
		.timeline = {
			.rss = sample->rss,
			.heap = HEAPSPY_UNKNOWN,
			.live = with_census ? run->live : HEAPSPY_UNKNOWN,
			.objects = with_census ? run->objects : HEAPSPY_UNKNOWN,
			.interpreters = sample->interpreters,
			.interpreter_count = sample->interpreter_count,
		},
	};
	if (arenas != HEAPSPY_UNKNOWN || heap != HEAPSPY_UNKNOWN)
		entry.timeline.heap = (arenas != HEAPSPY_UNKNOWN ? arenas : 0) +
				      (heap != HEAPSPY_UNKNOWN ? heap : 0);
	record_emit(record, &entry);
}

static void read_sampler(struct run *run)
{
	CLEANUP(heapspy_sample_dropp)
	struct heapspy_sample *sample = heapspy_sampler_latest(run->sampler);
	if (!sample || sample->state != HEAPSPY_SAMPLE_LIVE)
		return;
	bool with_census = sample->census && sample->census->number != run->census;
	if (with_census) {
		run->census = sample->census->number;
		tell_census(run, sample);
	}
	if (with_census || sample->number != run->reading) {
		run->reading = sample->number;
		tell_timeline(run, sample, with_census);
	}
}

static bool is_gone(struct run *run)
{
	struct pollfd fd = {.fd = run->pidfd, .events = POLLIN};
	if (run->pidfd >= 0 && poll(&fd, 1, 0) > 0)
		return true;
	return target_verify(run->record->heapspy->target) != FAULT_NONE;
}

static void look(struct run *run)
{
	record_growth_look(run->growth);
	record_threads_learn(&run->record->threads, run->record->heapspy);
}

static enum heapspy_record_reason go_on(struct run *run)
{
	struct record *record = run->record;
	double interval = record->options.rate > 0 ? 1 / record->options.rate : LOOK_INTERVAL;
	for (;;) {
		double earliest = clock_monotonic() + LEAST_SLEEP;
		int watched[2];
		record_growth_fds(run->growth, watched);
		struct pollfd fds[] = {
			{.fd = watched[0], .events = POLLIN},
			{.fd = record->options.stop_fd, .events = POLLIN},
			{.fd = run->pidfd, .events = POLLIN},
			{.fd = run->sampler ? heapspy_sampler_fd(run->sampler) : -1,
			 .events = POLLIN},
			{.fd = watched[1], .events = POLLIN},
		};
		double next = fmin(fmin(run->next_tick, run->end),
				   fmax(record_growth_deadline(run->growth), earliest));
		const struct timespec timeout = clock_until(next);
		ppoll(fds, sizeof(fds) / sizeof(*fds), &timeout, NULL);
		bool exec = false;
		record_growth_read(run->growth, &exec);
		record_growth_step(run->growth);
		double now = clock_monotonic();
		if (fds[2].revents || exec)
			return HEAPSPY_RECORD_EXITED;
		if (now >= run->next_tick) {
			/* Ticks that were missed are not made up for. */
			run->next_tick = run->next_tick + interval > now ? run->next_tick + interval
									 : now + interval;
			if (record->options.rate > 0)
				record_tick(&run->ticks);
		}
		if (fds[3].revents)
			read_sampler(run);
		if (now >= run->next_look) {
			run->next_look = now + LOOK_INTERVAL;
			if (is_gone(run))
				return HEAPSPY_RECORD_EXITED;
			look(run);
		}
		if (fds[1].revents)
			return HEAPSPY_RECORD_INTERRUPTED;
		if (now >= run->end)
			return HEAPSPY_RECORD_DURATION;
		if (record->error)
			return HEAPSPY_RECORD_INTERRUPTED;
	}
}

/* What it all came to: a last census, if it can be had soon. */
static void take_last_census(struct run *run)
{
	if (!run->sampler || run->record->options.census <= 0)
		return;
	uint64_t before = run->census;
	double deadline = clock_monotonic() + LAST_CENSUS;
	heapspy_sampler_walk_now(run->sampler);
	while (run->census == before && clock_monotonic() < deadline && !is_gone(run)) {
		struct pollfd fd = {.fd = heapspy_sampler_fd(run->sampler), .events = POLLIN};
		const struct timespec timeout =
			clock_until(fmin(deadline, clock_monotonic() + LOOK_INTERVAL));
		ppoll(&fd, 1, &timeout, NULL);
		read_sampler(run);
	}
}

/* ---- beginning and end --------------------------------------------------------------- */

static struct heapspy_error *start_sampler(struct run *run, char **ret_why)
{
	const struct heapspy_record_options *options = &run->record->options;
	struct heapspy *other = NULL;
	struct heapspy_sampler_options how = {
		.interval = LOOK_INTERVAL,
		.census_interval = options->census > 0 ? options->census : 1e9,
	};
	struct heapspy_error *error =
		heapspy_attach(heapspy_target_info(run->record->heapspy)->pid, NULL, &other);
	if (!error)
		error = heapspy_sampler_start(other, &how, &run->sampler);
	if (error && asprintf(ret_why, "%s", error->why ?: error->what) < 0)
		*ret_why = NULL;
	return error;
}

static void tell_beginning(struct run *run, double started_at, const char *growth_why,
			   const char *sampler_why)
{
	struct record *record = run->record;
	const struct heapspy_record_options *options = &record->options;
	struct heapspy_record_entry entry = {
		.kind = HEAPSPY_RECORD_RECORDING,
		.recording = {
			.started_at = started_at,
			.target = heapspy_target_info(record->heapspy),
			.python = heapspy_python_info(record->heapspy),
			.rate = options->rate > 0 ? options->rate : 0,
			.census = options->census > 0 ? options->census : 0,
			.duration = options->duration,
			.native = options->native,
		},
	};
	__typeof__(&entry.recording.sources[0]) sources = entry.recording.sources;
	sources[HEAPSPY_RECORD_WATCHED].available = record_growth_works(run->growth);
	sources[HEAPSPY_RECORD_WATCHED].why = growth_why;
	sources[HEAPSPY_RECORD_SAMPLED].available = options->rate > 0;
	sources[HEAPSPY_RECORD_SAMPLED].why =
		options->rate <= 0 ? "not asked for"
		: options->native  ? "frames of Python only: those of C would take a stop"
				   : NULL;
	sources[HEAPSPY_RECORD_CENSUSES].available = run->sampler && options->census > 0;
	sources[HEAPSPY_RECORD_CENSUSES].why =
		sampler_why ?: options->census > 0 ? NULL : "not asked for";
	sources[HEAPSPY_RECORD_TIMES].available = run->sampler != NULL;
	sources[HEAPSPY_RECORD_TIMES].why = sampler_why;
	record_emit(record, &entry);
}

static void tell_end(struct run *run, enum heapspy_record_reason reason)
{
	struct record *record = run->record;
	struct heapspy_record_entry entry = {
		.kind = HEAPSPY_RECORD_END,
		.time = record_time(record, clock_monotonic()),
		.end = {.reason = reason, .lost = record->lost},
	};
	record_emit(record, &entry);
}

static void use_defaults(struct heapspy_record_options *options)
{
	if (options->rate == 0)
		options->rate = DEFAULT_RATE;
	if (options->rate > MOST_RATE)
		options->rate = MOST_RATE;
	if (options->census == 0)
		options->census = DEFAULT_CENSUS;
}

static struct heapspy_error *alone(struct heapspy *heapspy,
				   const struct heapspy_record_options *options,
				   heapspy_record_visitor *visit, void *context)
{
	struct record record = {
		.heapspy = heapspy,
		.python = heapspy->python,
		.options = *options,
		.visit = visit,
		.context = context,
	};
	use_defaults(&record.options);
	CLEANUP(record_stacks_freep) struct record_stacks *stacks = record_stacks_new(&record);
	record.stacks = stacks;
	CLEANUP(freep) char *growth_why = NULL;
	CLEANUP(freep) char *sampler_why = NULL;
	CLEANUP(record_growth_freep) struct record_growth *growth =
		record_growth_new(&record, &growth_why);
	CLEANUP(heapspy_sampler_stopp) struct heapspy_sampler *sampler = NULL;
	if (!stacks || !growth)
		return error_no_memory();
	record_threads_learn(&record.threads, heapspy);
	struct run run = {.record = &record, .growth = growth};
	heapspy_error_free(start_sampler(&run, &sampler_why));
	sampler = run.sampler;
	CLEANUP(closep) int pidfd =
		(int)syscall(SYS_pidfd_open, heapspy_target_info(heapspy)->pid, 0);
	run.pidfd = pidfd;
	double started_at = clock_now();
	record.start = clock_monotonic();
	run.next_tick = record.start;
	run.next_look = record.start + LOOK_INTERVAL;
	run.end = options->duration > 0 ? record.start + options->duration : HUGE_VAL;
	record_ticks_init(&run.ticks, &record, growth);
	tell_beginning(&run, started_at, growth_why, sampler_why);

	enum heapspy_record_reason reason = go_on(&run);
	bool exec;
	record_growth_read(growth, &exec);
	if (reason != HEAPSPY_RECORD_EXITED) {
		look(&run);
		take_last_census(&run);
	}
	record_growth_finish(growth);
	tell_end(&run, reason);
	record_ticks_fini(&run.ticks);
	record_threads_fini(&record.threads);
	return record.error;
}

struct heapspy_error *heapspy_record(struct heapspy *heapspy,
				     const struct heapspy_record_options *options,
				     heapspy_record_visitor *visit, void *context)
{
	if (attach_is_file(heapspy))
		return error_why(error_new(HEAPSPY_USAGE, "a file cannot be recorded"),
				 "nothing happens in it");
	return options->subprocesses ? record_group(heapspy, options, alone, visit, context)
				     : alone(heapspy, options, visit, context);
}
