/* SPDX-License-Identifier: MIT */
/*
 * The counters of the allocators: who let them grow, by how much.
 *
 * They are read every few milliseconds; who may have changed them is told by the kernel,
 * with each mapping that is made, and by breakpoints on mmap() and mremap(), with the stack
 * of that moment. Who is charged with it is, where that can be found out, whoever keeps
 * what was got: touches.h, keepers.h.
 */
#ifndef HEAP_RECORD_GROWTH_H
#define HEAP_RECORD_GROWTH_H

#include "heap/record/private.h"
#include "native/watch.h"

struct record_growth;

/* Find the counters and watch them. Always returns something; *ret_why says what is
 * missing, NULL: nothing. It belongs to the caller. NULL without memory. */
struct record_growth *record_growth_new(struct record *record, char **ret_why);
void record_growth_free(struct record_growth *growth);

/* Is anything watched? */
bool record_growth_works(const struct record_growth *growth);

/* Readable when something happened; -1 where nothing is watched. They change with each
 * reading. */
void record_growth_fds(const struct record_growth *growth, int fds[2]);

/* Emit what happened since. *ret_exec: the process became another program. */
void record_growth_read(struct record_growth *growth, bool *ret_exec);

/* After reading, at least at every tick: find out who keeps what was got. */
void record_growth_step(struct record_growth *growth);

/* When that is due at the latest: CLOCK_MONOTONIC. */
double record_growth_deadline(const struct record_growth *growth);

/* At the end: nothing waits any longer. */
void record_growth_finish(struct record_growth *growth);

/* Once a second or so, and at the end: what is told by no watchpoint. */
void record_growth_look(struct record_growth *growth);

/* Bytes in arenas of pymalloc, and that malloc has: HEAPSPY_UNKNOWN. A few reads. */
uint64_t record_growth_arenas(struct record_growth *growth);
uint64_t record_growth_heap(struct record_growth *growth);

#endif
