/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "python/layout_private.h"

static const char cookie[8] = "xdebugpy";

/* No structure of CPython is larger, so no offset is. */
#define MAX_VALUE (INT64_C(1) << 28)

/* The version of which the order is known last, and the first that has it. */
enum { FIRST_MINOR = 13, LAST_MINOR = 15 };

static const struct {
	int since;
	const char *name;
} entries[] = {
#define ENTRY(since, name) {since, name},
#include "python/layout_debug_offsets.def"
};

enum { ENTRIES = sizeof(entries) / sizeof(entries[0]) };

static int minor_of(uint64_t hexversion)
{
	return hexversion >> 24 == 3 ? hexversion >> 16 & 0xff : 0;
}

static bool is_known(int minor)
{
	return minor >= FIRST_MINOR && minor <= LAST_MINOR;
}

static size_t size_of(int minor)
{
	size_t size = sizeof(cookie);
	for (size_t i = 0; i < ENTRIES; i++)
		size += entries[i].since <= minor ? sizeof(uint64_t) : 0;
	return size;
}

size_t layout_debug_offsets_size(uint32_t hexversion)
{
	int minor = minor_of(hexversion);
	return is_known(minor) ? size_of(minor) : 0;
}

/* The value of an entry (a name of `length` bytes); false if this minor version
 * has it not. */
static bool value_of(const uint8_t *bytes, int minor, const char *name, size_t length,
		     uint64_t *ret_value)
{
	size_t at = sizeof(cookie);
	for (size_t i = 0; i < ENTRIES; i++) {
		if (entries[i].since > minor)
			continue;
		if (strncmp(entries[i].name, name, length) == 0 && !entries[i].name[length]) {
			memcpy(ret_value, bytes + at, sizeof(*ret_value));
			return true;
		}
		at += sizeof(uint64_t);
	}
	return false;
}

/* "group.field", or two with a minus between them: a field of a structure that
 * lies in another is given by its place in that one. */
static bool number_of(const uint8_t *bytes, int minor, const char *name, int64_t *ret_number)
{
	size_t length = strcspn(name, "-");
	uint64_t value, base = 0;
	if (length == 0 || !value_of(bytes, minor, name, length, &value))
		return false;
	if (name[length] &&
	    !value_of(bytes, minor, name + length + 1, strlen(name + length + 1), &base))
		return false;
	*ret_number = (int64_t)(value - base);
	return true;
}

/* What the struct gives: LAYOUT_NONE for what it does not. */
static bool parse(const void *bytes, size_t length, int32_t ret_numbers[static LAYOUT_FIELDS])
{
	uint64_t version;
	if (length < sizeof(cookie) + sizeof(version) || memcmp(bytes, cookie, sizeof(cookie)) != 0)
		return false;
	memcpy(&version, (const uint8_t *)bytes + sizeof(cookie), sizeof(version));
	int minor = minor_of(version);
	if (!is_known(minor) || length < size_of(minor))
		return false;
	for (size_t f = 0; f < LAYOUT_FIELDS; f++) {
		int64_t number;
		ret_numbers[f] = LAYOUT_NONE;
		if (!number_of(bytes, minor, layout_fields[f].debug_name, &number))
			continue;
		if (number < 0 || number > MAX_VALUE)
			return false;
		ret_numbers[f] = (int32_t)number;
	}
	return true;
}

/* A field that a later patch release added at the end of a structure: the row
 * has it, this build has not (gc_stats.update_seq of 3.15.2). */
static void drop_what_lies_outside(struct layout *layout, const int32_t *numbers)
{
	int32_t size[LAYOUT_STRUCTURES];
	for (size_t s = 0; s < LAYOUT_STRUCTURES; s++)
		size[s] = INT32_MAX;
	for (size_t f = 0; f < LAYOUT_FIELDS; f++) {
		if (!layout_fields[f].dwarf_paths && numbers[f] != LAYOUT_NONE)
			size[layout_fields[f].structure] = numbers[f];
	}
	for (size_t f = 0; f < LAYOUT_FIELDS; f++) {
		int32_t at = layout_fields[f].in_bits ? layout->at[f] / 8 : layout->at[f];
		if (layout_fields[f].dwarf_paths && numbers[f] == LAYOUT_NONE &&
		    at >= size[layout_fields[f].structure])
			layout->at[f] = LAYOUT_NONE;
	}
}

bool layout_apply_debug_offsets(struct layout *layout, const void *bytes, size_t length)
{
	int32_t numbers[LAYOUT_FIELDS];
	if (!parse(bytes, length, numbers))
		return false;
	drop_what_lies_outside(layout, numbers);
	for (size_t f = 0; f < LAYOUT_FIELDS; f++) {
		if (numbers[f] != LAYOUT_NONE) {
			layout->at[f] = numbers[f];
			layout->source[f] = HEAPSPY_LAYOUT_DEBUG_OFFSETS;
		}
	}
	return true;
}

static size_t disagreements(const struct layout_row *row, const int32_t *numbers)
{
	size_t count = 0;
	for (size_t f = 0; f < LAYOUT_FIELDS; f++)
		count += numbers[f] != LAYOUT_NONE && numbers[f] != row->at[f];
	return count;
}

void layout_sort_by_debug_offsets(const struct layout_row **rows, size_t count, const void *bytes,
				  size_t length)
{
	int32_t numbers[LAYOUT_FIELDS];
	if (!parse(bytes, length, numbers))
		return;
	for (size_t i = 1; i < count; i++) {
		const struct layout_row *row = rows[i];
		size_t its = disagreements(row, numbers), at = i;
		for (; at > 0 && disagreements(rows[at - 1], numbers) > its; at--)
			rows[at] = rows[at - 1];
		rows[at] = row;
	}
}
