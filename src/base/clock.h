/* SPDX-License-Identifier: MIT */
/* Time in seconds. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <time.h>

static inline double clock_seconds(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Since the epoch: for a date, never for a difference. */
static inline double clock_now(void)
{
	return clock_seconds(CLOCK_REALTIME);
}

/* For differences: it never jumps. */
static inline double clock_monotonic(void)
{
	return clock_seconds(CLOCK_MONOTONIC);
}

#endif
