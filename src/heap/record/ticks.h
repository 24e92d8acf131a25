/* SPDX-License-Identifier: MIT */
/*
 * What a thread does at a steady rate, and what changed meanwhile: the growth of the
 * process between two ticks is charged to the stack of the thread that has the GIL at
 * the second, or had it last.
 */
#ifndef HEAP_RECORD_TICKS_H
#define HEAP_RECORD_TICKS_H

#include "heap/record/growth/growth.h"
#include "heap/record/private.h"

struct record_ticks {
	struct record *record;
	struct record_growth *growth;
	int statm;
	bool started;
	uint64_t rss, arenas;
	int64_t young;
};

void record_ticks_init(struct record_ticks *ticks, struct record *record,
		       struct record_growth *growth);
void record_ticks_fini(struct record_ticks *ticks);

void record_tick(struct record_ticks *ticks);

#endif
