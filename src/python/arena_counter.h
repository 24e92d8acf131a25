/* SPDX-License-Identifier: MIT */
/*
 * Where pymalloc counts its arenas: narenas_currently_allocated of
 * Objects/obmalloc.c, 3.8 - 3.15.
 */
#ifndef PYTHON_ARENA_COUNTER_H
#define PYTHON_ARENA_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "python/obmalloc.h"

enum { ARENA_COUNTER_CANDIDATES = 4096 };

struct arena_counter {
	uint64_t candidates[ARENA_COUNTER_CANDIDATES]; /* addresses, the likeliest first */
	size_t count;                                  /* 0: pymalloc is not in use */
	bool known; /* from a symbol or a layout: there is one, and it is right */
};

/* In a stripped build up to 3.11 found by its value, and by those which stand next to
 * it: how many there ever were, and the most at once. */
struct arena_counter arena_counter_find(struct python *python, const struct arenas *arenas);

/* Bytes of an arena. */
uint64_t arena_bytes(const struct python *python, const struct arenas *arenas);

#endif
