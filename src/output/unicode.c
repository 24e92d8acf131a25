/* SPDX-License-Identifier: MIT */
#include "output/unicode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/text.h"

uint32_t unicode_next(const char **text)
{
	const unsigned char *at = (const unsigned char *)*text;
	unsigned more = *at < 0xc0 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
	uint32_t point = more ? *at & (0x3fu >> more) : *at;
	for (unsigned i = 1; i <= more; i++)
		point = point << 6 | (at[i] & 0x3f);
	*text += point ? 1 + more : 0;
	return point;
}

static char *escape_all_but_ascii(const char *text)
{
	/* Two bytes become six at the most, three as well, four become ten. */
	char *escaped = malloc(strlen(text) * 3 + 1), *to = escaped;
	if (!escaped)
		return NULL;
	for (uint32_t point; (point = unicode_next(&text)) != 0;) {
		if (point < 0x80)
			*to++ = (char)point;
		else if (point < 0x100)
			to += sprintf(to, "\\x%02x", point);
		else if (point < 0x10000)
			to += sprintf(to, "\\u%04x", point);
		else
			to += sprintf(to, "\\U%08x", point);
	}
	*to = 0;
	return escaped;
}

char *unicode_display(const char *text, bool ascii)
{
	char *display = text_from_bytes(text, strlen(text));
	if (!ascii || !display)
		return display;
	char *escaped = escape_all_but_ascii(display);
	free(display);
	return escaped;
}

static unsigned columns_of(uint32_t point)
{
	/* wchar_t of glibc is a code point; one it does not know is taken as narrow. */
	int columns = point < 0x80 ? 1 : wcwidth((wchar_t)point);
	return columns < 0 ? 1 : (unsigned)columns;
}

unsigned unicode_columns(const char *text)
{
	unsigned columns = 0;
	for (uint32_t point; (point = unicode_next(&text)) != 0;)
		columns += columns_of(point);
	return columns;
}

size_t unicode_fit(const char *text, unsigned columns)
{
	const char *at = text, *end = text;
	for (uint32_t point; (point = unicode_next(&at)) != 0; end = at) {
		unsigned wide = columns_of(point);
		if (wide > columns)
			break;
		columns -= wide;
	}
	return (size_t)(end - text);
}
