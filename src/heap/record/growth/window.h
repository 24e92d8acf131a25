/* SPDX-License-Identifier: MIT */
/*
 * When touches are told. For as long as anybody may be told of page faults each of them
 * takes the target 40 ns longer (the static key of perf_sw_event() in the kernel), told or
 * not: 0.4 percent of the time of one that has 100,000 in a second. So they are watched
 * only until as many were told as its allowance lasts for, and again when there is more of
 * it, a few times in a second; to begin and end takes the target 0.1 ms.
 */
#ifndef HEAP_RECORD_WINDOW_H
#define HEAP_RECORD_WINDOW_H

#include "heap/record/growth/allowance.h"
#include "heap/record/private.h"
#include "native/watch.h"

struct record_window {
	struct record *record;
	struct watch_options options;
	struct record_allowance allowance;
	struct watch *watch; /* NULL: they are not watched now */
	double next;         /* when they may be: CLOCK_MONOTONIC */
};

void record_window_fini(struct record_window *window);

/* Begin or end it. The first error is of interest: it cannot be done here. It belongs to
 * the caller. */
struct heapspy_error *record_window_step(struct record_window *window);

/* Readable soon after a touch; -1: they are not watched now. */
int record_window_fd(const struct record_window *window);

/* What was told since. */
void record_window_read(struct record_window *window, watch_visitor *visit, void *context);

#endif
