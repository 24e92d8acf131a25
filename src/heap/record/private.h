/* SPDX-License-Identifier: MIT */
/* What the parts of a recording share. */
#ifndef HEAP_RECORD_PRIVATE_H
#define HEAP_RECORD_PRIVATE_H

#include <heapspy/record.h>

#include "heap/attach.h"
#include "heap/record/stacks/stacks.h"
#include "heap/record/stacks/threads.h"

struct record {
	struct heapspy *heapspy;
	struct python *python;
	struct heapspy_record_options options;
	heapspy_record_visitor *visit;
	void *context;
	struct heapspy_error *error; /* the first: the recording ends */
	double start;                /* CLOCK_MONOTONIC */
	uint64_t lost;
	struct record_threads threads;
	struct record_stacks *stacks;
};

/* Seconds since the start, of a time of CLOCK_MONOTONIC. */
static inline double record_time(const struct record *record, double monotonic)
{
	return monotonic > record->start ? monotonic - record->start : 0;
}

void record_emit(struct record *record, const struct heapspy_record_entry *entry);

#endif
