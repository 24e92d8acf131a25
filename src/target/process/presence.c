/* SPDX-License-Identifier: MIT */
#include "target/process/presence.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"

enum {
	CHUNK_PAGES = 512,
	CHUNK_WORDS = CHUNK_PAGES / 64,
	CHUNK_SHIFT = 21,
	FIRST_CAPACITY = 256,
	MOST_CHUNKS = 1 << 16, /* 128 GiB of address space, 10 MB of ours */
};

/* Documentation/admin-guide/mm/pagemap.rst in the kernel. */
static const uint64_t PAGEMAP_PRESENT = UINT64_C(1) << 63;
static const uint64_t PAGEMAP_SWAPPED = UINT64_C(1) << 62;
static const uint64_t PAGEMAP_GUARD = UINT64_C(1) << 58; /* Linux 6.15; always with the above */

struct presence_chunk {
	uint64_t key; /* address >> CHUNK_SHIFT, plus 1; 0: free slot */
	uint64_t operation;
	size_t known; /* pages the kernel told of */
	uint64_t present[CHUNK_WORDS];
	uint64_t swapped[CHUNK_WORDS]; /* or guarded */
	uint64_t guarded[CHUNK_WORDS];
	uint64_t left[CHUNK_WORDS]; /* seen present before, and not since */
};

void presence_init(struct presence *presence, int fd)
{
	*presence = (struct presence){.fd = fd};
}

void presence_fini(struct presence *presence)
{
	free(presence->chunks);
	presence_init(presence, -1);
}

void presence_forget(struct presence *presence)
{
	if (presence->used)
		memset(presence->chunks, 0, presence->capacity * sizeof(*presence->chunks));
	presence->used = 0;
	presence->last = NULL;
}

void presence_begin(struct presence *presence)
{
	presence->operation++;
}

static struct presence_chunk *slot_of(struct presence_chunk *chunks, size_t capacity, uint64_t key)
{
	size_t at = (key * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (capacity - 1);
	while (chunks[at].key && chunks[at].key != key)
		at = (at + 1) & (capacity - 1);
	return &chunks[at];
}

/* Room for one more. Out of memory or full, start over: it is only a cache. */
static bool make_room(struct presence *presence)
{
	if (presence->used * 2 < presence->capacity)
		return true;
	size_t capacity = presence->capacity ? presence->capacity * 2 : FIRST_CAPACITY;
	struct presence_chunk *chunks = NULL;
	if (capacity <= MOST_CHUNKS * 2)
		chunks = calloc(capacity, sizeof(*chunks));
	if (!chunks) {
		presence_forget(presence);
		return presence->capacity != 0;
	}
	for (size_t i = 0; i < presence->capacity; i++)
		if (presence->chunks[i].key)
			*slot_of(chunks, capacity, presence->chunks[i].key) = presence->chunks[i];
	free(presence->chunks);
	presence->chunks = chunks;
	presence->capacity = capacity;
	presence->last = NULL;
	return true;
}

static void learn(struct presence *presence, struct presence_chunk *chunk, uint64_t key)
{
	uint64_t entries[CHUNK_PAGES];
	off_t offset = (off_t)((key - 1) * sizeof(entries));
	ssize_t got = io_pread_all(presence->fd, entries, sizeof(entries), offset);
	size_t count = got < 0 ? 0 : got / sizeof(*entries);

	struct presence_chunk before = *chunk;
	*chunk = (struct presence_chunk){
		.key = key, .operation = presence->operation, .known = count};
	for (size_t i = 0; i < count; i++) {
		chunk->present[i / 64] |= (uint64_t)!!(entries[i] & PAGEMAP_PRESENT) << i % 64;
		chunk->swapped[i / 64] |= (uint64_t)!!(entries[i] & PAGEMAP_SWAPPED) << i % 64;
		chunk->guarded[i / 64] |= (uint64_t)!!(entries[i] & PAGEMAP_GUARD) << i % 64;
	}
	for (size_t i = 0; i < CHUNK_WORDS; i++)
		chunk->left[i] = (before.present[i] | before.left[i]) & ~chunk->present[i];
}

static struct presence_chunk *chunk_of(struct presence *presence, uint64_t address)
{
	uint64_t key = (address >> CHUNK_SHIFT) + 1;
	if (presence->last && presence->last->key == key)
		return presence->last;
	struct presence_chunk *chunk = NULL;
	if (presence->capacity)
		chunk = slot_of(presence->chunks, presence->capacity, key);
	if (!chunk || !chunk->key) {
		if (!make_room(presence))
			return NULL;
		chunk = slot_of(presence->chunks, presence->capacity, key);
		learn(presence, chunk, key);
		presence->used++;
	}
	presence->last = chunk;
	return chunk;
}

/* The pages of a word of the bitmaps that are in `state`. */
static uint64_t pages_in(const struct presence_chunk *chunk, size_t word, enum page_state state)
{
	uint64_t present = chunk->present[word];
	uint64_t swapped = chunk->swapped[word] & ~present;
	uint64_t guarded = chunk->guarded[word] & swapped;
	uint64_t left = chunk->left[word] & ~present & ~swapped;
	switch (state) {
	case PAGE_PRESENT:
		return present;
	case PAGE_GUARDED:
		return guarded;
	case PAGE_SWAPPED:
		return swapped & ~guarded;
	case PAGE_LEFT:
		return left;
	default:
		return ~(present | swapped | left);
	}
}

static enum page_state state_of(const struct presence_chunk *chunk, size_t page)
{
	static const enum page_state states[] = {PAGE_PRESENT, PAGE_GUARDED, PAGE_SWAPPED, PAGE_LEFT};
	if (page >= chunk->known)
		return PAGE_UNKNOWN;
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (pages_in(chunk, page / 64, states[i]) >> page % 64 & 1)
			return states[i];
	return PAGE_NEVER;
}

/* The first page after `page` that is not in `state`. */
static size_t run_end(const struct presence_chunk *chunk, size_t page, enum page_state state)
{
	if (state == PAGE_UNKNOWN)
		return CHUNK_PAGES;
	for (size_t word = page / 64; word < CHUNK_WORDS; word++) {
		uint64_t other = ~pages_in(chunk, word, state);
		if (word == page / 64)
			other &= ~UINT64_C(0) << page % 64;
		if (other) {
			size_t end = word * 64 + __builtin_ctzll(other);
			return end < chunk->known ? end : chunk->known;
		}
	}
	return chunk->known;
}

static enum page_state look(struct presence *presence, uint64_t address, bool anew,
			    uint64_t *ret_length)
{
	uint64_t in_chunk = address & ((UINT64_C(1) << CHUNK_SHIFT) - 1);
	struct presence_chunk *chunk = presence->fd < 0 ? NULL : chunk_of(presence, address);
	if (!chunk) {
		*ret_length = (UINT64_C(1) << CHUNK_SHIFT) - in_chunk;
		return PAGE_PRESENT;
	}
	size_t page = in_chunk / TARGET_PAGE;
	enum page_state state = state_of(chunk, page);
	if (anew || (state != PAGE_PRESENT && chunk->operation != presence->operation)) {
		learn(presence, chunk, chunk->key);
		state = state_of(chunk, page);
	}
	*ret_length = run_end(chunk, page, state) * (uint64_t)TARGET_PAGE - in_chunk;
	return state;
}

enum page_state presence_at(struct presence *presence, uint64_t address, uint64_t *ret_length)
{
	return look(presence, address, false, ret_length);
}

enum page_state presence_anew(struct presence *presence, uint64_t address, uint64_t *ret_length)
{
	return look(presence, address, true, ret_length);
}
