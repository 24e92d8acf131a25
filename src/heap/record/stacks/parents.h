/* SPDX-License-Identifier: MIT */
/*
 * Which functions of Python called which, as stacks that were read showed it. There is
 * room for so many; later ones take the place of others.
 */
#ifndef HEAP_RECORD_PARENTS_H
#define HEAP_RECORD_PARENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PARENTS = 8, PARENT_PLACES = 2048 };

/* A stack in which a code object was seen, and how many frames of it are newer. */
struct parents {
	uint64_t code;
	uint32_t stack, newer;
	uint8_t count;
	uint64_t below[PARENTS]; /* code of those that called it */
};

struct parent_table {
	struct parents items[PARENT_PLACES];
};

/* Its place, which may be another's: see `code`. */
struct parents *parents_of(struct parent_table *table, uint64_t code);

/* Was `called` seen above `caller`, which is another function? */
bool parents_call(struct parent_table *table, uint64_t caller, uint64_t called);

#endif
