/* SPDX-License-Identifier: MIT */
/* Line tables, each format by hand: whole, cut off, and made to hurt. */
#include "unit.h"

#include "python/lines.h"
#include "python/runtime.h"

enum { FIRST = 100, MISSING = INT32_MIN };

/* The line at a position, MISSING where the table does not say. */
#define LINE_OF(format, position, ...)                                         \
	({                                                                     \
		const uint8_t table_[] = {__VA_ARGS__};                        \
		line_in(format, table_, sizeof(table_), position);             \
	})

/* From memory that ends where the table does, so that tools see what is beyond. */
static int32_t line_in(enum line_format format, const uint8_t *table, size_t length,
		       int64_t position)
{
	uint8_t *copy = malloc(length ? length : 1);
	assert_non_null(copy);
	memcpy(copy, table, length);
	int32_t line = 12345;
	bool found = lines_find(format, copy, length, FIRST, position, &line);
	free(copy);
	if (!found)
		assert_int_equal(line, 12345); /* written only on success */
	return found ? line : MISSING;
}

static void test_versions(void **state)
{
	(void)state;
	assert_int_equal(lines_format(PYTHON_VERSION(3, 8)), LINES_LNOTAB);
	assert_int_equal(lines_format(PYTHON_VERSION(3, 9) | 0x12f0), LINES_LNOTAB);
	assert_int_equal(lines_format(PYTHON_VERSION(3, 10)), LINES_RANGES);
	assert_int_equal(lines_format(PYTHON_VERSION(3, 11) | 0xb1), LINES_LOCATIONS);
	assert_int_equal(lines_format(PYTHON_VERSION(3, 15)), LINES_LOCATIONS);
}

static void test_nothing_executed(void **state)
{
	(void)state;
	const enum line_format formats[] = {LINES_LNOTAB, LINES_RANGES, LINES_LOCATIONS};
	for (size_t i = 0; i < 3; i++) {
		int32_t line;
		assert_true(lines_find(formats[i], NULL, 0, FIRST, -1, &line));
		assert_int_equal(line, FIRST);
	}
}

static void test_lnotab(void **state)
{
	(void)state;
#define TABLE 0, 1, 6, 1, 50, 6, 8, 0xfe, 255, 0, 45, 127, 0, 73
	/* Objects/lnotab_notes.txt: 6 bytes on a line down, 8 bytes on two lines up, 300
	 * bytes and 200 lines on, which takes several pairs. */
	assert_int_equal(LINE_OF(LINES_LNOTAB, 0, TABLE), 101);
	assert_int_equal(LINE_OF(LINES_LNOTAB, 5, TABLE), 101);
	assert_int_equal(LINE_OF(LINES_LNOTAB, 6, TABLE), 102);
	assert_int_equal(LINE_OF(LINES_LNOTAB, 55, TABLE), 102);
	assert_int_equal(LINE_OF(LINES_LNOTAB, 56, TABLE), 108);
	assert_int_equal(LINE_OF(LINES_LNOTAB, 64, TABLE), 106);
	assert_int_equal(LINE_OF(LINES_LNOTAB, 363, TABLE), 106);
	assert_int_equal(LINE_OF(LINES_LNOTAB, 364, TABLE), 306);
	assert_int_equal(LINE_OF(LINES_LNOTAB, 1 << 30, TABLE), 306);
#undef TABLE
	assert_int_equal(line_in(LINES_LNOTAB, (const uint8_t *)"", 0, 10), FIRST);
	/* Half a pair says nothing. */
	assert_int_equal(LINE_OF(LINES_LNOTAB, 10, 2, 3, 4), 103);
}

