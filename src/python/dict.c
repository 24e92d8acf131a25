/* SPDX-License-Identifier: MIT */
#include "python/dict.h"

#include <string.h>

#include "python/unicode.h"

/* No real table is larger; a larger exponent would only overflow. */
#define MAX_LOG2_SIZE 40

static uint64_t word(const void *bytes, int32_t offset)
{
	uint64_t value;
	memcpy(&value, (const char *)bytes + offset, sizeof(value));
	return value;
}

static uint8_t byte(const void *bytes, int32_t offset)
{
	return ((const uint8_t *)bytes)[offset];
}

/* USABLE_FRACTION() of Objects/dictobject.c. */
static uint64_t usable_fraction(uint64_t size)
{
	return (size << 1) / 3;
}

bool dict_keys_decode(const struct layout *layout, const void *header, struct dict_keys *ret_keys)
{
	struct dict_keys keys = {
		.refcount = (int64_t)word(header, OFFSET(layout, DictKeysObject, dk_refcnt)),
		.usable = word(header, OFFSET(layout, DictKeysObject, dk_usable)),
		.entry_count = word(header, OFFSET(layout, DictKeysObject, dk_nentries)),
		.entries_offset = (uint32_t)OFFSET(layout, DictKeysObject, dk_indices),
		.entry_size = 24,
		.key_offset = 8,
		.value_offset = 16,
	};
	uint64_t size, index_bytes;
	if (HAS(layout, DictKeysObject, dk_log2_size)) {
		uint8_t log2_size = byte(header, OFFSET(layout, DictKeysObject, dk_log2_size));
		uint8_t log2_index = byte(header, OFFSET(layout, DictKeysObject, dk_log2_index_bytes));
		if (log2_size > MAX_LOG2_SIZE || log2_index > MAX_LOG2_SIZE + 3)
			return false;
		size = UINT64_C(1) << log2_size;
		index_bytes = UINT64_C(1) << log2_index;
		/* DICT_KEYS_GENERAL keeps the hash beside key and value. */
		if (byte(header, OFFSET(layout, DictKeysObject, dk_kind)) != 0) {
			keys.entry_size = 16;
			keys.key_offset = 0;
			keys.value_offset = 8;
		}
	} else {
		size = word(header, OFFSET(layout, DictKeysObject, dk_size));
		if (size > UINT64_C(1) << MAX_LOG2_SIZE || (size & (size - 1)))
			return false;
		index_bytes = size * (size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= 0xffffffff ? 4 : 8);
	}
	uint64_t capacity = usable_fraction(size);
	if (keys.usable > capacity || keys.entry_count > capacity + 1)
		return false;
	keys.slots = HAS(layout, DictKeysObject, dk_log2_size) ? keys.usable + keys.entry_count : capacity;
	keys.bytes = keys.entries_offset + index_bytes + capacity * keys.entry_size;
	keys.entries_offset += index_bytes;
	*ret_keys = keys;
	return true;
}

/* SHARED_KEYS_MAX_SIZE of Include/internal/pycore_dict.h. */
#define MOST_SHARED 30

/* From 3.13 on values say how many there may be and are, before them, and behind them in
 * which order they were set. False: they do not, or contradict themselves. */
static bool read_order(struct peek *peek, const struct layout *layout, uint64_t values,
		       uint8_t order[MOST_SHARED], size_t *ret_count)
{
	if (!values || !HAS(layout, DictValues, values) || OFFSET(layout, DictValues, values) < 4)
		return false;
	uint64_t header = values - (unsigned)OFFSET(layout, DictValues, values);
	uint8_t capacity = peek_u8(peek, header), count = peek_u8(peek, header + 1);
	if (capacity > MOST_SHARED || count > capacity)
		return false;
	peek_bytes(peek, values + 8 * (uint64_t)capacity, order, count);
	*ret_count = count;
	return true;
}

void dict_visit_split(struct peek *peek, const struct layout *layout, uint64_t address,
		      uint64_t values, size_t cap,
		      bool (*visit)(void *context, uint64_t key, uint64_t value), void *context)
{
	struct dict_keys keys;
	if (!dict_keys_decode(layout, peek_at(peek, address, DICT_KEYS_HEADER), &keys)) {
		peek_raise(peek, FAULT_STRANGE);
		return;
	}
	uint8_t order[MOST_SHARED];
	size_t count = 0;
	bool ordered = read_order(peek, layout, values, order, &count);
	if (!ordered)
		count = keys.entry_count < cap ? keys.entry_count : cap;
	for (uint64_t j = 0; j < count && j < cap; j++) {
		uint64_t i = ordered ? order[j] : j;
		if (i >= keys.entry_count)
			continue;
		uint64_t entry = address + keys.entries_offset + i * keys.entry_size;
		uint64_t key = peek_u64(peek, entry + keys.key_offset);
		uint64_t value = peek_u64(peek, values ? values + 8 * i : entry + keys.value_offset);
		if (key && value && !visit(context, key, value))
			return;
	}
}

void dict_visit(struct peek *peek, const struct layout *layout, uint64_t dict, size_t cap,
		bool (*visit)(void *context, uint64_t key, uint64_t value), void *context)
{
	uint64_t keys = peek_u64(peek, dict + OFFSET(layout, DictObject, ma_keys));
	uint64_t values = peek_u64(peek, dict + OFFSET(layout, DictObject, ma_values));
	if (values && HAS(layout, DictValues, values))
		values += OFFSET(layout, DictValues, values);
	dict_visit_split(peek, layout, keys, values, cap, visit, context);
}

struct search {
	struct peek *peek;
	const struct layout *layout;
	const char *key;
	uint64_t found;
};

static bool compare(void *context, uint64_t key, uint64_t value)
{
	struct search *search = context;
	if (!unicode_equals(search->peek, search->layout, key, search->key))
		return true;
	search->found = value;
	return false;
}

#define MOST_SEARCHED 100000

uint64_t dict_find(struct peek *peek, const struct layout *layout, uint64_t dict, const char *key)
{
	struct search search = {peek, layout, key, 0};
	dict_visit(peek, layout, dict, MOST_SEARCHED, compare, &search);
	return search.found;
}

uint64_t dict_find_split(struct peek *peek, const struct layout *layout, uint64_t keys,
			 uint64_t values, const char *key)
{
	struct search search = {peek, layout, key, 0};
	dict_visit_split(peek, layout, keys, values, MOST_SEARCHED, compare, &search);
	return search.found;
}
