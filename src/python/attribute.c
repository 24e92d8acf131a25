/* SPDX-License-Identifier: MIT */
#include "python/attribute.h"

#include "python/dict.h"
#include "python/types.h"

/* Words before an object of a type with TYPE_MANAGED_DICT. */
enum { WORD_DICT = 24, WORD_VALUES = 32 };

#define TYPE_INLINE_VALUES (UINT64_C(1) << 2) /* 3.13+ */

static uint64_t find_in_values(struct python *python, uint64_t type, uint64_t values,
			       const char *name)
{
	uint64_t keys = peek_u64(python->peek,
				 type + OFFSET(&python->layout, HeapTypeObject, ht_cached_keys));
	return keys ? dict_find_split(python->peek, &python->layout, keys, values, name) : 0;
}

/* The dict, if it was ever asked for, else the values that it would have. */
static uint64_t find_managed(struct python *python, uint64_t object, uint64_t type, uint64_t flags,
			     const char *name)
{
	const struct layout *layout = &python->layout;
	uint64_t dict = peek_u64(python->peek, object - WORD_DICT), values = 0;
	if (!python_since(python, PYTHON_VERSION(3, 12))) {
		values = peek_u64(python->peek, object - WORD_VALUES);
	} else if (!python_since(python, PYTHON_VERSION(3, 13))) {
		/* One word for both: the values if it is odd, and then one less. */
		values = dict & 1 ? dict + 1 : 0;
		dict = dict & 1 ? 0 : dict;
	} else if (flags & TYPE_INLINE_VALUES) {
		int64_t size =
			peek_i64(python->peek, type + OFFSET(layout, TypeObject, tp_basicsize));
		values = object + (uint64_t)size + (uint64_t)OFFSET(layout, DictValues, values);
	}
	if (dict)
		return dict_find(python->peek, layout, dict, name);
	return values ? find_in_values(python, type, values, name) : 0;
}

uint64_t attribute_find(struct python *python, uint64_t object, const char *name)
{
	const struct layout *layout = &python->layout;
	uint64_t type = peek_u64(python->peek, object + OFFSET(layout, Object, ob_type));
	uint64_t flags = peek_u64(python->peek, type + OFFSET(layout, TypeObject, tp_flags));
	if (python_since(python, PYTHON_VERSION(3, 11)) && flags & TYPE_MANAGED_DICT)
		return find_managed(python, object, type, flags, name);
	int64_t offset = peek_i64(python->peek, type + OFFSET(layout, TypeObject, tp_dictoffset));
	uint64_t dict = offset > 0 ? peek_u64(python->peek, object + (uint64_t)offset) : 0;
	return dict ? dict_find(python->peek, layout, dict, name) : 0;
}
