/* SPDX-License-Identifier: MIT */
/*
 * Where the interpreter has the address of its next instruction at each of its calls, which
 * its compiler decided: in a register, or in a word of its frame of C. Other words there
 * look like one, but were left behind by earlier calls. Which is right is learned from
 * threads that are still at the same place when they are read.
 */
#ifndef HEAP_RECORD_SLOTS_H
#define HEAP_RECORD_SLOTS_H

#include "heap/record/stacks/parents.h"
#include "python/frames.h"

enum { SLOTS_MOST = 12, SLOT_PLACES = 512 };

/* What a word of a frame of C says where a thread is. */
struct hint {
	uint32_t word; /* of the frame, from its stack pointer on */
	struct frame frame;
};

/* What is known of one call. */
struct slots {
	uint64_t pc;      /* that it goes on at; 0: free */
	bool in_register; /* it is in none of these words */
	size_t count;
	struct slot {
		uint32_t word;
		/* So often it was of the function, and the very instruction, that a thread
		 * was at when it was read. */
		uint32_t near, right;
	} items[SLOTS_MOST];
};

struct slot_table {
	struct slots items[SLOT_PLACES];
};

/* Nothing is known of a call that was not asked for lately. */
struct slots *slots_at(struct slot_table *table, uint64_t pc);

/* The most likely of the words that were there at a call, and learn from them; NULL: it is
 * not among them. `now`: where the thread is by the time it was read; NULL: not known. */
const struct hint *slots_choose(struct slots *slots, struct parent_table *parents,
				const struct hint *hints, size_t count, const struct frame *now);

#endif
