/* SPDX-License-Identifier: MIT */
/* Reading a process as it was at one instant, instead of as it goes on. */
#ifndef HEAP_INSTANT_H
#define HEAP_INSTANT_H

#include <heapspy/attach.h>

#include "heap/attach.h"
#include "target/stop/stop.h"

struct instant {
	struct heapspy *heapspy; /* NULL: there is none */
	struct target *live, *image;
	struct stop_report report;
	double time; /* seconds since the epoch */
};

/* From now on until instant_end() all that is read of `heapspy` is of one instant.
 * `max_pause` in seconds, 0 for the default. Errors as stop_and_copy(). */
struct heapspy_error *instant_begin(struct heapspy *heapspy, double max_pause,
				    struct instant *ret_instant);

/* Takes one that is all zeros. */
void instant_end(struct instant *instant);

static inline enum heapspy_capture_mode instant_mode(const struct instant *instant)
{
	return instant->report.stopped ? HEAPSPY_CAPTURE_STOPPED : HEAPSPY_CAPTURE_QUIET;
}

#endif
