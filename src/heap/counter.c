/* SPDX-License-Identifier: MIT */
#include "heap/counter.h"

#include <stdlib.h>
#include <string.h>

#include "python/dict.h"
#include "python/gc.h"

static bool cannot_hold_type(void *context, uint64_t address)
{
	/* Heap types are larger than the largest block, static ones lie in files. */
	return pool_map_has(&((struct counter *)context)->pools, address);
}

/* A dict whose keys were put off: its type, and the sign. */
static uint64_t keys_cookie(uint32_t type, int sign)
{
	return (uint64_t)type << 1 | (sign < 0);
}

static void add_keys(void *context, uint64_t cookie, const uint8_t *bytes, enum fault fault)
{
	struct counter *counter = context;
	uint64_t size = 0;
	if (fault != FAULT_NONE || sizes_add_keys(counter->sizes, bytes, &size) != FAULT_NONE) {
		counter->torn++;
		return;
	}
	uint64_t *total = &counter->tallies[cookie >> 1].bytes;
	*total += cookie & 1 ? -size : size;
}

bool counter_init(struct counter *counter, struct python *python, const struct arenas *arenas)
{
	*counter = (struct counter){.python = python};
	if (!pool_map_init(&counter->pools, arenas, obmalloc_pool_size(python)))
		return false;
	counter->types = types_new(python, cannot_hold_type, counter);
	counter->sizes = sizes_new(python);
	counter->keys = gather_new(python->target, DICT_KEYS_HEADER, add_keys, counter);
	if (counter->types && counter->sizes && counter->keys)
		return true;
	counter_fini(counter);
	return false;
}

void counter_fini(struct counter *counter)
{
	pool_map_fini(&counter->pools);
	types_free(counter->types);
	sizes_free(counter->sizes);
	gather_free(counter->keys);
	free(counter->tallies);
	*counter = (struct counter){0};
}

static bool make_room(struct counter *counter, uint32_t type)
{
	if (type < counter->tally_capacity)
		return true;
	size_t capacity = counter->tally_capacity ? counter->tally_capacity * 2 : 2048;
	while (capacity <= type)
		capacity *= 2;
	struct tally *tallies = realloc(counter->tallies, capacity * sizeof(*tallies));
	if (!tallies)
		return false;
	memset(tallies + counter->tally_capacity, 0,
	       (capacity - counter->tally_capacity) * sizeof(*tallies));
	counter->tallies = tallies;
	counter->tally_capacity = capacity;
	return true;
}

static void add(struct counter *counter, uint32_t type, const uint8_t *bytes, size_t length,
		uint64_t address, int sign)
{
	struct object object = {bytes, length, address, types_get(counter->types, type)};
	struct measure measure;
	if (!make_room(counter, type))
		return;
	if (sizes_measure(counter->sizes, &object, &measure) != FAULT_NONE)
		counter->torn++;
	struct tally *tally = &counter->tallies[type];
	tally->objects += (uint64_t)(int64_t)sign;
	tally->bytes += sign < 0 ? -measure.bytes : measure.bytes;
	counter->tracked += (uint64_t)(int64_t)sign;
	if (!measure.keys)
		return;
	uint64_t offset = measure.keys - counter->window_address;
	if (measure.keys >= counter->window_address && counter->window_length >= DICT_KEYS_HEADER &&
	    offset <= counter->window_length - DICT_KEYS_HEADER)
		add_keys(counter, keys_cookie(type, sign), counter->window + offset, FAULT_NONE);
	else
		gather_add(counter->keys, measure.keys, keys_cookie(type, sign));
}

void counter_add(struct counter *counter, uint32_t type, const uint8_t *bytes, size_t length,
		 uint64_t address)
{
	add(counter, type, bytes, length, address, 1);
}

bool counter_add_tracked_at(struct counter *counter, uint64_t gc_head, int sign)
{
	struct python *python = counter->python;
	uint64_t address = gc_head + (uint64_t)SIZEOF(&python->layout, GcHead);
	uint64_t refcount = peek_u64(python->peek, address + OFFSET(&python->layout, Object, ob_refcnt));
	uint64_t type_address = peek_u64(python->peek, address + OFFSET(&python->layout, Object, ob_type));
	if (peek_take_fault(python->peek) != FAULT_NONE || !is_living(python, refcount))
		return false;
	uint32_t type = types_find(counter->types, type_address);
	if (type == TYPES_NONE)
		return false;
	uint8_t bytes[OBJECT_BYTES_MAX];
	size_t length = (size_t)types_get(counter->types, type)->basicsize;
	/* ob_size of variable objects lies behind the basic size of some. */
	size_t least = (size_t)SIZEOF(&python->layout, VarObject);
	length = length < least ? least : length > sizeof(bytes) ? sizeof(bytes) : length;
	peek_bytes(python->peek, address, bytes, length);
	if (peek_take_fault(python->peek) != FAULT_NONE)
		return false;
	add(counter, type, bytes, length, address, sign);
	return true;
}

void counter_reset(struct counter *counter)
{
	gather_flush(counter->keys);
	memset(counter->tallies, 0, counter->tally_capacity * sizeof(*counter->tallies));
	counter->tracked = 0;
}

void counter_settle(struct counter *counter)
{
	gather_flush(counter->keys);
}
