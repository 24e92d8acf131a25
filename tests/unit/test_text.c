/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/text.h"

static void expect(const char *bytes, size_t length, const char *text)
{
	char *got = text_from_bytes(bytes, length);
	assert_non_null(got);
	assert_string_equal(got, text);
	free(got);
}

#define EXPECT(bytes, text) expect(bytes, sizeof(bytes) - 1, text)

static void plain_text_stays(void **state)
{
	(void)state;
	EXPECT("", "");
	EXPECT("hello ~world\\", "hello ~world\\");
	EXPECT("gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x90\x8d", "grüße € 🐍");
	EXPECT("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");
}

static void controls_are_escaped(void **state)
{
	(void)state;
	EXPECT("\0", "\\x00");
	EXPECT("a\033]0;pwn\a\n", "a\\x1b]0;pwn\\x07\\x0a");
	EXPECT("\x7f", "\\x7f");
	EXPECT("\xc2\x80\xc2\x9b\xc2\x9f", "\\x80\\x9b\\x9f");
	EXPECT("\xc2\xa0", "\xc2\xa0");
	EXPECT("a\xe2\x80\xae" "b", "a\\u202eb");
	EXPECT("\xe2\x81\xa6\xe2\x80\x8b\xef\xbb\xbf", "\\u2066\\u200b\\ufeff");
	EXPECT("\xf3\xa0\x81\x81", "\\U000e0041");
}

static void what_is_not_utf8_is_escaped(void **state)
{
	(void)state;
	EXPECT("\xff\xfe", "\\xff\\xfe");
	EXPECT("a\x80z", "a\\x80z");
	EXPECT("\xc3", "\\xc3");
	EXPECT("\xe2\x82", "\\xe2\\x82");
	EXPECT("\xf0\x9f\x90", "\\xf0\\x9f\\x90");
	EXPECT("\xc0\xaf", "\\xc0\\xaf");                         /* overlong */
	EXPECT("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
	EXPECT("\xed\xa0\x80", "\\xed\\xa0\\x80");                /* a surrogate */
	EXPECT("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");       /* U+110000 */
	EXPECT("\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80");
}

static void marks_do_not_pile_up(void **state)
{
	(void)state;
	char tower[1 + 2 * 100];
	tower[0] = 'x';
	for (int i = 0; i < 100; i++)
		memcpy(tower + 1 + 2 * i, "\xcc\x81", 2);
	char *got = text_from_bytes(tower, sizeof(tower));
	size_t marks = 0;
	for (char *at = got; (at = strstr(at, "\xcc\x81")); at += 2)
		marks++;
	assert_in_range(marks, 1, 99);
	assert_non_null(strstr(got, "\\u0301"));
	free(got);
}

static void code_points(void **state)
{
	(void)state;
	static const uint32_t points[] = {'a', 0xe9, 0x20ac, 0x1f40d, 0xd800, 0xdfff, 0x110000,
					  0xffffffff, 0x9b, 0x1b, 0};
	char *got = text_from_code_points(points, sizeof(points) / sizeof(*points));
	assert_string_equal(got, "aé€🐍\\ud800\\udfff\\U00110000\\Uffffffff\\x9b\\x1b\\x00");
	free(got);
	got = text_from_code_points(NULL, 0);
	assert_string_equal(got, "");
	free(got);
	assert_null(text_from_code_points(points, SIZE_MAX));
}

static bool is_clean_utf8(const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at;) {
		size_t extra = *at < 0x80 ? 0 : *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : 1;
		if (*at < 0x20 || *at == 0x7f || (*at >= 0x80 && *at < 0xc2) || *at > 0xf4)
			return false;
		if (*at == 0xc2 && at[1] < 0xa0)
			return false;
		for (size_t i = 1; i <= extra; i++)
			if ((at[i] & 0xc0) != 0x80)
				return false;
		at += extra + 1;
	}
	return true;
}

/* Whatever comes in, what goes out can be printed; and what is clean is a fixed point. */
static void any_bytes_become_clean(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 20000; round++) {
		char bytes[64];
		size_t length = rand() % sizeof(bytes);
		for (size_t i = 0; i < length; i++)
			bytes[i] = round % 2 ? rand() : "\x80\xbf\xc2\xe2\x82\xac\xf0\x9f\x90\x8d\xcc\x81 a"[rand() % 14];
		char *once = text_from_bytes(bytes, length);
		assert_true(is_clean_utf8(once));
		char *twice = text_from_bytes(once, strlen(once));
		assert_string_equal(once, twice);
		free(once);
		free(twice);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_stays),
		cmocka_unit_test(controls_are_escaped),
		cmocka_unit_test(what_is_not_utf8_is_escaped),
		cmocka_unit_test(marks_do_not_pile_up),
		cmocka_unit_test(code_points),
		cmocka_unit_test(any_bytes_become_clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
