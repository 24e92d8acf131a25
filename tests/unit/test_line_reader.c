/* SPDX-License-Identifier: MIT */
/* Lines of any file: whole ones, the rest, ones that are too long, however they arrive. */
#include "base/line_reader.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int file_of(const char *bytes, size_t length)
{
	FILE *file = tmpfile();
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	rewind(file);
	int fd = dup(fileno(file));
	fclose(file);
	return fd;
}

static void expect_line(struct line_reader *reader, enum line_kind kind, const char *text)
{
	const char *line = NULL;
	size_t length = 0;
	assert_int_equal(line_reader_next(reader, &line, &length), kind);
	if (!text)
		return;
	assert_int_equal(length, strlen(text));
	assert_memory_equal(line, text, length);
}

static void test_lines(void **state)
{
	(void)state;
	struct line_reader reader = {.fd = file_of("one\n\ntwo\nrest", 13), .longest = 100};
	expect_line(&reader, LINE_WHOLE, "one");
	expect_line(&reader, LINE_WHOLE, "");
	expect_line(&reader, LINE_WHOLE, "two");
	expect_line(&reader, LINE_REST, "rest");
	expect_line(&reader, LINE_NONE, NULL);
	expect_line(&reader, LINE_NONE, NULL);
	close(reader.fd);
	line_reader_fini(&reader);
}

static void test_empty(void **state)
{
	(void)state;
	struct line_reader reader = {.fd = file_of("", 0), .longest = 100};
	expect_line(&reader, LINE_NONE, NULL);
	close(reader.fd);
	line_reader_fini(&reader);
}

static void test_longest(void **state)
{
	(void)state;
	struct line_reader reader = {.fd = file_of("1234\n12345\n", 11), .longest = 4};
	expect_line(&reader, LINE_WHOLE, "1234");
	expect_line(&reader, LINE_TOO_LONG, NULL);
	close(reader.fd);
	line_reader_fini(&reader);
}

/* Longer than the buffer is at first, and across its end. */
static void test_large(void **state)
{
	(void)state;
	enum { LONG = 200000, LINES = 5000 };
	char *text = malloc(LONG + 1 + LINES * 40), *at = text;
	assert_non_null(text);
	memset(at, 'x', LONG);
	at += LONG;
	*at++ = '\n';
	for (int i = 0; i < LINES; i++)
		at += sprintf(at, "line %d of many\n", i);
	struct line_reader reader = {.fd = file_of(text, (size_t)(at - text)), .longest = LONG};
	const char *line;
	size_t length;
	assert_int_equal(line_reader_next(&reader, &line, &length), LINE_WHOLE);
	assert_int_equal(length, LONG);
	for (int i = 0; i < LINES; i++) {
		char expected[40];
		sprintf(expected, "line %d of many", i);
		expect_line(&reader, LINE_WHOLE, expected);
	}
	expect_line(&reader, LINE_NONE, NULL);
	close(reader.fd);
	line_reader_fini(&reader);
	free(text);
}

/* What a pipe has by now is no line before its newline is there. */
static void test_pieces(void **state)
{
	(void)state;
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		for (const char *at = "first\nsecond\nth"; *at; at++)
			if (write(pipes[1], at, 1) != 1)
				_exit(1);
		_exit(0);
	}
	close(pipes[1]);
	struct line_reader reader = {.fd = pipes[0], .longest = 100};
	expect_line(&reader, LINE_WHOLE, "first");
	expect_line(&reader, LINE_WHOLE, "second");
	expect_line(&reader, LINE_REST, "th");
	expect_line(&reader, LINE_NONE, NULL);
	close(reader.fd);
	line_reader_fini(&reader);
}

static void test_error(void **state)
{
	(void)state;
	struct line_reader reader = {.fd = -1, .longest = 100};
	expect_line(&reader, LINE_ERROR, NULL);
	line_reader_fini(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),  cmocka_unit_test(test_empty),
		cmocka_unit_test(test_longest), cmocka_unit_test(test_large),
		cmocka_unit_test(test_pieces), cmocka_unit_test(test_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
