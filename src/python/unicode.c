/* SPDX-License-Identifier: MIT */
#include "python/unicode.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct text {
	uint64_t data;
	uint64_t length; /* code points */
	unsigned kind;   /* bytes a code point: 1, 2, 4 */
	bool ascii;
};

static unsigned bits(struct peek *peek, uint64_t object, int32_t first_bit, unsigned width)
{
	/* A field never crosses a byte: Include/cpython/unicodeobject.h. */
	uint8_t byte = peek_u8(peek, object + (unsigned)first_bit / 8);
	return byte >> ((unsigned)first_bit % 8) & ((1u << width) - 1);
}

static bool describe(struct peek *peek, const struct layout *layout, uint64_t object, struct text *text)
{
	text->kind = bits(peek, object, OFFSET(layout, ASCIIObject, state_kind), 3);
	bool compact = bits(peek, object, OFFSET(layout, ASCIIObject, state_compact), 1);
	text->ascii = bits(peek, object, OFFSET(layout, ASCIIObject, state_ascii), 1);
	text->length = peek_u64(peek, object + OFFSET(layout, ASCIIObject, length));
	if (compact && text->ascii)
		text->data = object + SIZEOF(layout, ASCIIObject);
	else if (compact)
		text->data = object + SIZEOF(layout, CompactUnicodeObject);
	else
		text->data = peek_u64(peek, object + OFFSET(layout, UnicodeObject, data));
	if ((text->kind != 1 && text->kind != 2 && text->kind != 4) || (text->ascii && text->kind != 1)) {
		peek_raise(peek, FAULT_STRANGE);
		return false;
	}
	return true;
}

bool unicode_equals(struct peek *peek, const struct layout *layout, uint64_t object, const char *ascii)
{
	struct text text;
	size_t length = strlen(ascii);
	return describe(peek, layout, object, &text) && text.ascii && text.length == length &&
	       memcmp(peek_at(peek, text.data, length), ascii, length) == 0;
}

char *unicode_read(struct peek *peek, const struct layout *layout, uint64_t object)
{
	struct text text;
	if (!describe(peek, layout, object, &text))
		return NULL;
	uint32_t count = text.length > UNICODE_MAX ? UNICODE_MAX : (uint32_t)text.length;
	unsigned char *raw = malloc((size_t)count * text.kind + 1);
	uint32_t *points = malloc(((size_t)count + 1) * sizeof(*points));
	char *result = NULL;
	if (raw && points) {
		peek_bytes(peek, text.data, raw, (size_t)count * text.kind);
		for (uint32_t i = 0; i < count; i++) {
			const unsigned char *p = raw + (size_t)i * text.kind;
			points[i] = p[0];
			if (text.kind >= 2)
				points[i] |= (uint32_t)p[1] << 8;
			if (text.kind == 4)
				points[i] |= (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
		}
		result = text_from_code_points(points, count);
	}
	free(raw);
	free(points);
	return result;
}
