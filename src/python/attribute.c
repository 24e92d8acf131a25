/* SPDX-License-Identifier: MIT */
#include "python/attribute.h"

#include "python/dict.h"
#include "python/types.h"

/* Words before an object of a type with TYPE_MANAGED_DICT. */
enum { WORD_DICT = 24, WORD_VALUES = 32 };

#define TYPE_INLINE_VALUES (UINT64_C(1) << 2) /* 3.13+ */

/* Of types with items the dict lies behind them: _PyObject_ComputedDictPointer(),
 * Objects/object.c. 0 where that is nonsense. */
static int64_t behind_items(struct python *python, uint64_t object, uint64_t type, int64_t offset)
{
	const struct layout *layout = &python->layout;
	int64_t items = peek_i64(python->peek, object + OFFSET(layout, VarObject, ob_size));
	int64_t basic = peek_i64(python->peek, type + OFFSET(layout, TypeObject, tp_basicsize));
	int64_t each = peek_i64(python->peek, type + OFFSET(layout, TypeObject, tp_itemsize));
	if (items < -INT32_MAX || items > INT32_MAX || basic < 0 || basic > INT32_MAX || each < 0 || each > INT16_MAX)
		return 0;
	items = items < 0 ? -items : items;
	return ((basic + items * each + 7) & ~INT64_C(7)) + offset;
}

/* Where the attributes of an instance are: in a dict, or, as long as nobody asked for
 * one, in values that belong to the keys of its type. All 0: it has none. */
struct attributes {
	uint64_t dict, keys, values;
};

/* The dict, if it was ever asked for, else the values that it would have. */
static struct attributes find_managed(struct python *python, uint64_t object, uint64_t type,
				      uint64_t flags)
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
	if (dict || !values)
		return (struct attributes){.dict = dict};
	uint64_t keys =
		peek_u64(python->peek, type + OFFSET(layout, HeapTypeObject, ht_cached_keys));
	return (struct attributes){.keys = keys, .values = keys ? values : 0};
}

static struct attributes find_all(struct python *python, uint64_t object)
{
	const struct layout *layout = &python->layout;
	uint64_t type = peek_u64(python->peek, object + OFFSET(layout, Object, ob_type));
	uint64_t flags = peek_u64(python->peek, type + OFFSET(layout, TypeObject, tp_flags));
	if (python_since(python, PYTHON_VERSION(3, 11)) && flags & TYPE_MANAGED_DICT)
		return find_managed(python, object, type, flags);
	int64_t offset = peek_i64(python->peek, type + OFFSET(layout, TypeObject, tp_dictoffset));
	if (offset < 0)
		offset = behind_items(python, object, type, offset);
	return (struct attributes){
		.dict = offset > 0 ? peek_u64(python->peek, object + (uint64_t)offset) : 0};
}

uint64_t attribute_find(struct python *python, uint64_t object, const char *name)
{
	struct attributes attributes = find_all(python, object);
	if (attributes.dict)
		return dict_find(python->peek, &python->layout, attributes.dict, name);
	return attributes.values ? dict_find_split(python->peek, &python->layout, attributes.keys,
						   attributes.values, name)
				 : 0;
}

void attribute_visit(struct python *python, uint64_t object, size_t cap,
		     bool (*visit)(void *context, uint64_t key, uint64_t value), void *context)
{
	struct attributes attributes = find_all(python, object);
	if (attributes.dict)
		dict_visit(python->peek, &python->layout, attributes.dict, cap, visit, context);
	else if (attributes.values)
		dict_visit_split(python->peek, &python->layout, attributes.keys, attributes.values,
				 cap, visit, context);
}
