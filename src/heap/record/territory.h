/* SPDX-License-Identifier: MIT */
/*
 * Who keeps what an allocator got from the kernel.
 *
 * Whoever makes an allocator ask for more is not always the one that keeps memory: code
 * that takes much and gives it back at once is at the peak most of the time, so that it
 * is there when the next piece is needed. So places are drawn by lot in the memory that
 * is to be given out next, one after the other, and each is watched until it comes to
 * rest: whoever wrote there last, and left it in use, is who the growth is charged to.
 */
#ifndef HEAP_RECORD_TERRITORY_H
#define HEAP_RECORD_TERRITORY_H

#include "heap/record/counter.h"
#include "heap/record/private.h"
#include "native/glibc.h"
#include "native/watch.h"

struct record_territory;

/* What came of a place. */
enum record_territory_end {
	TERRITORY_NOTHING, /* not yet, or it was given up */
	TERRITORY_KEPT,    /* somebody keeps it */
	TERRITORY_SILENT,  /* it is in use, but was never written */
};

struct record_keeper {
	struct record_counter *counter; /* whose growth it is charged with */
	double time; /* CLOCK_MONOTONIC */
	pid_t tid;
	uint32_t stack;
};

/* `index`: the watchpoint that is its own. `malloc`: NULL where there is none. NULL
 * without memory, which the others take. */
struct record_territory *record_territory_new(struct record *record, struct watch *watch,
					      size_t index, const struct glibc_counters *malloc);
void record_territory_free(struct record_territory *territory);

/* Its watchpoint was hit. */
bool record_territory_is(const struct record_territory *territory, uint64_t address);
void record_territory_hit(struct record_territory *territory, const struct watch_event *event);

/* After events were taken out, and at least at every tick. The counters must outlive it:
 * what waits at them is to be charged to somebody. */
enum record_territory_end record_territory_step(struct record_territory *territory,
						struct record_counter *const *counters, size_t count,
						struct record_keeper *ret_keeper);

/* When it should be called again at the latest: CLOCK_MONOTONIC. */
double record_territory_deadline(const struct record_territory *territory);

#endif
