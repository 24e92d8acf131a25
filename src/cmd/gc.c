/* SPDX-License-Identifier: MIT */
#include "output/gc.h"

#include <errno.h>
#include <signal.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "cmd/command.h"
#include "cmd/page.h"
#include "cmd/target.h"

DEFINE_CLEANUP(struct heapspy *, heapspy_detach)

/* Signals that end a series. Readings that go to a file are published then, so
 * they are taken while it waits; otherwise there is nothing to be cleaned up. What
 * is to be ignored, as nohup(1) has it, stays so. */
static void take_signals(const struct page *page, sigset_t *ret_taken)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	sigemptyset(ret_taken);
	for (size_t i = 0; page->output.is_published && i < sizeof(ends) / sizeof(*ends); i++) {
		struct sigaction action;
		if (sigaction(ends[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(ret_taken, ends[i]);
	}
	sigprocmask(SIG_BLOCK, ret_taken, NULL);
}

/* The signal that came before the time did, or 0. */
static int wait_until(double time, const sigset_t *taken)
{
	for (;;) {
		double left = time - clock_monotonic();
		left = left > 0 ? left : 0;
		struct timespec span = {
			.tv_sec = (time_t)left,
			.tv_nsec = (long)((left - (double)(time_t)left) * 1e9),
		};
		int signal = sigtimedwait(taken, NULL, &span);
		if (signal > 0)
			return signal;
		if (errno != EINTR)
			return 0;
	}
}

/* End as the signal would have ended it. */
static void die_of(int signal, const sigset_t *taken)
{
	raise(signal);
	sigprocmask(SIG_UNBLOCK, taken, NULL);
}

static struct heapspy_error *read_once(struct heapspy *heapspy, struct page *page,
				       const struct gc_view *view)
{
	CLEANUP(heapspy_gc_reading_fini) struct heapspy_gc_reading reading = {0};
	struct heapspy_error *error = heapspy_gc_read(heapspy, &reading);
	if (error)
		return error;
	output_gc(page->emitter, heapspy_target_info(heapspy), heapspy_python_info(heapspy),
		  &reading, view);
	return page_flush(page);
}

static struct heapspy_error *read_series(struct heapspy *heapspy, const struct options *options,
					 struct page *page)
{
	struct gc_view view = {.series = true, .first = true};
	double interval = options->interval > 0 ? options->interval : 1;
	double next = clock_monotonic();
	sigset_t taken;
	take_signals(page, &taken);
	struct heapspy_error *error = NULL;
	int signal = 0;
	for (uint64_t done = 0; !error && (!options->count || done < options->count); done++) {
		signal = wait_until(next, &taken);
		if (signal)
			break;
		double now = clock_monotonic();
		/* Readings that were missed, asleep or stopped, are not made up for. */
		next = next + interval > now ? next + interval : now + interval;
		error = read_once(heapspy, page, &view);
		view.first = false;
	}
	/* What was read before the end counts, whatever ended it. */
	if (!error || error->code != HEAPSPY_OUTPUT) {
		struct heapspy_error *unfinished = page_finish(page);
		if (unfinished) {
			heapspy_error_free(error);
			error = unfinished;
		}
	}
	if (signal && !error)
		die_of(signal, &taken);
	return error;
}

static struct heapspy_error *run(const struct options *options)
{
	bool series = options_given(options, OPTION(INTERVAL) | OPTION(COUNT));
	if (series && options->file)
		return error_why(error_new(HEAPSPY_USAGE, "a file cannot be read again and again"),
				 "it does not change: leave out interval and count");
	CLEANUP(page_fini) struct page page = {0};
	struct heapspy_error *error = page_open(options, NULL, series, &page);
	if (error)
		return error;
	CLEANUP(heapspy_detachp) struct heapspy *heapspy = NULL;
	if ((error = target_lock_in(options, &heapspy)) ||
	    (error = target_attach(options, &heapspy)))
		return error;
	if (series)
		return read_series(heapspy, options, &page);
	error = read_once(heapspy, &page, &(struct gc_view){0});
	return error ? error : page_finish(&page);
}

const struct command command_gc = {
	.name = "gc",
	.operands = "PID|FILE [INTERVAL [COUNT]]",
	.summary = "show the garbage collector of a process",
	.description =
		"Thresholds, counts and collections of each generation, as gc.get_threshold(), "
		"gc.get_count() and gc.get_stats() return them. The process is never stopped; a "
		"reading takes less than a millisecond.\n\n"
		"With an interval there is a row for each reading (gen: the count of a generation, "
		"runs: its collections), or with --json a line. It ends after COUNT readings, when "
		"it is interrupted or when the process ends, which is exit status 3.",
	.options = OPTION(PID) | OPTION(LAYOUT) | OPTION(INTERVAL) | OPTION(COUNT) | OPTIONS_OUTPUT,
	.takes = {OPTION_PID, OPTION_INTERVAL, OPTION_COUNT},
	.take_count = 3,
	.need = 1,
	.takes_file = true,
	.examples =
		(const struct example[]){
			{"gc 4711", "one reading"},
			{"gc 4711 1 10", "ten readings, a second apart"},
			{"gc 4711 500ms --json", "a line of JSON twice a second"},
			{0},
		},
	.run = run,
};
