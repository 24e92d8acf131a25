/* SPDX-License-Identifier: MIT */
#include "heap/record/growth/window.h"

#include "base/clock.h"

/* To begin one takes us a twentieth of our time at most: with many threads and CPUs it
 * takes a while. What could not be done is tried again after so long: seconds. */
enum { OPENING_SHARE = 20 };
#define TRY_AGAIN 1.0

void record_window_fini(struct record_window *window)
{
	watch_close(window->watch);
	window->watch = NULL;
}

struct heapspy_error *record_window_step(struct record_window *window)
{
	bool lasts = record_allowance_lasts(&window->allowance);
	if (!lasts)
		record_window_fini(window);
	double start = clock_monotonic();
	if (!lasts || window->watch || start < window->next)
		return NULL;
	struct target *target = window->record->heapspy->target;
	struct heapspy_error *error = watch_open(target_pid(target), target_proc_directory(target),
						 &window->options, &window->watch);
	double end = clock_monotonic();
	window->next = error ? end + TRY_AGAIN : end + OPENING_SHARE * (end - start);
	return error;
}

int record_window_fd(const struct record_window *window)
{
	return window->watch ? watch_fd(window->watch) : -1;
}

struct reading {
	struct record_window *window;
	watch_visitor *visit;
	void *context;
};

static void count(void *context, const struct watch_event *event)
{
	struct reading *reading = context;
	if (event->kind != WATCH_TOUCHED)
		return;
	record_allowance_use(&reading->window->allowance);
	reading->visit(reading->context, event);
}

void record_window_read(struct record_window *window, watch_visitor *visit, void *context)
{
	struct reading reading = {window, visit, context};
	if (window->watch)
		watch_read(window->watch, count, &reading);
}
