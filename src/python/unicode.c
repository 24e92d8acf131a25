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

bool unicode_points(struct peek *peek, const struct layout *layout, uint64_t object,
		    uint32_t *points, size_t most, size_t *ret_count, uint64_t *ret_length)
{
	struct text text;
	if (!describe(peek, layout, object, &text))
		return false;
	size_t count = text.length > most ? most : (size_t)text.length;
	uint8_t raw[1024];
	size_t a_piece = sizeof(raw) / text.kind;
	for (size_t i = 0; i < count; i++) {
		if (i % a_piece == 0) {
			size_t left = count - i;
			peek_bytes(peek, text.data + i * text.kind, raw,
				   (left < a_piece ? left : a_piece) * text.kind);
		}
		points[i] = 0;
		memcpy(&points[i], raw + i % a_piece * text.kind, text.kind);
	}
	*ret_count = count;
	*ret_length = text.length;
	return true;
}

char *unicode_read(struct peek *peek, const struct layout *layout, uint64_t object)
{
	uint32_t *points = malloc((UNICODE_MAX + 1) * sizeof(*points));
	size_t count;
	uint64_t length;
	char *result = NULL;
	if (points && unicode_points(peek, layout, object, points, UNICODE_MAX, &count, &length))
		result = text_from_code_points(points, count);
	free(points);
	return result;
}
