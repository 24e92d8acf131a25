/* SPDX-License-Identifier: MIT */
/* Text that is made unreadable, and what looks like it and is not. */
#include "unit.h"

#include "heap/snapshot/scrub.h"

#define HEAP UINT64_C(0x7f4141414100)

static bool is_address(void *context, uint64_t word)
{
	(void)context;
	return word >= HEAP && word < HEAP + 0x100;
}

/* A buffer of whole words. */
static void assert_scrubbed(const void *before, const void *after, size_t length)
{
	_Alignas(8) uint8_t bytes[256] = {0};
	assert_true(length <= sizeof(bytes));
	memcpy(bytes, before, length);
	scrub_text(bytes, length, is_address, NULL);
	assert_memory_equal(bytes, after, length);
}

static void text_goes(void **state)
{
	(void)state;
	assert_scrubbed("eight ch", "xxxxxxxx", 8);
	assert_scrubbed("\0\0a longer text\n.", "\0\0xxxxxxxxxxxxxxx", 17);
	assert_scrubbed("\x01"
			"binary\xff"
			"text text\xff",
			"\x01"
			"binary\xff"
			"xxxxxxxxx\xff",
			18);
}

static void wide_text_goes(void **state)
{
	(void)state;
	static const uint16_t two[] = {'p', 'a', 's', 's', 'w', 'o', 'r', 'd', 0x4e2d, 0, 0, 0};
	static const uint16_t two_after[] = {'x', 'x', 'x',    'x', 'x', 'x',
					     'x', 'x', 0x4e2d, 0,   0,	 0};
	assert_scrubbed(two, two_after, sizeof(two));
	static const uint32_t four[] = {'p', 'a', 's', 's', 'w', 'o', 'r', 'd', 0x1f600, 0};
	static const uint32_t four_after[] = {'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 0x1f600, 0};
	assert_scrubbed(four, four_after, sizeof(four));
}

static void what_is_short_stays(void **state)
{
	(void)state;
	assert_scrubbed("seven c\0", "seven c\0", 8);
	assert_scrubbed("", "", 0);
	static const uint64_t words[] = {0x41, 0x4141, HEAP, 0x20, 100};
	assert_scrubbed(words, words, sizeof(words));
}

/* A number or an address behind a text that fills its space to the last byte. */
static void numbers_behind_text_stay(void **state)
{
	(void)state;
	union {
		char text[32];
		uint64_t words[4];
	} before = {"text that fills."}, after = {"xxxxxxxxxxxxxxxx"};
	static const uint64_t numbers[] = {0x21, 0x41, 0x4171, 0x41414141, HEAP + 0x41};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		before.words[2] = after.words[2] = numbers[i];
		assert_scrubbed(&before, &after, sizeof(before));
	}
	/* No address: it is text. */
	before.words[2] = UINT64_C(0x414141414141);
	memcpy(&after.words[2], "xxxxxx\0", 8);
	assert_scrubbed(&before, &after, sizeof(before));
}

static void characters_of_any_width(void **state)
{
	(void)state;
	uint8_t bytes[12];
	for (unsigned width = 1; width <= 4; width *= 2) {
		memset(bytes, 0xff, sizeof(bytes));
		scrub_characters(bytes, 2, width);
		for (size_t i = 0; i < sizeof(bytes); i++)
			assert_int_equal(bytes[i], i >= 2 * width ? 0xff : i % width ? 0 : 'x');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_goes),
		cmocka_unit_test(wide_text_goes),
		cmocka_unit_test(what_is_short_stays),
		cmocka_unit_test(numbers_behind_text_stay),
		cmocka_unit_test(characters_of_any_width),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
