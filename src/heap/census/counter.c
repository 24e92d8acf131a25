/* SPDX-License-Identifier: MIT */
#include "heap/census/counter.h"

#include <stdlib.h>
#include <string.h>

#include "python/dict.h"
#include "python/gc.h"

static bool cannot_hold_type(void *context, uint64_t address)
{
	/* Heap types are larger than the largest block, static ones lie in files. */
	return pool_map_has(&((struct counter *)context)->pools, address);
}

static void credit(struct tally *tally, uint64_t bytes, unsigned columns)
{
	uint64_t amount = columns & COUNT_MINUS ? -bytes : bytes;
	if (columns & COUNT_OBJECT)
		tally->bytes += amount;
	if (columns & COUNT_TRACKED)
		tally->gc_bytes += amount;
}

/* The keys of a dict were put off: the cookie is its type and its columns. */
static uint64_t keys_cookie(uint32_t type, unsigned columns)
{
	return (uint64_t)type << 3 | columns;
}

static void add_keys(void *context, uint64_t cookie, const uint8_t *bytes, enum fault fault)
{
	struct counter *counter = context;
	uint64_t size = 0;
	if (fault != FAULT_NONE || sizes_add_keys(counter->sizes, bytes, &size) != FAULT_NONE ||
	    size > counter->mapped) {
		counter->torn++;
		return;
	}
	struct tally *tally = &counter->tallies[cookie >> 3];
	credit(tally, size, cookie & 7);
	if (cookie & COUNT_OBJECT)
		tally->owned += size;
}

bool counter_init(struct counter *counter, struct python *python, const struct arenas *arenas)
{
	*counter = (struct counter){.python = python};
	const struct maps *maps = target_maps(python->target);
	for (size_t i = 0; i < maps->count; i++)
		counter->mapped += maps->items[i].end - maps->items[i].start;
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

bool counter_add(struct counter *counter, uint32_t type, const uint8_t *bytes, size_t length,
		 uint64_t address, unsigned columns)
{
	struct object object = {bytes, length, address, types_get(counter->types, type)};
	struct measure measure;
	if (!make_room(counter, type)) {
		counter->no_memory = true;
		return false;
	}
	if (object.type->fixed)
		measure = (struct measure){.bytes = object.type->fixed};
	else if (sizes_measure(counter->sizes, &object, &measure) != FAULT_NONE)
		counter->torn++;
	if (measure.bytes > counter->mapped) { /* read in the middle of a change */
		counter->torn++;
		measure.bytes = (uint64_t)object.type->basicsize + object.type->prefix;
		measure.owned = 0;
	}
	struct tally *tally = &counter->tallies[type];
	uint64_t one = columns & COUNT_MINUS ? UINT64_MAX : 1;
	if (columns & COUNT_OBJECT) {
		tally->objects += one;
		tally->owned += measure.owned;
	}
	if (columns & COUNT_TRACKED) {
		tally->gc_objects += one;
		counter->tracked += one;
	}
	credit(tally, measure.bytes, columns);
	if (counter->watch && (columns & (COUNT_OBJECT | COUNT_MINUS)) == COUNT_OBJECT)
		counter->watch->see(counter->watch->context, type, &object, &measure,
				    columns & COUNT_TRACKED);
	if (!measure.keys)
		return true;
	uint64_t offset = measure.keys - counter->window_address;
	if (measure.keys >= counter->window_address && counter->window_length >= DICT_KEYS_HEADER &&
	    offset <= counter->window_length - DICT_KEYS_HEADER)
		add_keys(counter, keys_cookie(type, columns), counter->window + offset, FAULT_NONE);
	else
		gather_add(counter->keys, measure.keys, keys_cookie(type, columns));
	return true;
}

/* A refcount that may be an address makes an object only if its neighbour on the
 * GC list points back; where it is on none, if it is no address of the program. */
static bool is_believable(struct counter *counter, const struct found_object *found,
			  const uint8_t *block, uint64_t address)
{
	struct python *python = counter->python;
	if (!found->next) {
		uint64_t refcount = object_word(
			block, found->prefix + (size_t)OFFSET(&python->layout, Object, ob_refcnt));
		return !maps_find(target_maps(python->target), (uint32_t)refcount);
	}
	uint64_t back = peek_u64(python->peek, found->next + OFFSET(&python->layout, GcHead, prev));
	return peek_take_fault(python->peek) == FAULT_NONE &&
	       (back & GC_POINTER_MASK) == address + found->prefix - 16;
}

bool counter_find(struct counter *counter, const uint8_t *block, size_t size, uint64_t address,
		  struct found_object *ret_found)
{
	return object_find(counter->python, counter->types, block, size, ret_found) &&
	       (!ret_found->suspicious || is_believable(counter, ret_found, block, address));
}

bool counter_add_tracked_at(struct counter *counter, uint64_t gc_head, unsigned columns)
{
	struct python *python = counter->python;
	uint64_t address = gc_head + (uint64_t)SIZEOF(&python->layout, GcHead);
	uint64_t refcount = peek_u64(python->peek, address + OFFSET(&python->layout, Object, ob_refcnt));
	uint64_t type_address = peek_u64(python->peek, address + OFFSET(&python->layout, Object, ob_type));
	if (peek_take_fault(python->peek) != FAULT_NONE || !object_is_living(python, refcount))
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
	return counter_add(counter, type, bytes, length, address, columns);
}

void counter_reset_tracked(struct counter *counter)
{
	gather_flush(counter->keys);
	for (size_t i = 0; i < counter->tally_capacity; i++)
		counter->tallies[i].gc_objects = counter->tallies[i].gc_bytes = 0;
	counter->tracked = 0;
}

void counter_settle(struct counter *counter)
{
	gather_flush(counter->keys);
}
