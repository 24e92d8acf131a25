/* SPDX-License-Identifier: MIT */
#include "python/types.h"

#include <stdlib.h>
#include <string.h>

#include "python/sizes.h"

/* Metatypes of metatypes of ...: real programs need three. */
#define MAX_META_DEPTH 8

/* What is not a type is forgotten beyond this many. */
#define MAX_REFUTED (1u << 20)

#define INITIAL_SLOTS 4096u

/* One slot of an open hash table: address 0 is free, index TYPES_NONE refuted. */
struct slot {
	uint64_t address;
	uint32_t index;
};

struct types {
	struct python *python;
	bool (*is_impossible)(void *, uint64_t);
	void *context;

	struct type *items;
	size_t count, capacity;

	struct slot *slots;
	uint32_t slot_mask;
	uint32_t slots_used, refuted;
};

static uint32_t hash(uint64_t address)
{
	return (uint32_t)((address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static struct slot *slot_of(struct slot *slots, uint32_t mask, uint64_t address)
{
	uint32_t i = hash(address) & mask;
	while (slots[i].address && slots[i].address != address)
		i = (i + 1) & mask;
	return &slots[i];
}

struct types *types_new(struct python *python, bool (*is_impossible)(void *, uint64_t), void *context)
{
	struct types *types = calloc(1, sizeof(*types));
	if (!types)
		return NULL;
	types->python = python;
	types->is_impossible = is_impossible;
	types->context = context;
	types->slot_mask = INITIAL_SLOTS - 1;
	types->slots = calloc(INITIAL_SLOTS, sizeof(*types->slots));
	if (!types->slots) {
		types_free(types);
		return NULL;
	}
	return types;
}

void types_free(struct types *types)
{
	if (!types)
		return;
	free(types->items);
	free(types->slots);
	free(types);
}

size_t types_count(const struct types *types)
{
	return types->count;
}

const struct type *types_get(const struct types *types, size_t index)
{
	return &types->items[index];
}

/* A table of the size wanted with what is worth keeping; false without memory. */
static bool rebuild(struct types *types, uint32_t slot_count, bool keep_refuted)
{
	struct slot *slots = calloc(slot_count, sizeof(*slots));
	if (!slots)
		return false;
	types->slots_used = types->refuted = 0;
	for (uint32_t i = 0; i <= types->slot_mask; i++) {
		const struct slot *old = &types->slots[i];
		if (!old->address || (old->index == TYPES_NONE && !keep_refuted))
			continue;
		*slot_of(slots, slot_count - 1, old->address) = *old;
		types->slots_used++;
		types->refuted += old->index == TYPES_NONE;
	}
	free(types->slots);
	types->slots = slots;
	types->slot_mask = slot_count - 1;
	return true;
}

static void remember(struct types *types, uint64_t address, uint32_t index)
{
	if (types->refuted >= MAX_REFUTED)
		rebuild(types, types->slot_mask + 1, false);
	if (types->slots_used * 2 > types->slot_mask &&
	    !rebuild(types, (types->slot_mask + 1) * 2, true) &&
	    types->slots_used == types->slot_mask)
		return;
	struct slot *slot = slot_of(types->slots, types->slot_mask, address);
	types->slots_used += !slot->address;
	types->refuted += index == TYPES_NONE;
	*slot = (struct slot){address, index};
}

/* Is there a type object at `address`? Follows ob_type up to `type`. */
static bool is_type(struct types *types, uint64_t address, unsigned depth)
{
	struct python *python = types->python;
	const struct layout *layout = &python->layout;
	if (address == python->type_type)
		return true;
	if (depth == MAX_META_DEPTH || address < 4096 || address % 8 != 0)
		return false;
	uint64_t meta = peek_u64(python->peek, address + OFFSET(layout, Object, ob_type));
	if (meta == address || !is_type(types, meta, depth + 1))
		return false;
	uint64_t flags = peek_u64(python->peek, meta + OFFSET(layout, TypeObject, tp_flags));
	return flags & TYPE_TYPE_SUBCLASS;
}

/* Bytes between the start of the block and the object. `_PyType_PreHeaderSize()`
 * of Include/internal/pycore_object.h, 3.11+. */
static uint8_t prefix_of(const struct python *python, uint64_t flags)
{
	uint64_t managed = python_since(python, PYTHON_VERSION(3, 12))
				   ? TYPE_MANAGED_DICT | TYPE_MANAGED_WEAKREF
			   : python_since(python, PYTHON_VERSION(3, 11)) ? TYPE_MANAGED_DICT
									 : 0;
	return (flags & TYPE_HAVE_GC ? 16 : 0) + (flags & managed ? 16 : 0);
}

static bool read_type(struct types *types, uint64_t address, struct type *type)
{
	struct python *python = types->python;
	struct peek *peek = python->peek;
	const struct layout *layout = &python->layout;
	*type = (struct type){
		.address = address,
		.flags = peek_u64(peek, address + OFFSET(layout, TypeObject, tp_flags)),
		.base = peek_u64(peek, address + OFFSET(layout, TypeObject, tp_base)),
		.basicsize = peek_i64(peek, address + OFFSET(layout, TypeObject, tp_basicsize)),
		.itemsize = peek_i64(peek, address + OFFSET(layout, TypeObject, tp_itemsize)),
	};
	type->prefix = prefix_of(python, type->flags);
	type->least = type->flags & TYPE_UNICODE_SUBCLASS ? SIZEOF(layout, ASCIIObject) : type->basicsize;
	return type->basicsize >= SIZEOF(layout, Object) && type->basicsize < (1 << 24) &&
	       type->itemsize >= 0 && type->itemsize < (1 << 24) && type->base != address;
}

static uint32_t add(struct types *types, const struct type *type)
{
	if (types->count == types->capacity) {
		size_t capacity = types->capacity ? types->capacity * 2 : 1024;
		struct type *items = realloc(types->items, capacity * sizeof(*items));
		if (!items)
			return TYPES_NONE;
		types->items = items;
		types->capacity = capacity;
	}
	types->items[types->count] = *type;
	return (uint32_t)types->count++;
}

uint32_t types_find(struct types *types, uint64_t address)
{
	const struct slot *slot = slot_of(types->slots, types->slot_mask, address);
	if (slot->address)
		return slot->index;
	if (types->is_impossible && types->is_impossible(types->context, address))
		return TYPES_NONE;
	struct type type;
	bool found = is_type(types, address, 0) && read_type(types, address, &type);
	if (peek_take_fault(types->python->peek) != FAULT_NONE)
		found = false;
	uint32_t index = TYPES_NONE;
	if (found) {
		size_rule_assign(types->python, &type);
		index = add(types, &type);
	}
	if (address)
		remember(types, address, index);
	return index;
}
