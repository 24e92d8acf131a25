/* SPDX-License-Identifier: MIT */
#include "python/code_ranges.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/bisect.h"

/* Longer code is none. */
#define MAX_CODE_BYTES (UINT64_C(64) << 20)

/* Code is sought so far before an address. */
#define MOST_SOUGHT (UINT64_C(8) << 10)

void code_ranges_fini(struct code_ranges *ranges)
{
	free(ranges->items);
	*ranges = (struct code_ranges){0};
}

/* Index of the first range that ends behind an address. */
static size_t position_of(const struct code_ranges *ranges, uint64_t address)
{
	return BISECT(ranges->count, at, ranges->items[at].end <= address);
}

static bool read_range(struct python *python, uint64_t code, struct code_range *range)
{
	const struct layout *layout = &python->layout;
	struct peek *peek = python->peek;
	uint64_t length;
	/* From 3.11 on its own items, units of two bytes; before, a bytes object. */
	if (HAS(layout, CodeObject, co_code_adaptive)) {
		range->start = code + (uint64_t)OFFSET(layout, CodeObject, co_code_adaptive);
		length = 2 * peek_u64(peek, code + (uint64_t)OFFSET(layout, VarObject, ob_size));
	} else {
		uint64_t bytes = peek_u64(peek, code + (uint64_t)OFFSET(layout, CodeObject, co_code));
		range->start = bytes + (uint64_t)OFFSET(layout, BytesObject, ob_sval);
		length = peek_u64(peek, bytes + (uint64_t)OFFSET(layout, VarObject, ob_size));
	}
	range->end = range->start + length;
	range->code = code;
	return peek_take_fault(peek) == FAULT_NONE && length && length <= MAX_CODE_BYTES;
}

void code_ranges_add(struct code_ranges *ranges, struct python *python, uint64_t code)
{
	struct code_range range;
	peek_take_fault(python->peek);
	if (!read_range(python, code, &range))
		return;
	size_t at = position_of(ranges, range.start), end = at;
	if (at < ranges->count && memcmp(&ranges->items[at], &range, sizeof(range)) == 0)
		return;
	while (end < ranges->count && ranges->items[end].start < range.end)
		end++;
	if (!ARRAY_RESERVE(ranges->items, ranges->capacity, ranges->count + 1))
		return;
	/* Those which it overlaps are gone. */
	memmove(&ranges->items[at + 1], &ranges->items[end],
		(ranges->count - end) * sizeof(*ranges->items));
	ranges->items[at] = range;
	ranges->count = ranges->count - (end - at) + 1;
}

uint64_t code_ranges_seek(const struct code_ranges *ranges, struct python *python, uint64_t word)
{
	const struct layout *layout = &python->layout;
	struct peek *peek = python->peek;
	uint64_t known;
	int64_t position;
	if (!HAS(layout, CodeObject, co_code_adaptive) || ranges->count == 0 || word % 2 ||
	    word < 2 * MOST_SOUGHT || word >> 47 ||
	    code_ranges_find(ranges, word, &known, &position))
		return 0;
	uint64_t type_offset = (uint64_t)OFFSET(layout, Object, ob_type);
	uint64_t before = (uint64_t)OFFSET(layout, CodeObject, co_code_adaptive);
	peek_take_fault(peek);
	uint64_t type = peek_u64(peek, ranges->items[0].code + type_offset);
	uint64_t first = (word - before) & ~UINT64_C(7);
	for (uint64_t code = first; code > first - MOST_SOUGHT; code -= 8) {
		struct code_range range;
		bool is_code = peek_u64(peek, code + type_offset) == type;
		if (peek_take_fault(peek) != FAULT_NONE)
			return 0;
		if (!is_code || !read_range(python, code, &range))
			continue;
		return word > range.start && word <= range.end ? code : 0;
	}
	return 0;
}

bool code_ranges_find(const struct code_ranges *ranges, uint64_t word, uint64_t *ret_code,
		      int64_t *ret_position)
{
	if (ranges->count == 0 || word % 2 || word <= ranges->items[0].start ||
	    word > ranges->items[ranges->count - 1].end)
		return false;
	/* It may point behind the last instruction. */
	size_t at = position_of(ranges, word - 1);
	if (at == ranges->count || word <= ranges->items[at].start)
		return false;
	*ret_code = ranges->items[at].code;
	*ret_position = (int64_t)(word - ranges->items[at].start) - 2;
	return true;
}
