/* SPDX-License-Identifier: MIT */
/*
 * The GC lists: what is on them outside the pools, and how long each is.
 *
 * A list is a circle of objects in no order of memory: a walk costs a read per
 * object, so only what is short is walked. All lists are walked in turns until one
 * is left, the longest: its length is the rest of what the census counted.
 */
#ifndef HEAP_GC_LISTS_H
#define HEAP_GC_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/census/counter.h"
#include "heap/census/pool_scan.h"
#include "python/gc.h"

struct gc_list {
	uint64_t head;
	size_t interpreter;  /* whose list it is */
	unsigned generation; /* HEAPSPY_GENERATIONS: the permanent one */
	uint64_t cursor;
	uint64_t length;
	bool done;
};

struct gc_lists {
	struct counter *counter;
	struct gc_list *items;
	size_t count;
	const struct gc_list *longest; /* NULL: none is longer than the others */
	bool damaged; /* the walk for the lengths went astray: they are not known */
};

enum fault gc_lists_init(struct gc_lists *lists, struct counter *counter);
void gc_lists_fini(struct gc_lists *lists);

/* Count the objects outside the pools: those that `outside` names, those at the
 * beginnings of the lists, and what follows them. */
void gc_lists_count_outside(struct gc_lists *lists, struct outside *outside);

/* Learn the lengths, given what the census counted; afterwards take what is frozen
 * out of the count: gc.get_objects() leaves it out. */
void gc_lists_measure(struct gc_lists *lists);

/* Afterwards: tell of each object on the lists that were walked, and where the rest is. */
void gc_lists_tell(struct gc_lists *lists, const struct census_watch *watch);

#endif
