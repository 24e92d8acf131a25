/* SPDX-License-Identifier: MIT */
/* Names and strings of a target, on their way to a terminal. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "exercise.h"
#include "harness.h"
#include "output/unicode.h"
#include "python/layout.h"
#include "python/unicode.h"
#include "target/fake.h"
#include "target/peek.h"

enum { PAGE = 4096, ADDRESS = 0x10000 };

/* Takes the text. */
static void look(char *text)
{
	REQUIRE(text != NULL);
	require_printable(text, strlen(text));
	REQUIRE(!strchr(text, '\n'));
	char *shown = unicode_display(text, false), *ascii = unicode_display(text, true);
	REQUIRE(shown && ascii);
	require_printable(shown, strlen(shown));
	for (const char *at = ascii; *at; at++)
		REQUIRE((unsigned char)*at >= ' ' && (unsigned char)*at < 0x7f);
	unsigned columns = unicode_columns(shown);
	for (unsigned i = 0; i < 5; i++)
		REQUIRE(unicode_fit(shown, i * columns / 3) <= strlen(shown));
	free(shown);
	free(ascii);
	free(text);
}

/* The bytes as a str object at the end of its memory. */
static void read_object(const uint8_t *input, size_t length, uint32_t hexversion)
{
	static uint8_t memory[PAGE];
	static struct target *target;
	static struct peek *peek;
	const struct layout_row *rows[4];
	struct layout layout;
	struct fake_piece piece = {.address = ADDRESS, .length = PAGE, .bytes = memory};
	target = target ?: fake_target_new(&piece, 1);
	peek = peek ?: peek_new(target);
	REQUIRE(target && peek);
	peek_forget(peek);
	if (length > PAGE)
		length = PAGE;
	memset(memory, 0, sizeof(memory));
	memcpy(memory + PAGE - length, input, length);
	REQUIRE(layout_table_candidates(hexversion, rows, 4) > 0);
	layout_from_row(rows[0], &layout);
	uint64_t object = ADDRESS + PAGE - length;
	char *text = unicode_read(peek, &layout, object);
	if (text)
		look(text);
	peek_take_fault(peek);
	unicode_equals(peek, &layout, object, "__main__");
	peek_take_fault(peek);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	static const uint32_t versions[] = {0x030800f0, 0x030b00f0, 0x030d00f0, 0x030f00f0};
	if (length < 1)
		return 0;
	unsigned choice = *input++;
	length--;
	look(text_from_bytes((const char *)input, length));
	uint32_t *points = malloc(length + 4);
	REQUIRE(points != NULL);
	memcpy(points, input, length);
	look(text_from_code_points(points, length / 4));
	free(points);
	if (choice & 1)
		read_object(input, length, versions[choice / 2 % 4]);
	return 0;
}
