/* SPDX-License-Identifier: MIT */
#include "python/object.h"

#include "python/gc.h"

/* An object `prefix` bytes into the block, if its type says that it begins there. */
static bool find_at(struct python *python, struct types *types, const uint8_t *block, size_t size,
		    uint32_t prefix, struct found_object *found)
{
	/* With Py_TRACE_REFS two links come first, up to 3.12. */
	if (prefix + (uint64_t)SIZEOF(&python->layout, Object) > size)
		return false;
	const uint8_t *object = block + prefix;
	uint64_t refcount = object_word(object, (size_t)OFFSET(&python->layout, Object, ob_refcnt));
	uint64_t type_address = object_word(object, (size_t)OFFSET(&python->layout, Object, ob_type));
	if (!object_is_living(python, refcount) || type_address < 4096 || type_address % 8 != 0 ||
	    type_address >= UINT64_C(1) << 47)
		return false;
	uint32_t type = types_find(types, type_address);
	if (type == TYPES_NONE)
		return false;
	const struct type *known = types_get(types, type);
	if (known->prefix != prefix - python->hook_bytes || prefix + (uint64_t)known->least > size)
		return false;
	found->type = type;
	found->prefix = prefix;
	found->suspicious = (uint32_t)refcount > OBJECT_SUSPICIOUS_REFCOUNT &&
			    (int32_t)refcount >= 0;
	return true;
}

/* 3.14+: a dead object on a free list has a link for its refcount, and its type. An
 * int among them may look like a GC head before an object. */
static bool is_freed_at(struct python *python, struct types *types, const uint8_t *block, size_t size)
{
	size_t type = python->hook_bytes + (size_t)OFFSET(&python->layout, Object, ob_type);
	return python_since(python, PYTHON_VERSION(3, 14)) && type + 8 <= size &&
	       types_find(types, object_word(block, type)) != TYPES_NONE;
}

bool object_find(struct python *python, struct types *types, const uint8_t *block, size_t size,
		 struct found_object *ret_found)
{
	uint32_t hook = python->hook_bytes;
	ret_found->next = 0;
	if (find_at(python, types, block, size, hook, ret_found))
		return true;
	/* With a GC head, which may have the words of a managed dict before it. */
	for (uint32_t prefix = hook + 16; prefix <= hook + 32 && prefix + 16 <= size; prefix += 16) {
		uint64_t next = object_word(block, prefix - 16), prev = object_word(block, prefix - 8);
		bool untracked = next == 0 && prev <= 1;
		if (!untracked && !(object_is_link(next) && object_is_prev(prev)))
			continue;
		if (!find_at(python, types, block, size, prefix, ret_found) ||
		    is_freed_at(python, types, block, size))
			continue;
		ret_found->next = next & GC_POINTER_MASK;
		return true;
	}
	return false;
}
