/* SPDX-License-Identifier: MIT */
/*
 * Chunks of malloc's with a mapping of their own: each is charged to the stack that asked
 * for it, and taken from it when it is no longer there. Calls tell what is asked for;
 * malloc's own counter says what came of it: mp_.mmapped_mem of malloc/malloc.c.
 */
#ifndef HEAP_RECORD_PIECES_H
#define HEAP_RECORD_PIECES_H

#include "heap/record/growth/calls.h"
#include "heap/record/growth/counter.h"
#include "heap/record/growth/touches.h"

struct record_pieces;

/* The counter must outlive it. NULL without memory, which the others take. */
struct record_pieces *record_pieces_new(struct record_counter *counter);
void record_pieces_free(struct record_pieces *pieces);

/* malloc asked for one, or to make one larger or smaller; it may not get it. `sure`: the
 * stack is of that moment. */
void record_pieces_call(struct record_pieces *pieces, const struct record_call *call,
			const struct record_change *change, bool sure);

/* The kernel gave this thread something that begins here. */
void record_pieces_mapped(struct record_pieces *pieces, pid_t tid, uint64_t start);

/* While calls are not told: this was mapped, up to `length` bytes; if it is a chunk, it is
 * charged to who touched it first, to one who asked for as much before, or else to
 * `change`. False: it is none. */
bool record_pieces_found(struct record_pieces *pieces, uint64_t start, uint64_t length,
			 const struct record_change *change);

/* Tell what came and went, after the counter was read. `other`: who may have done what
 * nobody was heard of. `touches`: NULL, none are known. False: a call has not come to its
 * end yet. */
bool record_pieces_settle(struct record_pieces *pieces, const struct record_touches *touches,
			  const struct record_change *other);

#endif
