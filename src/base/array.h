/* SPDX-License-Identifier: MIT */
/*
 * Arrays that grow: allocated with malloc(3), as a pointer and a capacity, a size_t,
 * which are NULL and 0 at first. Twice as large each time, so that adding costs little.
 *
 *	if (!ARRAY_RESERVE(list->items, list->capacity, list->count + 1))
 *		return false;
 *	list->items[list->count++] = item;
 */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

/* Room for `wanted` items in all. False without memory: then nothing has changed. */
#define ARRAY_RESERVE(items, capacity, wanted)                                 \
	((wanted) <= (capacity) ||                                             \
	 array_reserve(&(items), &(capacity), (wanted), sizeof(*(items))))

/* The same. `items` is the address of the pointer to them, `size` that of each. */
bool array_reserve(void *items, size_t *capacity, size_t wanted, size_t size);

#endif
