/* SPDX-License-Identifier: MIT */
/*
 * Some of many, seen one after the other: the largest, and a sample in which each is
 * as likely as any other. No more is kept than what is asked for.
 */
#ifndef HEAP_PICKS_H
#define HEAP_PICKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pick {
	uint64_t address, bytes;
	uint64_t refcount; /* the word, as it is */
	uint32_t type;     /* its number */
	bool tracked;
	uint8_t age;       /* enum heapspy_age: for the one who asks */
};

struct picks {
	struct pick *items;
	size_t count, capacity, most;
	bool no_memory;
};

/* A heap with the smallest one on top; equal ones go by address. */
void picks_offer_largest(struct picks *picks, const struct pick *pick);

/* Algorithm R: the `number`th that is offered, from 0 on, takes the place of one of
 * those that are kept, or is dropped. `random` is a number that nothing foretells. */
void picks_offer_sample(struct picks *picks, const struct pick *pick, uint64_t number,
			uint64_t random);

/* Largest first; by address. */
void picks_sort_by_size(struct picks *picks);
void picks_sort_by_address(struct picks *picks);

void picks_fini(struct picks *picks);

#endif
