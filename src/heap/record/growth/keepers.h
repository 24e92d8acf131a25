/* SPDX-License-Identifier: MIT */
/*
 * From what memory holds to who is charged with it.
 *
 * How much of each content there is in memory that was got is counted: that costs the
 * target nothing. Who makes such a content is known from the places whose first touch was
 * told.
 * So each content is charged to those that were seen to make it; growth whose content
 * nobody was seen to make waits.
 */
#ifndef HEAP_RECORD_KEEPERS_H
#define HEAP_RECORD_KEEPERS_H

#include "heap/record/growth/counter.h"
#include "heap/record/growth/touches.h"

struct record_keepers;

/* NULL without memory, which the others take. */
struct record_keepers *record_keepers_new(struct record *record,
					  const struct glibc_counters *malloc);
void record_keepers_free(struct record_keepers *keepers);

/* Somebody was seen to keep something. */
void record_keepers_learn(struct record_keepers *keepers, const struct record_keeper *keeper);

/* Count what there is in the memory of a counter that was got since, and charge what can
 * be. `arenas`: as they are now. At the end, or with what has waited for too long: all of
 * it, to somebody. */
void record_keepers_survey(struct record_keepers *keepers, struct record_counter *counter,
			   const struct arenas *arenas, bool at_end);

#endif
