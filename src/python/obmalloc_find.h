/* SPDX-License-Identifier: MIT */
/* Where pymalloc keeps its tables of arenas. */
#ifndef PYTHON_OBMALLOC_FIND_H
#define PYTHON_OBMALLOC_FIND_H

#include <stddef.h>
#include <stdint.h>

#include "python/obmalloc.h"
#include "python/runtime.h"

struct arena_table {
	uint64_t address; /* of the array of struct arena_object */
	uint32_t count;   /* its length */
	struct obmalloc_counters counters;
};

/* From 3.12 on the state belongs to the interpreters, several may share one. Before,
 * it is a pair of static variables, found by symbol or, in a stripped build, by
 * what an arena table looks like. Returns how many were found: 0 where pymalloc is
 * not in use. */
size_t obmalloc_find_tables(struct python *python, struct arena_table *tables, size_t max);

#endif
