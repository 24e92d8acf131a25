/* SPDX-License-Identifier: MIT */
/*
 * A process at one instant: its memory copied while nothing in it moves.
 *
 * Where all its threads are found asleep before and after the copy, with the same
 * counts of runs, nothing had to be stopped. Else a small process of our own, which
 * does nothing but this, stops the threads, copies into memory made ready before,
 * and lets go: the pause is the copy, whatever is done with it later. That process
 * ends after one copy, and a timer that it cannot ignore ends it in time: then the
 * kernel lets the target go.
 */
#ifndef TARGET_STOP_H
#define TARGET_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/error.h>

#include "target/target.h"

struct address_range {
	uint64_t start, end;
};

struct stop_plan {
	const struct address_range *left_out; /* whole pages that need not be copied, by address */
	size_t left_out_count;
	double max_pause; /* seconds; 0: a quarter of one */
	bool always_stop; /* also where nothing moves: to measure and to test the stop itself */
};

struct stop_report {
	double pause;      /* seconds for which the target was held, 0 if it was not */
	double estimate;   /* of it, before */
	bool stopped;      /* it was held; false: nothing moved by itself */
	bool one_instant;  /* false: a thread that was left alone did something meanwhile */
	uint64_t bytes;    /* copied */
	unsigned threads_stopped;
	unsigned threads_skipped; /* left alone, since an interrupt would have disturbed them */
};

/* `live` must outlive the image: clean pages of files are read through it.
 * HEAPSPY_BUSY: it would take, or took, longer than max_pause; it is traced by
 * another; new threads come faster than they can be stopped. HEAPSPY_LIMIT: there is
 * no memory for the copy. HEAPSPY_GONE, _PERMISSION. */
struct heapspy_error *stop_and_copy(struct target *live, const struct stop_plan *plan,
				    struct target **ret_image, struct stop_report *ret_report);

#endif
