/* SPDX-License-Identifier: MIT */
#include "python/types.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "python/sizes.h"

/* Metatypes of metatypes of ...: real programs need three. */
#define MAX_META_DEPTH 8

/* Of what is not a type so many are remembered, each until another one takes its place:
 * raw memory, which is full of addresses, must not fill ours. */
#define REFUTED (1u << 17)

#define INITIAL_SLOTS 4096u

/* One slot of an open hash table: address 0 is free. */
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
	uint64_t *refuted;
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
	types->refuted = calloc(REFUTED, sizeof(*types->refuted));
	if (!types->slots || !types->refuted) {
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
	free(types->refuted);
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

/* Twice as large; false without memory. */
static bool grow(struct types *types)
{
	uint32_t mask = types->slot_mask * 2 + 1;
	struct slot *slots = calloc((size_t)mask + 1, sizeof(*slots));
	if (!slots)
		return false;
	for (uint32_t i = 0; i <= types->slot_mask; i++) {
		const struct slot *old = &types->slots[i];
		if (old->address)
			*slot_of(slots, mask, old->address) = *old;
	}
	free(types->slots);
	types->slots = slots;
	types->slot_mask = mask;
	return true;
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

/* TYPES_NONE without memory. */
static uint32_t add(struct types *types, const struct type *type)
{
	if (types->count * 2 > types->slot_mask && !grow(types))
		return TYPES_NONE;
	if (!ARRAY_RESERVE(types->items, types->capacity, types->count + 1))
		return TYPES_NONE;
	uint32_t index = (uint32_t)types->count++;
	types->items[index] = *type;
	*slot_of(types->slots, types->slot_mask, type->address) = (struct slot){type->address, index};
	return index;
}

uint32_t types_find(struct types *types, uint64_t address)
{
	const struct slot *slot = slot_of(types->slots, types->slot_mask, address);
	if (slot->address)
		return slot->index;
	uint64_t *refuted = &types->refuted[hash(address) % REFUTED];
	if (*refuted == address) /* as is 0 */
		return TYPES_NONE;
	if (types->is_impossible && types->is_impossible(types->context, address))
		return TYPES_NONE;
	struct type type;
	bool found = is_type(types, address, 0) && read_type(types, address, &type);
	if (peek_take_fault(types->python->peek) != FAULT_NONE)
		found = false;
	if (!found) {
		*refuted = address;
		return TYPES_NONE;
	}
	size_rule_assign(types->python, &type);
	return add(types, &type);
}
