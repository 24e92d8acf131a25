/* SPDX-License-Identifier: MIT */
#include "target/peek.h"

#include <stdbool.h>

#include "target/target.h"

enum {
	PAGE_BYTES = 4096,
	WAYS = 4,
	SETS = 256, /* 4 MiB in all */
	MOST_CACHED = 4 * PAGE_BYTES, /* longer reads would only wash the cache out */
};

struct set {
	uint64_t page[WAYS]; /* address / PAGE_BYTES */
	uint32_t epoch[WAYS]; /* holds something if it is that of the peek */
	uint32_t next; /* the way to be replaced next */
};

struct peek {
	struct target *target;
	enum fault fault;
	uint32_t epoch;
	uint64_t reads;
	uint8_t joined[PAGE_BYTES]; /* what lies on two pages */
	struct set sets[SETS];
	uint8_t bytes[SETS][WAYS][PAGE_BYTES];
};

static const uint8_t zeros[PAGE_BYTES];

struct peek *peek_new(struct target *target)
{
	struct peek *peek = calloc(1, sizeof(*peek));
	if (peek) {
		peek->target = target;
		peek->epoch = 1;
	}
	return peek;
}

void peek_free(struct peek *peek)
{
	free(peek);
}

void peek_forget(struct peek *peek)
{
	if (++peek->epoch == 0) {
		memset(peek->sets, 0, sizeof(peek->sets));
		peek->epoch = 1;
	}
}

struct target *peek_target(struct peek *peek)
{
	return peek->target;
}

uint64_t peek_reads(const struct peek *peek)
{
	return peek->reads;
}

void peek_retarget(struct peek *peek, struct target *target)
{
	peek_forget(peek);
	peek->target = target;
}

enum fault peek_take_fault(struct peek *peek)
{
	enum fault fault = peek->fault;
	peek->fault = FAULT_NONE;
	return fault;
}

void peek_raise(struct peek *peek, enum fault fault)
{
	if (peek->fault == FAULT_NONE)
		peek->fault = fault;
}

/* The bytes of a page, or NULL and what is in the way. */
static const uint8_t *page_at(struct peek *peek, uint64_t page, enum fault *ret_fault)
{
	size_t index = (page * UINT64_C(0x9e3779b97f4a7c15)) >> 56;
	struct set *set = &peek->sets[index];
	for (size_t way = 0; way < WAYS; way++)
		if (set->page[way] == page && set->epoch[way] == peek->epoch)
			return peek->bytes[index][way];

	size_t way = set->next++ % WAYS;
	set->epoch[way] = 0;
	*ret_fault = target_read(peek->target, page * PAGE_BYTES, peek->bytes[index][way], PAGE_BYTES);
	if (*ret_fault != FAULT_NONE)
		return NULL;
	set->page[way] = page;
	set->epoch[way] = peek->epoch;
	return peek->bytes[index][way];
}

/* `length` bytes of one page to `buffer`. A page that cannot be had whole, as the
 * edge of a segment of a core, is asked for just these. */
static bool copy_within(struct peek *peek, uint64_t address, uint8_t *buffer, size_t length)
{
	enum fault fault;
	const uint8_t *page = page_at(peek, address / PAGE_BYTES, &fault);
	if (page)
		memcpy(buffer, page + address % PAGE_BYTES, length);
	else
		fault = target_read(peek->target, address, buffer, length);
	if (!page && fault != FAULT_NONE)
		peek_raise(peek, fault);
	return peek->fault == FAULT_NONE;
}

static bool copy(struct peek *peek, uint64_t address, uint8_t *buffer, size_t length)
{
	while (length) {
		size_t piece = PAGE_BYTES - address % PAGE_BYTES;
		if (piece > length)
			piece = length;
		if (!copy_within(peek, address, buffer, piece))
			return false;
		address += piece;
		buffer += piece;
		length -= piece;
	}
	return true;
}

/* Does nothing stand against reading this? */
static bool may_read(struct peek *peek, uint64_t address, size_t length)
{
	peek->reads++;
	if (length && address > UINT64_MAX - (length - 1))
		peek_raise(peek, FAULT_UNMAPPED);
	return peek->fault == FAULT_NONE;
}

void peek_bytes(struct peek *peek, uint64_t address, void *buffer, size_t length)
{
	bool had = may_read(peek, address, length);
	if (had && length > MOST_CACHED) {
		peek_raise(peek, target_read(peek->target, address, buffer, length));
		had = peek->fault == FAULT_NONE;
	} else if (had) {
		had = copy(peek, address, buffer, length);
	}
	if (!had)
		memset(buffer, 0, length);
}

const void *peek_at(struct peek *peek, uint64_t address, size_t length)
{
	if (length > PAGE_BYTES)
		peek_raise(peek, FAULT_STRANGE);
	if (!may_read(peek, address, length))
		return zeros;
	size_t within = address % PAGE_BYTES;
	if (within + length <= PAGE_BYTES) {
		enum fault fault;
		const uint8_t *page = page_at(peek, address / PAGE_BYTES, &fault);
		if (page)
			return page + within;
	}
	return copy(peek, address, peek->joined, length) ? peek->joined : zeros;
}

void peek_string(struct peek *peek, uint64_t address, char *buffer, size_t size)
{
	if (size == 0)
		return;
	size_t length = 0;
	while (length < size - 1) {
		size_t piece = PAGE_BYTES - (address + length) % PAGE_BYTES;
		if (piece > size - 1 - length)
			piece = size - 1 - length;
		const char *bytes = peek_at(peek, address + length, piece);
		if (peek->fault != FAULT_NONE) {
			memset(buffer, 0, size);
			return;
		}
		size_t part = strnlen(bytes, piece);
		memcpy(buffer + length, bytes, part);
		length += part;
		if (part < piece)
			break;
	}
	buffer[length] = '\0';
}
