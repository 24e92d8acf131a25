/* SPDX-License-Identifier: MIT */
#include "heap/instances/picks.h"

#include <stdlib.h>

#include "base/array.h"

static bool is_smaller(const struct pick *a, const struct pick *b)
{
	return a->bytes != b->bytes ? a->bytes < b->bytes : a->address > b->address;
}

/* False: there is no room for another. */
static bool append(struct picks *picks, const struct pick *pick)
{
	if (picks->count == picks->most)
		return false;
	if (!ARRAY_RESERVE(picks->items, picks->capacity, picks->count + 1)) {
		picks->no_memory = true;
		return false;
	}
	picks->items[picks->count++] = *pick;
	return true;
}

static void swap(struct pick *a, struct pick *b)
{
	struct pick kept = *a;
	*a = *b;
	*b = kept;
}

static void sift_up(struct picks *picks, size_t at)
{
	for (; at && is_smaller(&picks->items[at], &picks->items[(at - 1) / 2]); at = (at - 1) / 2)
		swap(&picks->items[at], &picks->items[(at - 1) / 2]);
}

static void sift_down(struct picks *picks)
{
	size_t at = 0;
	for (;;) {
		size_t least = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < picks->count;
		     child++)
			if (is_smaller(&picks->items[child], &picks->items[least]))
				least = child;
		if (least == at)
			return;
		swap(&picks->items[at], &picks->items[least]);
		at = least;
	}
}

void picks_offer_largest(struct picks *picks, const struct pick *pick)
{
	if (!picks->most)
		return;
	if (append(picks, pick)) {
		sift_up(picks, picks->count - 1);
	} else if (picks->count && is_smaller(&picks->items[0], pick)) {
		picks->items[0] = *pick;
		sift_down(picks);
	}
}

/* A number below `bound`, of 64 bits of which all are as good: the upper half of a
 * product, so that no remainder favours the small ones by more than 2^-64 * bound. */
static uint64_t below(uint64_t random, uint64_t bound)
{
	return (uint64_t)((unsigned __int128)random * bound >> 64);
}

void picks_offer_sample(struct picks *picks, const struct pick *pick, uint64_t number,
			uint64_t random)
{
	if (!picks->most || append(picks, pick))
		return;
	uint64_t place = below(random, number + 1);
	if (place < picks->count)
		picks->items[place] = *pick;
}

static int by_size(const void *a, const void *b)
{
	return is_smaller(a, b) ? 1 : is_smaller(b, a) ? -1 : 0;
}

static int by_address(const void *a, const void *b)
{
	uint64_t left = ((const struct pick *)a)->address,
		 right = ((const struct pick *)b)->address;
	return left < right ? -1 : left > right;
}

void picks_sort_by_size(struct picks *picks)
{
	if (picks->count > 1)
		qsort(picks->items, picks->count, sizeof(*picks->items), by_size);
}

void picks_sort_by_address(struct picks *picks)
{
	if (picks->count > 1)
		qsort(picks->items, picks->count, sizeof(*picks->items), by_address);
}

void picks_fini(struct picks *picks)
{
	free(picks->items);
	*picks = (struct picks){0};
}
