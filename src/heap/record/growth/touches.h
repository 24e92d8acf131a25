/* SPDX-License-Identifier: MIT */
/*
 * Who keeps what an allocator got from the kernel.
 *
 * Whoever makes an allocator ask for more is not always the one that keeps memory: code
 * that takes much and gives it back at once is at the peak most of the time, so that it
 * is there when the next piece is needed. But each page that was got is touched for the
 * first time once, which is a page fault, and the kernel tells of some of them, drawn by
 * lot, with who it was: whoever is the first there, and has left it in use a while later,
 * keeps what is there.
 */
#ifndef HEAP_RECORD_TOUCHES_H
#define HEAP_RECORD_TOUCHES_H

#include "heap/record/growth/contents.h"
#include "heap/record/growth/counter.h"
#include "heap/record/private.h"
#include "native/watch.h"

struct record_touches;

struct record_keeper {
	struct record_counter *counter; /* whose memory it is */
	struct content content;         /* that is kept */
	pid_t tid;
	uint32_t stack;
};

/* What there is to be given out from. The counters must outlive it: that of pymalloc's
 * arenas (NULL: it has none), and those of arenas of malloc's. */
struct record_allocators {
	struct record_counter *pymalloc;
	const struct arenas *arenas;
	double arenas_at; /* when they were read: CLOCK_MONOTONIC */
	struct record_counter *const *counters;
	size_t count;
};

/* NULL without memory, which the others take. */
struct record_touches *record_touches_new(struct record *record,
					  const struct glibc_counters *malloc);
void record_touches_free(struct record_touches *touches);

/* A page was touched for the first time. */
void record_touches_take(struct record_touches *touches,
			 const struct record_allocators *allocators,
			 const struct watch_event *event);

/* Who was the first in a page lately; NULL: that was not told. */
const struct record_change *record_touches_find(const struct record_touches *touches,
						uint64_t page);

/* After events were taken out, every few milliseconds. True: somebody keeps what is at a place; it is to be called
 * again at once. */
bool record_touches_step(struct record_touches *touches,
			 const struct record_allocators *allocators,
			 struct record_keeper *ret_keeper);

#endif
