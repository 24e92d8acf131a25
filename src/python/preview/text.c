/* SPDX-License-Identifier: MIT */
/* The text of previews: a bounded number of code points, and how Python writes values. */
#include "python/preview/private.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void preview_put(struct preview *preview, uint32_t point)
{
	if (preview->count < preview->most)
		preview->points[preview->count++] = point;
	else
		preview->cut = true;
}

void preview_ascii(struct preview *preview, const char *text)
{
	for (; *text; text++)
		preview_put(preview, (unsigned char)*text);
}

void preview_print(struct preview *preview, const char *format, ...)
{
	char text[256];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	preview_ascii(preview, text);
}

/* It is valid: base/text.c made it. */
void preview_name(struct preview *preview, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	while (*at) {
		unsigned more = *at < 0x80 ? 0 : *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : 1;
		uint32_t point = more ? *at & (0x3fu >> more) : *at;
		for (at++; more && (*at & 0xc0) == 0x80; more--)
			point = point << 6 | (*at++ & 0x3f);
		preview_put(preview, point);
	}
}

static uint32_t point_at(const uint8_t *data, size_t index, unsigned kind)
{
	uint32_t point = 0;
	memcpy(&point, data + index * kind, kind);
	return point;
}

/* unicode_repr(), Objects/unicodeobject.c; PyBytes_Repr(), Objects/bytesobject.c. What a
 * terminal cannot show is escaped at the end, in the same way. */
void preview_quote(struct preview *preview, const void *data, size_t count, unsigned kind,
		   bool of_bytes)
{
	bool single = false, both = false;
	for (size_t i = 0; i < count; i++) {
		uint32_t point = point_at(data, i, kind);
		single |= point == '\'';
		both |= point == '"';
	}
	uint32_t quote = single && !both ? '"' : '\'';
	preview_put(preview, quote);
	for (size_t i = 0; i < count; i++) {
		uint32_t point = point_at(data, i, kind);
		if (point == quote || point == '\\') {
			preview_put(preview, '\\');
			preview_put(preview, point);
		} else if (point == '\n' || point == '\r' || point == '\t') {
			preview_put(preview, '\\');
			preview_put(preview, point == '\n' ? 'n' : point == '\r' ? 'r' : 't');
		} else if (of_bytes && (point < ' ' || point > 0x7e)) {
			preview_print(preview, "\\x%02x", point);
		} else {
			preview_put(preview, point);
		}
	}
	preview_put(preview, quote);
}

/* float_repr_style "short", Python/pystrtod.c: an exponent below 1e-4 and from 1e16 on. */
void preview_float(struct preview *preview, double value, bool whole_has_point)
{
	char digits[40];
	if (isnan(value) || isinf(value)) {
		preview_ascii(preview, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
		return;
	}
	int precision = 0;
	do
		snprintf(digits, sizeof(digits), "%.*e", precision, value);
	while (strtod(digits, NULL) != value && ++precision < 17);
	char *exponent_text = strchr(digits, 'e');
	int exponent = atoi(exponent_text + 1);
	if (exponent < -4 || exponent >= 16) {
		/* "1e+16", "1.5e-07": as %e has it, with two digits at least. */
		preview_ascii(preview, digits);
		return;
	}
	int decimals = precision > exponent ? precision - exponent : 0;
	preview_print(preview, "%.*f%s", decimals, value, !decimals && whole_has_point ? ".0" : "");
}