static void test_ranges(void **state)
{
	(void)state;
#define TABLE 4, 1, 6, 0x80, 2, 2, 0, 3, 8, 0xff
	assert_int_equal(LINE_OF(LINES_RANGES, 0, TABLE), 101);
	assert_int_equal(LINE_OF(LINES_RANGES, 3, TABLE), 101);
	assert_int_equal(LINE_OF(LINES_RANGES, 4, TABLE), LINE_NONE);
	assert_int_equal(LINE_OF(LINES_RANGES, 9, TABLE), LINE_NONE);
	assert_int_equal(LINE_OF(LINES_RANGES, 10, TABLE), 103);
	assert_int_equal(LINE_OF(LINES_RANGES, 12, TABLE), 105);
	assert_int_equal(LINE_OF(LINES_RANGES, 19, TABLE), 105);
	assert_int_equal(LINE_OF(LINES_RANGES, 20, TABLE), MISSING);
#undef TABLE
	assert_int_equal(line_in(LINES_RANGES, (const uint8_t *)"", 0, 0), MISSING);
	assert_int_equal(LINE_OF(LINES_RANGES, 4, 4, 1, 9), MISSING);
}

/* The first byte of an entry. */
#define ENTRY(kind, units) (0x80 | (kind) << 3 | ((units)-1))

static void test_locations(void **state)
{
	(void)state;
	/* Line and columns in two bytes; one line on; the same without columns, eleven
	 * lines up; in full; nowhere; and back where it was. */
#define TABLE ENTRY(0, 1), 0x12, ENTRY(11, 2), 4, 9, ENTRY(13, 8), 23, \
	      ENTRY(14, 1), 64 | 16, 4, 0, 1, 2, ENTRY(15, 3), ENTRY(10, 1), 1, 2
	assert_int_equal(LINE_OF(LINES_LOCATIONS, 0, TABLE), 100);
	assert_int_equal(LINE_OF(LINES_LOCATIONS, 2, TABLE), 101);
	assert_int_equal(LINE_OF(LINES_LOCATIONS, 5, TABLE), 101);
	assert_int_equal(LINE_OF(LINES_LOCATIONS, 6, TABLE), 90);
	assert_int_equal(LINE_OF(LINES_LOCATIONS, 21, TABLE), 90);
	assert_int_equal(LINE_OF(LINES_LOCATIONS, 22, TABLE), 226);
	assert_int_equal(LINE_OF(LINES_LOCATIONS, 24, TABLE), LINE_NONE);
	assert_int_equal(LINE_OF(LINES_LOCATIONS, 29, TABLE), LINE_NONE);
	assert_int_equal(LINE_OF(LINES_LOCATIONS, 30, TABLE), 226);
	assert_int_equal(LINE_OF(LINES_LOCATIONS, 32, TABLE), MISSING);
#undef TABLE
	assert_int_equal(line_in(LINES_LOCATIONS, (const uint8_t *)"", 0, 0), MISSING);
}

static void test_hostile_locations(void **state)
{
	(void)state;
	/* No beginning of an entry. */
	assert_int_equal(LINE_OF(LINES_LOCATIONS, 0, 0x12, 0x13), MISSING);
	/* A number that is cut off, and one that never ends. */
	assert_int_equal(LINE_OF(LINES_LOCATIONS, 0, ENTRY(13, 1)), MISSING);
	assert_int_equal(LINE_OF(LINES_LOCATIONS, 0, ENTRY(14, 1), 64), MISSING);
	assert_int_equal(LINE_OF(LINES_LOCATIONS, 0, ENTRY(13, 1), 64, 64, 64, 64, 64, 64, 64, 64),
			 MISSING);
	/* One so large that the line is none. */
	assert_int_equal(LINE_OF(LINES_LOCATIONS, 0, ENTRY(13, 1), 126, 127, 127, 127, 127, 63),
			 MISSING);
}

/* Whatever the bytes are: no line, or a line, and nothing beyond the table. */
static void test_noise(void **state)
{
	(void)state;
	uint32_t seed = 1;
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t noise[40];
		for (size_t i = 0; i < sizeof(noise); i++) {
			seed = seed * 1664525 + 1013904223;
			noise[i] = (uint8_t)(seed >> 24) | (i % 5 == 0 ? 0x80 : 0);
		}
		size_t length = round % (sizeof(noise) + 1);
		for (int format = LINES_LNOTAB; format <= LINES_LOCATIONS; format++)
			for (int64_t position = 0; position < 400; position += 37)
				line_in((enum line_format)format, noise, length, position);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_nothing_executed),
		cmocka_unit_test(test_lnotab),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_locations),
		cmocka_unit_test(test_hostile_locations),
		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
