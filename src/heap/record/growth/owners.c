/* SPDX-License-Identifier: MIT */
#include "heap/record/growth/owners.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <heapspy/record.h>

#include "base/array.h"

/* So many owners are looked through for a piece. */
enum { LOOKED_THROUGH = 512 };

void owners_fini(struct owners *owners)
{
	free(owners->items);
	*owners = (struct owners){0};
}

void owners_add(struct owners *owners, uint64_t key, uint64_t bytes, uint32_t stack)
{
	if (!ARRAY_RESERVE(owners->items, owners->capacity, owners->count + 1))
		return;
	owners->items[owners->count++] = (struct owner){key, bytes, stack};
}

static void remove_at(struct owners *owners, size_t at)
{
	owners->count--;
	memmove(&owners->items[at], &owners->items[at + 1],
		(owners->count - at) * sizeof(*owners->items));
}

void owners_forget_key(struct owners *owners, uint64_t key)
{
	for (size_t i = owners->count; i-- > 0;)
		if (owners->items[i].key == key)
			owners->items[i].key = 0;
}

uint64_t owners_bytes_of(const struct owners *owners, uint64_t key)
{
	for (size_t i = owners->count; i-- > 0;)
		if (owners->items[i].key == key)
			return owners->items[i].bytes;
	return 0;
}

void owners_take_last(struct owners *owners, uint64_t bytes, owners_visitor *visit, void *context)
{
	while (bytes && owners->count) {
		struct owner *last = &owners->items[owners->count - 1];
		uint64_t taken = last->bytes < bytes ? last->bytes : bytes;
		visit(context, taken, last->stack);
		last->bytes -= taken;
		bytes -= taken;
		if (last->bytes == 0)
			owners->count--;
	}
	if (bytes)
		visit(context, bytes, HEAPSPY_NO_STACK);
}

/* Pieces of one owner that make up this size, the last ones: what realloc() let grow. */
static bool take_grown(struct owners *owners, size_t from, uint64_t bytes)
{
	uint32_t stack = owners->items[from].stack;
	uint64_t sum = 0;
	size_t least = owners->count > LOOKED_THROUGH ? owners->count - LOOKED_THROUGH : 0;
	size_t first = from + 1;
	while (first > least && sum < bytes) {
		first--;
		if (owners->items[first].stack == stack)
			sum += owners->items[first].bytes;
	}
	if (sum != bytes)
		return false;
	for (size_t i = from + 1; i-- > first;)
		if (owners->items[i].stack == stack)
			remove_at(owners, i);
	return true;
}

void owners_take_piece(struct owners *owners, uint64_t bytes, owners_visitor *visit, void *context)
{
	size_t least = owners->count > LOOKED_THROUGH ? owners->count - LOOKED_THROUGH : 0;
	for (size_t i = owners->count; i-- > least;) {
		if (owners->items[i].bytes != bytes)
			continue;
		visit(context, bytes, owners->items[i].stack);
		remove_at(owners, i);
		return;
	}
	for (size_t i = owners->count; i-- > least;) {
		uint32_t stack = owners->items[i].stack;
		if (!take_grown(owners, i, bytes))
			continue;
		visit(context, bytes, stack);
		return;
	}
	owners_take_last(owners, bytes, visit, context);
}

void owners_take_key(struct owners *owners, uint64_t key, uint64_t bytes, owners_visitor *visit,
		     void *context)
{
	for (size_t i = owners->count; i-- > 0;) {
		struct owner *owner = &owners->items[i];
		if (owner->key != key)
			continue;
		uint64_t taken = owner->bytes < bytes ? owner->bytes : bytes;
		visit(context, taken, owner->stack);
		owner->bytes -= taken;
		if (owner->bytes == 0)
			remove_at(owners, i);
		if (bytes > taken)
			visit(context, bytes - taken, HEAPSPY_NO_STACK);
		return;
	}
	visit(context, bytes, HEAPSPY_NO_STACK);
}
