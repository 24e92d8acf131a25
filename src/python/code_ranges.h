/* SPDX-License-Identifier: MIT */
/*
 * Which code object a pointer into instructions belongs to.
 *
 * The interpreter keeps the address of its next instruction in a register, or has it
 * saved on its C stack, wherever it called to. So a copy of both says where a thread was
 * at that moment, whatever it did since. Python/ceval.c, 3.8 - 3.15.
 */
#ifndef PYTHON_CODE_RANGES_H
#define PYTHON_CODE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "python/runtime.h"

struct code_range {
	uint64_t start, end; /* of its instructions */
	uint64_t code;       /* the code object */
};

struct code_ranges {
	struct code_range *items; /* by address */
	size_t count, capacity;
};

void code_ranges_fini(struct code_ranges *ranges);

/* Learn a code object, unless it is known; it may have taken the place of another.
 * Leaves no fault in the peek. */
void code_ranges_add(struct code_ranges *ranges, struct python *python, uint64_t code);

/* What looks like the code object that a word points into, and is not known: from 3.11 on,
 * where the instructions are part of it, and once another one is known. It may be one that
 * is no more. 0: there is none. Leaves no fault. */
uint64_t code_ranges_seek(const struct code_ranges *ranges, struct python *python, uint64_t word);

/* The code that is executed, if a word is the address of its next instruction; and the
 * position of the one before, as in struct frame. */
bool code_ranges_find(const struct code_ranges *ranges, uint64_t word, uint64_t *ret_code,
		      int64_t *ret_position);

#endif
