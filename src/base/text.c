/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LONGEST_ESCAPE = 10, /* \UNNNNNNNN */
	MOST_MARKS = 8,      /* on one letter: more than any script stacks */
};

/* Code points that a terminal or a reader would not show as themselves: controls,
 * what has no width, what changes the direction of the text around it, what ends
 * a line outside of ASCII, and tags. Unicode 15, categories Cc, Cf, Zl and Zp. */
static const struct {
	uint32_t first, last;
} unseen[] = {
	{0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},
	{0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
	{0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

/* Marks that are drawn over the letter before them. */
static const struct {
	uint32_t first, last;
} marks[] = {
	{0x300, 0x36f}, {0x483, 0x489}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
	{0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
};

#define IN(table, point)                                                       \
	({                                                                     \
		bool in_ = false;                                              \
		for (size_t i_ = 0; i_ < sizeof(table) / sizeof(*table); i_++) \
			in_ |= (point) >= table[i_].first && (point) <= table[i_].last; \
		in_;                                                           \
	})

static bool is_scalar(uint32_t point)
{
	return point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

/* ---- writing ----------------------------------------------------------- */

struct writer {
	char *at;
	unsigned marks; /* in a row */
};

static void put_escape(struct writer *writer, uint32_t point)
{
	int length;
	if (point <= 0xff)
		length = sprintf(writer->at, "\\x%02x", point);
	else if (point <= 0xffff)
		length = sprintf(writer->at, "\\u%04x", point);
	else
		length = sprintf(writer->at, "\\U%08x", point);
	writer->at += length;
	writer->marks = 0;
}

static void put_utf8(struct writer *writer, uint32_t point)
{
	char *at = writer->at;
	if (point < 0x80) {
		*at++ = point;
	} else if (point < 0x800) {
		*at++ = 0xc0 | point >> 6;
		*at++ = 0x80 | (point & 0x3f);
	} else if (point < 0x10000) {
		*at++ = 0xe0 | point >> 12;
		*at++ = 0x80 | (point >> 6 & 0x3f);
		*at++ = 0x80 | (point & 0x3f);
	} else {
		*at++ = 0xf0 | point >> 18;
		*at++ = 0x80 | (point >> 12 & 0x3f);
		*at++ = 0x80 | (point >> 6 & 0x3f);
		*at++ = 0x80 | (point & 0x3f);
	}
	writer->at = at;
}

static void put(struct writer *writer, uint32_t point)
{
	if (point >= 0x20 && point < 0x7f) {
		*writer->at++ = point;
		writer->marks = 0;
		return;
	}
	writer->marks = IN(marks, point) ? writer->marks + 1 : 0;
	if (!is_scalar(point) || IN(unseen, point) || writer->marks > MOST_MARKS)
		put_escape(writer, point);
	else
		put_utf8(writer, point);
}

/* Give back what was not needed. */
static char *finish(char *text, struct writer *writer)
{
	*writer->at++ = '\0';
	return realloc(text, writer->at - text) ?: text;
}

/* ---- reading ----------------------------------------------------------- */

/* The code point at the start of the bytes and how many bytes it takes; 0 where
 * they are not UTF-8: cut off, overlong, a surrogate, too high. RFC 3629. */
static size_t take_point(const uint8_t *bytes, size_t length, uint32_t *ret_point)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least;
	} forms[] = {
		{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000},
	};
	for (size_t extra = 0; extra < sizeof(forms) / sizeof(*forms); extra++) {
		if ((bytes[0] & forms[extra].mask) != forms[extra].lead)
			continue;
		if (extra >= length)
			return 0;
		uint32_t point = bytes[0] & ~forms[extra].mask;
		for (size_t i = 1; i <= extra; i++) {
			if ((bytes[i] & 0xc0) != 0x80)
				return 0;
			point = point << 6 | (bytes[i] & 0x3f);
		}
		if (point < forms[extra].least || !is_scalar(point))
			return 0;
		*ret_point = point;
		return extra + 1;
	}
	return 0;
}

/* Room for `count` characters, each at its longest. */
static char *new_text(size_t count, size_t longest)
{
	if (count > (SIZE_MAX - LONGEST_ESCAPE - 1) / longest)
		return NULL;
	return malloc(count * longest + LONGEST_ESCAPE + 1);
}

char *text_from_bytes(const char *bytes, size_t length)
{
	/* A byte becomes at most \xNN; three of a \uNNNN or four of a \UNNNNNNNN less each. */
	char *text = new_text(length, 4);
	if (!text)
		return NULL;
	struct writer writer = {.at = text};
	for (size_t at = 0; at < length;) {
		uint32_t point;
		size_t taken = take_point((const uint8_t *)bytes + at, length - at, &point);
		if (taken)
			put(&writer, point);
		else
			put_escape(&writer, (uint8_t)bytes[at]);
		at += taken ?: 1;
	}
	return finish(text, &writer);
}

char *text_from_code_points(const uint32_t *points, size_t count)
{
	char *text = new_text(count, LONGEST_ESCAPE);
	if (!text)
		return NULL;
	struct writer writer = {.at = text};
	for (size_t i = 0; i < count; i++)
		put(&writer, points[i]);
	return finish(text, &writer);
}

char *text_format(const char *format, va_list arguments)
{
	char *text = NULL;
	return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}
