/* SPDX-License-Identifier: MIT */
#include "target/gather.h"

#include <stdlib.h>
#include <string.h>

#include "target/target.h"

/* So many wait at the most: 2 MiB with the room to sort them. */
#define MAX_WAITING (1u << 16)

/* A gap up to this size is read along: cheaper than another piece. */
#define MAX_GAP 1024

/* One piece, and all pieces of one round. */
#define MAX_PIECE (64u << 10)
#define ROUND_BYTES (1u << 20)
#define ROUND_PIECES 512

/* No memory of a process lies above; sums with lengths cannot overflow below. */
#define USER_SPACE_END (UINT64_C(1) << 56)

struct waiting {
	uint64_t address;
	uint64_t cookie;
};

struct gather {
	struct target *target;
	size_t length;
	gather_function *function;
	void *context;
	struct waiting *waiting, *spare;
	size_t count;
	uint8_t *buffer;
	struct target_read pieces[ROUND_PIECES];
	size_t first[ROUND_PIECES + 1]; /* the first waiting read of each piece */
};

struct gather *gather_new(struct target *target, size_t length, gather_function *function, void *context)
{
	struct gather *gather = calloc(1, sizeof(*gather));
	if (!gather)
		return NULL;
	gather->target = target;
	gather->length = length;
	gather->function = function;
	gather->context = context;
	gather->waiting = malloc(MAX_WAITING * sizeof(*gather->waiting));
	gather->spare = malloc(MAX_WAITING * sizeof(*gather->spare));
	gather->buffer = malloc(ROUND_BYTES);
	if (!gather->waiting || !gather->spare || !gather->buffer) {
		gather_free(gather);
		return NULL;
	}
	return gather;
}

void gather_free(struct gather *gather)
{
	if (!gather)
		return;
	free(gather->waiting);
	free(gather->spare);
	free(gather->buffer);
	free(gather);
}

/* By address: a radix sort over the bits in which the addresses differ. */
static void sort(struct gather *gather)
{
	enum { DIGIT = 11, BUCKETS = 1 << DIGIT };
	uint64_t all_or = 0, all_and = UINT64_MAX;
	for (size_t i = 0; i < gather->count; i++) {
		all_or |= gather->waiting[i].address;
		all_and &= gather->waiting[i].address;
	}
	uint64_t differing = all_or & ~all_and;
	for (unsigned shift = 0; shift < 64 && differing >> shift; shift += DIGIT) {
		uint32_t starts[BUCKETS] = {0}, sum = 0;
		for (size_t i = 0; i < gather->count; i++)
			starts[gather->waiting[i].address >> shift & (BUCKETS - 1)]++;
		for (unsigned i = 0; i < BUCKETS; i++) {
			uint32_t count = starts[i];
			starts[i] = sum;
			sum += count;
		}
		for (size_t i = 0; i < gather->count; i++)
			gather->spare[starts[gather->waiting[i].address >> shift & (BUCKETS - 1)]++] =
				gather->waiting[i];
		struct waiting *swap = gather->waiting;
		gather->waiting = gather->spare;
		gather->spare = swap;
	}
}

/* Pieces for reads from `start` on, as many as fit into one round. Returns the
 * first read that did not. */
static size_t plan_round(struct gather *gather, size_t start, size_t *ret_pieces)
{
	size_t piece_count = 0, i = start;
	uint8_t *free_space = gather->buffer, *end = gather->buffer + ROUND_BYTES;
	while (i < gather->count && piece_count < ROUND_PIECES) {
		uint64_t from = gather->waiting[i].address, to = from + gather->length;
		size_t next = i + 1;
		for (; next < gather->count; next++) {
			uint64_t more = gather->waiting[next].address;
			if (more > to + MAX_GAP || more + gather->length - from > MAX_PIECE)
				break;
			if (more + gather->length > to)
				to = more + gather->length;
		}
		if (to - from > (size_t)(end - free_space))
			break;
		gather->first[piece_count] = i;
		gather->pieces[piece_count++] =
			(struct target_read){from, free_space, (uint32_t)(to - from), FAULT_NONE};
		free_space += to - from;
		i = next;
	}
	gather->first[piece_count] = i;
	*ret_pieces = piece_count;
	return i;
}

static const uint8_t zeros[256];

static void deliver(struct gather *gather, size_t piece_count)
{
	for (size_t p = 0; p < piece_count; p++) {
		const struct target_read *piece = &gather->pieces[p];
		for (size_t i = gather->first[p]; i < gather->first[p + 1]; i++) {
			const struct waiting *w = &gather->waiting[i];
			const uint8_t *bytes = (const uint8_t *)piece->buffer + (w->address - piece->address);
			enum fault fault = FAULT_NONE;
			/* A piece that failed may hold reads that would not: ask for each. */
			uint8_t alone[256];
			if (piece->fault != FAULT_NONE) {
				fault = target_read(gather->target, w->address, alone, gather->length);
				bytes = fault == FAULT_NONE ? alone : zeros;
			}
			gather->function(gather->context, w->cookie, bytes, fault);
		}
	}
}

void gather_flush(struct gather *gather)
{
	sort(gather);
	for (size_t start = 0; start < gather->count;) {
		size_t piece_count;
		start = plan_round(gather, start, &piece_count);
		target_read_many(gather->target, gather->pieces, piece_count);
		deliver(gather, piece_count);
	}
	gather->count = 0;
}

void gather_add(struct gather *gather, uint64_t address, uint64_t cookie)
{
	if (address >= USER_SPACE_END) {
		gather->function(gather->context, cookie, zeros, FAULT_UNMAPPED);
		return;
	}
	if (gather->count == MAX_WAITING)
		gather_flush(gather);
	gather->waiting[gather->count++] = (struct waiting){address, cookie};
}
