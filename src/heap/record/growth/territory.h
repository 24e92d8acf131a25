/* SPDX-License-Identifier: MIT */
/*
 * Who keeps what an allocator got from the kernel.
 *
 * Whoever makes an allocator ask for more is not always the one that keeps memory: code
 * that takes much and gives it back at once is at the peak most of the time, so that it
 * is there when the next piece is needed. So a place is drawn by lot in the memory that
 * is to be given out next, and watched for a moment: whoever is the first to write there,
 * and has left it in use a while later, keeps what is there.
 *
 * A word that is watched slows its process down as long as it is: so that is done for a
 * few percent of the time, and only while memory is given out.
 */
#ifndef HEAP_RECORD_TERRITORY_H
#define HEAP_RECORD_TERRITORY_H

#include "heap/record/growth/contents.h"
#include "heap/record/growth/counter.h"
#include "heap/record/private.h"
#include "native/watch.h"

struct record_territory;

struct record_keeper {
	struct record_counter *counter; /* whose memory it is */
	struct content content;         /* that is kept */
	pid_t tid;
	uint32_t stack;
};

/* NULL without memory, which the others take. */
struct record_territory *record_territory_new(struct record *record, struct watch *watch,
					      const struct glibc_counters *malloc);
void record_territory_free(struct record_territory *territory);

/* The word that is watched was written. */
void record_territory_hit(struct record_territory *territory, const struct watch_event *event);

/* After events were taken out. The counters must outlive it. True: somebody keeps what is
 * at a place; it is to be called again at once. */
bool record_territory_step(struct record_territory *territory,
			   struct record_counter *const *counters, size_t count,
			   struct record_keeper *ret_keeper);

/* Is a word watched now? It should not be while something takes long. */
bool record_territory_watches(const struct record_territory *territory);
void record_territory_pause(struct record_territory *territory);

/* When it should be called again at the latest: CLOCK_MONOTONIC. */
double record_territory_deadline(const struct record_territory *territory);

#endif
