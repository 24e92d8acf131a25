/* SPDX-License-Identifier: MIT */
/* Previews of what has a value: text, bytes, numbers. */
#include "python/preview/private.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "python/unicode.h"

/* So much of a text is taken; one that is nested takes no more than its share. */
static size_t room(const struct preview *preview, const struct subject *subject)
{
	size_t left = preview->most - preview->count;
	return subject->depth && left > PREVIEW_NESTED_TEXT ? PREVIEW_NESTED_TEXT : left;
}

static void shape(struct preview *preview, const char *name, uint64_t length)
{
	preview_print(preview, "%s(%llu)", name, (unsigned long long)length);
}

void preview_str(struct preview *preview, const struct subject *subject)
{
	struct python *python = preview->python;
	uint64_t length = 0;
	size_t most = room(preview, subject);
	CLEANUP(freep) uint32_t *points = malloc((most + 1) * sizeof(*points));
	if (!points)
		return;
	size_t count = 0;
	unicode_points(python->peek, &python->layout, subject->address, points, most, &count,
		       &length);
	if (peek_take_fault(python->peek) != FAULT_NONE) {
		preview_ascii(preview, "<str>");
	} else if (preview->without_text) {
		shape(preview, "str", length);
	} else {
		preview_quote(preview, points, count, sizeof(*points), false);
		if (count < length)
			preview_ascii(preview, "...");
	}
}

static void put_bytes(struct preview *preview, const struct subject *subject, uint64_t address,
		      uint64_t length)
{
	size_t most = room(preview, subject), count = length < most ? length : most;
	CLEANUP(freep) uint8_t *data = malloc(count + 1);
	if (!data)
		return;
	peek_bytes(preview->python->peek, address, data, count);
	if (peek_take_fault(preview->python->peek) != FAULT_NONE) {
		preview_ascii(preview, "...");
		return;
	}
	preview_put(preview, 'b');
	preview_quote(preview, data, count, 1, true);
	if (count < length)
		preview_ascii(preview, "...");
}

/* PyBytesObject, Include/cpython/bytesobject.h. */
void preview_bytes(struct preview *preview, const struct subject *subject)
{
	uint64_t length = PREVIEW_FIELD(preview, subject->address, VarObject, ob_size);
	uint64_t data =
	    subject->address + (uint64_t)OFFSET(&preview->python->layout, BytesObject, ob_sval);
	if (preview->without_text)
		shape(preview, "bytes", length);
	else
		put_bytes(preview, subject, data, length);
}

/* PyByteArrayObject: ob_start lies behind ob_bytes, Include/cpython/bytearrayobject.h. */
void preview_bytearray(struct preview *preview, const struct subject *subject)
{
	uint64_t length = PREVIEW_FIELD(preview, subject->address, VarObject, ob_size);
	uint64_t data = PREVIEW_FIELD(preview, subject->address + 8, ByteArrayObject, ob_bytes);
	if (preview->without_text) {
		shape(preview, "bytearray", length);
		return;
	}
	preview_ascii(preview, "bytearray(");
	put_bytes(preview, subject, data, length);
	preview_put(preview, ')');
}

/* ---- numbers ------------------------------------------------------------------------- */

enum { DIGIT_BITS = 30, MOST_DIGITS = 30, MOST_DECIMALS = 300 };

/* The digits of an int and its sign. False: there are more than `most`. Include/cpython/
 * longintrepr.h: lv_tag from 3.12 on, before that the sign of ob_size. */
static bool read_digits(struct preview *preview, uint64_t address, uint32_t *digits, size_t most,
			size_t *ret_count, bool *ret_negative)
{
	const struct layout *layout = &preview->python->layout;
	if (HAS(layout, LongObject, lv_tag)) {
		uint64_t tag = PREVIEW_FIELD(preview, address, LongObject, lv_tag);
		*ret_count = tag >> 3;
		*ret_negative = (tag & 3) == 2;
		if ((tag & 3) == 1)
			*ret_count = 0;
	} else {
		int64_t size = (int64_t)PREVIEW_FIELD(preview, address, VarObject, ob_size);
		*ret_negative = size < 0;
		*ret_count = size < 0 ? -(uint64_t)size : (uint64_t)size;
	}
	if (*ret_count > most)
		return false;
	peek_bytes(preview->python->peek, address + (uint64_t)OFFSET(layout, LongObject, ob_digit),
		   digits, *ret_count * sizeof(*digits));
	return true;
}

void preview_int(struct preview *preview, const struct subject *subject)
{
	uint32_t digits[MOST_DIGITS];
	size_t count;
	bool negative;
	if (!read_digits(preview, subject->address, digits, MOST_DIGITS, &count, &negative)) {
		preview_print(preview, "<%sint of %llu bits>", negative ? "negative " : "",
			      (unsigned long long)count * DIGIT_BITS);
		return;
	}
	/* Decimals, the last first: division by ten, again and again. */
	char text[MOST_DECIMALS], *at = text + sizeof(text);
	*--at = 0;
	while (count && !digits[count - 1])
		count--;
	do {
		uint64_t rest = 0;
		for (size_t i = count; i-- > 0;) {
			uint64_t value = rest << DIGIT_BITS | (digits[i] & 0x3fffffff);
			digits[i] = (uint32_t)(value / 10);
			rest = value % 10;
		}
		*--at = (char)('0' + rest);
		while (count && !digits[count - 1])
			count--;
	} while (count && at > text + 1);
	if (negative)
		preview_put(preview, '-');
	preview_ascii(preview, at);
}

void preview_bool(struct preview *preview, const struct subject *subject)
{
	uint32_t digits[1] = {0};
	size_t count;
	bool negative;
	bool set = read_digits(preview, subject->address, digits, 1, &count, &negative) && count &&
		   digits[0];
	preview_ascii(preview, set ? "True" : "False");
}

static double double_at(struct preview *preview, uint64_t address)
{
	uint64_t word = preview_word(preview, address);
	double value;
	memcpy(&value, &word, sizeof(value));
	return value;
}

void preview_float_object(struct preview *preview, const struct subject *subject)
{
	int32_t offset = OFFSET(&preview->python->layout, FloatObject, ob_fval);
	preview_float(preview, double_at(preview, subject->address + (uint64_t)offset), true);
}

/* PyComplexObject: the head and two doubles. complex_repr(), Objects/complexobject.c. */
void preview_complex(struct preview *preview, const struct subject *subject)
{
	uint64_t at = subject->address + (uint64_t)SIZEOF(&preview->python->layout, Object);
	uint64_t real_bits = preview_word(preview, at),
		 imaginary_bits = preview_word(preview, at + 8);
	double real = double_at(preview, at), imaginary = double_at(preview, at + 8);
	bool alone = real_bits == 0;
	if (!alone) {
		preview_put(preview, '(');
		preview_float(preview, real, false);
		if (!(imaginary_bits >> 63) || imaginary != imaginary)
			preview_put(preview, '+');
	}
	preview_float(preview, imaginary, false);
	preview_ascii(preview, alone ? "j" : "j)");
}
