/* SPDX-License-Identifier: MIT */
/*
 * What is told by the kernel takes the target some time, so there is an allowance for each
 * second. What is not used is saved, up to some; who has used up all of it saves a part of
 * it first, so that not every one that is told has to be switched on alone.
 */
#ifndef HEAP_RECORD_ALLOWANCE_H
#define HEAP_RECORD_ALLOWANCE_H

#include <stdbool.h>

struct record_allowance {
	double per_second, saved, saved_at; /* saved_at: CLOCK_MONOTONIC */
	double most;  /* that are saved, and are there at the beginning */
	double first; /* that are saved before more are used */
	bool used_up;
};

void record_allowance_init(struct record_allowance *allowance, double per_second, double most,
			   double first);

/* One was told. */
void record_allowance_use(struct record_allowance *allowance);

/* May more be told from now on? */
bool record_allowance_lasts(struct record_allowance *allowance);

#endif
