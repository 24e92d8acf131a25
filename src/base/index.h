/* SPDX-License-Identifier: MIT */
/*
 * Finding the equal among things in an array: a hash table of their indices, which
 * knows nothing of the things. Hashes are keyed anew in every process, so that no
 * input makes them collide on purpose.
 */
#ifndef BASE_INDEX_H
#define BASE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zeros: empty. */
struct index {
	struct index_slot *slots;
	size_t size, used;
};

/* Is the thing of this index the one that is looked for? */
typedef bool index_same(const void *things, uint32_t at, const void *sought);

uint64_t index_hash(const void *bytes, size_t length, uint64_t seed);

/* UINT32_MAX: there is none. */
uint32_t index_find(const struct index *index, uint64_t hash, index_same *same, const void *things,
		    const void *sought);

/* One that is not in it yet; false where there is no memory. */
bool index_add(struct index *index, uint64_t hash, uint32_t at);

void index_fini(struct index *index);

#endif
