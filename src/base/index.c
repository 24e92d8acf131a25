/* SPDX-License-Identifier: MIT */
#include "base/index.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct index_slot {
	uint64_t hash;
	uint32_t at; /* plus 1; 0: free */
};

static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Of this process. Without randomness it is still a hash. */
static uint64_t key(void)
{
	static uint64_t made;
	uint64_t now = __atomic_load_n(&made, __ATOMIC_RELAXED);
	if (now)
		return now;
	if (getrandom(&now, sizeof(now), GRND_NONBLOCK) != sizeof(now))
		now = 0x9e3779b97f4a7c15;
	now |= 1;
	uint64_t none = 0;
	bool first = __atomic_compare_exchange_n(&made, &none, now, false, __ATOMIC_RELAXED,
						 __ATOMIC_RELAXED);
	return first ? now : none;
}

uint64_t index_hash(const void *bytes, size_t length, uint64_t seed)
{
	const uint8_t *at = bytes;
	uint64_t secret = key(), hash = mix(seed ^ secret, length ^ 0xa0761d6478bd642f);
	for (; length >= 8; at += 8, length -= 8) {
		uint64_t word;
		memcpy(&word, at, 8);
		hash = mix(hash ^ word, secret ^ 0xe7037ed1a0b428db);
	}
	uint64_t word = 0;
	if (length > 0)
		memcpy(&word, at, length);
	return mix(hash ^ word, secret ^ 0x8ebc6af09c88c6e3);
}

uint32_t index_find(const struct index *index, uint64_t hash, index_same *same, const void *things,
		    const void *sought)
{
	for (size_t i = hash; index->size; i++) {
		const struct index_slot *slot = &index->slots[i & (index->size - 1)];
		if (!slot->at)
			break;
		if (slot->hash == hash && same(things, slot->at - 1, sought))
			return slot->at - 1;
	}
	return UINT32_MAX;
}

static void put(struct index *index, struct index_slot slot)
{
	size_t i = slot.hash;
	while (index->slots[i & (index->size - 1)].at)
		i++;
	index->slots[i & (index->size - 1)] = slot;
}

bool index_add(struct index *index, uint64_t hash, uint32_t at)
{
	if (at == UINT32_MAX)
		return false;
	if (index->used * 4 >= index->size * 3) {
		struct index larger = {.size = index->size ? index->size * 2 : 64};
		larger.slots = calloc(larger.size, sizeof(*larger.slots));
		if (!larger.slots)
			return false;
		larger.used = index->used;
		for (size_t i = 0; i < index->size; i++)
			if (index->slots[i].at)
				put(&larger, index->slots[i]);
		free(index->slots);
		*index = larger;
	}
	put(index, (struct index_slot){hash, at + 1});
	index->used++;
	return true;
}

void index_fini(struct index *index)
{
	free(index->slots);
	*index = (struct index){0};
}
