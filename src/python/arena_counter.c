/* SPDX-License-Identifier: MIT */
#include "python/arena_counter.h"

#include <stdlib.h>

/* Words between the three counters of Objects/obmalloc.c, wherever a compiler puts them. */
enum { NEAR = 4, MAX_WRITABLE = 16 };

static bool add(struct arena_counter *counter, uint64_t address)
{
	if (counter->count == ARENA_COUNTER_CANDIDATES)
		return false;
	counter->candidates[counter->count++] = address;
	return true;
}

/* Next to it stand how many there ever were and the most at once: not fewer than there
 * are, and not fewer than that. */
static unsigned neighbours(const uint64_t *words, size_t count, size_t at, uint64_t value)
{
	unsigned best = 0;
	size_t first = at > NEAR ? at - NEAR : 0, last = at + NEAR < count ? at + NEAR : count - 1;
	for (size_t i = first; i <= last; i++)
		for (size_t j = first; j <= last; j++) {
			uint64_t most = words[i], ever = words[j];
			if (i == j || i == at || j == at || most < value || ever < most ||
			    ever > value + (UINT64_C(1) << 32))
				continue;
			size_t apart = (i > at ? i - at : at - i) + (j > at ? j - at : at - j);
			unsigned score = apart <= 3 ? 2 : 1;
			best = score > best ? score : best;
		}
	return best;
}

static void search(struct python *python, uint64_t value, unsigned least,
		   struct arena_counter *counter)
{
	uint64_t ranges[MAX_WRITABLE][2];
	size_t range_count = elf_module_writable(python->module, ranges, MAX_WRITABLE);
	for (size_t i = 0; i < range_count && i < MAX_WRITABLE; i++) {
		uint64_t length = ranges[i][1] - ranges[i][0];
		size_t covered;
		uint64_t *words = length <= (64u << 20) ? malloc(length) : NULL;
		if (words && target_read_some(python->target, ranges[i][0], words, length,
					      &covered) == FAULT_NONE)
			for (size_t j = 0; j < length / 8; j++)
				if (words[j] == value &&
				    neighbours(words, length / 8, j, value) == least &&
				    !add(counter, ranges[i][0] + 8 * j))
					break;
		free(words);
	}
}

struct arena_counter arena_counter_find(struct python *python, const struct arenas *arenas)
{
	const struct layout *layout = &python->layout;
	struct arena_counter counter = {0};
	uint64_t address;
	if (arenas->count == 0)
		return counter;
	if (HAS(layout, InterpreterState, obmalloc)) {
		uint64_t state = python->interpreters[0].address +
				 (uint64_t)OFFSET(layout, InterpreterState, obmalloc);
		if (python_since(python, PYTHON_VERSION(3, 13)))
			state = peek_u64(python->peek, state);
		if (peek_take_fault(python->peek) == FAULT_NONE && state)
			counter.known = add(&counter, state + (uint64_t)OFFSET(layout, ObmallocState,
								  narenas_currently_allocated));
		return counter;
	}
	if (!python->module)
		return counter;
	if (elf_module_symbol(python->module, "narenas_currently_allocated", &address, NULL)) {
		counter.known = add(&counter, address);
		return counter;
	}
	search(python, arenas->count, 2, &counter);
	search(python, arenas->count, 1, &counter);
	return counter;
}

uint64_t arena_bytes(const struct python *python, const struct arenas *arenas)
{
	/* ARENA_BITS: 18 before the radix tree of 3.10, 20 since; 21 where 3.15 was built
	 * for huge pages. */
	uint64_t bytes = python_since(python, PYTHON_VERSION(3, 10)) ? 1 << 20 : 1 << 18;
	for (size_t i = 0; i < arenas->count; i++)
		while (arenas->items[i].total_pools * obmalloc_pool_size(python) > bytes)
			bytes *= 2;
	return bytes;
}
