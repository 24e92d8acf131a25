/* SPDX-License-Identifier: MIT */
#include "python/lines.h"

#include "python/runtime.h"

enum {
	CODE_UNIT = 2,          /* bytes of an instruction word */
	RANGE_WITHOUT_LINE = -128,
	NO_LOCATION = 15,       /* kinds of entries: PyCodeLocationInfoKind, */
	LONG_LOCATION = 14,     /* Include/cpython/code.h */
	NO_COLUMNS = 13,
	ONE_LINE = 10,          /* 10, 11, 12: so many lines on */
};

enum line_format lines_format(uint32_t hexversion)
{
	return hexversion >= PYTHON_VERSION(3, 11)   ? LINES_LOCATIONS
	       : hexversion >= PYTHON_VERSION(3, 10) ? LINES_RANGES
						     : LINES_LNOTAB;
}

static bool give(int64_t line, int32_t *ret_line)
{
	if (line < INT32_MIN || line > INT32_MAX)
		return false;
	*ret_line = (int32_t)line;
	return true;
}

/* Pairs: so many bytes on begins what is so many lines on. The last goes on to the
 * end: PyCode_Addr2Line() of 3.8. */
static bool find_in_lnotab(const uint8_t *table, size_t length, int64_t line, int64_t position,
			   int32_t *ret_line)
{
	int64_t start = 0;
	for (size_t i = 0; i + 1 < length; i += 2) {
		start += table[i];
		if (start > position)
			break;
		line += (int8_t)table[i + 1];
	}
	return give(line, ret_line);
}

/* Pairs: so many bytes belong to what is so many lines on. */
static bool find_in_ranges(const uint8_t *table, size_t length, int64_t line, int64_t position,
			   int32_t *ret_line)
{
	int64_t end = 0;
	for (size_t i = 0; i + 1 < length; i += 2) {
		int8_t step = (int8_t)table[i + 1];
		end += table[i];
		if (step != RANGE_WITHOUT_LINE)
			line += step;
		if (position < end)
			return give(step == RANGE_WITHOUT_LINE ? LINE_NONE : line, ret_line);
	}
	return false;
}

/* Six bits a byte, the low ones first; the lowest of all is the sign. */
static bool read_signed(const uint8_t *table, size_t length, size_t at, int64_t *ret_number)
{
	uint64_t bits = 0;
	for (unsigned shift = 0; shift <= 30 && at < length; shift += 6) {
		uint8_t byte = table[at++];
		bits |= (uint64_t)(byte & 63) << shift;
		if (byte & 64)
			continue;
		*ret_number = bits & 1 ? -(int64_t)(bits >> 1) : (int64_t)(bits >> 1);
		return true;
	}
	return false;
}

/* Entries begin with a byte whose highest bit is set, which no other of theirs has. */
static bool find_in_locations(const uint8_t *table, size_t length, int64_t line, int64_t position,
			      int32_t *ret_line)
{
	int64_t end = 0;
	for (size_t i = 0; i < length;) {
		if (!(table[i] & 0x80))
			return false;
		unsigned kind = table[i] >> 3 & 15;
		int64_t step = kind >= ONE_LINE && kind < NO_COLUMNS ? kind - ONE_LINE : 0;
		if ((kind == LONG_LOCATION || kind == NO_COLUMNS) &&
		    !read_signed(table, length, i + 1, &step))
			return false;
		line += step;
		end += ((table[i] & 7) + 1) * CODE_UNIT;
		if (position < end)
			return give(kind == NO_LOCATION ? LINE_NONE : line, ret_line);
		do
			i++;
		while (i < length && !(table[i] & 0x80));
	}
	return false;
}

bool lines_find(enum line_format format, const uint8_t *table, size_t length, int32_t first_line,
		int64_t position, int32_t *ret_line)
{
	static bool (*const find[])(const uint8_t *, size_t, int64_t, int64_t, int32_t *) = {
		[LINES_LNOTAB] = find_in_lnotab,
		[LINES_RANGES] = find_in_ranges,
		[LINES_LOCATIONS] = find_in_locations,
	};
	if (position < 0)
		return give(first_line, ret_line);
	return find[format](table, length, first_line, position, ret_line);
}
