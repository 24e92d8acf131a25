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

/* From now to a time of clock_monotonic(), for ppoll(2): a second at most. */
static inline struct timespec clock_until(double time)
{
	double left = time - clock_monotonic();
	return left >= 1  ? (struct timespec){.tv_sec = 1}
	       : left > 0 ? (struct timespec){.tv_nsec = (long)(left * 1e9)}
			  : (struct timespec){0};
}

#endif
