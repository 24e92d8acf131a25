/* SPDX-License-Identifier: MIT */
#include "heap/capture.h"

#include "base/clock.h"

/* Until it ends it holds when it began, and what had been read by then. */
void capture_begin(struct heapspy_capture *capture, struct heapspy *heapspy)
{
	*capture = (struct heapspy_capture){
		.mode = attach_mode(heapspy),
		.time = attach_time(heapspy),
		.pause = heapspy->pause,
		.duration = clock_monotonic(),
		.bytes_read = target_bytes_read(heapspy->target),
	};
}

void capture_at(struct heapspy_capture *capture, const struct instant *instant)
{
	capture->mode = instant_mode(instant);
	capture->time = instant->time;
	capture->pause = instant->report.pause;
}

const char *capture_walked(struct heapspy_capture *capture, const struct census *census)
{
	capture->torn_reads = census->torn;
	capture->coverage = census->wanted ? (double)census->covered / (double)census->wanted : 1;
	return census->covered < census->wanted
		? "a part of the heap is swapped out or could not be read"
		: NULL;
}

void capture_end(struct heapspy_capture *capture, struct heapspy *heapspy)
{
	capture->bytes_read = target_bytes_read(heapspy->target) - capture->bytes_read;
	capture->duration = clock_monotonic() - capture->duration;
}
