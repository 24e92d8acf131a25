/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <sys/sysmacros.h>

#include "target/maps_parse.h"

static struct maps parse_bytes(const char *text, size_t length)
{
	char *copy = malloc(length + 1);
	memcpy(copy, text, length);
	copy[length] = '\0';
	struct maps maps;
	assert_int_equal(maps_parse(copy, length, &maps), 0);
	return maps;
}

static struct maps parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void ordinary_lines(void **state)
{
	(void)state;
	struct maps maps = parse(
		"00400000-00452000 r-xp 00001000 fd:02 173521                         /usr/bin/a b\n"
		"e03000-e24000 rw-p 00000000 00:00 0                           [heap]\n"
		"7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n"
		"7f1000000000-7f1000001000 -w-s 00000000 00:05 12 /SYSV00000000 (deleted)\n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n");
	assert_int_equal(maps.count, 5);
	const struct mapping *first = &maps.items[0];
	assert_int_equal(first->start, 0x400000);
	assert_int_equal(first->end, 0x452000);
	assert_int_equal(first->offset, 0x1000);
	assert_int_equal(first->flags, MAPPING_READ | MAPPING_EXEC);
	assert_int_equal(first->device, makedev(0xfd, 2));
	assert_int_equal(first->inode, 173521);
	assert_string_equal(first->path, "/usr/bin/a b");
	assert_string_equal(maps.items[1].path, "[heap]");
	assert_string_equal(maps.items[2].path, "");
	assert_false(mapping_is_file(&maps.items[2]));
	assert_int_equal(maps.items[3].flags, MAPPING_WRITE | MAPPING_SHARED);
	assert_string_equal(maps.items[3].path, "/SYSV00000000 (deleted)");
	assert_int_equal(maps.items[4].start, UINT64_C(0xffffffffff600000));
	maps_fini(&maps);
}

static void what_makes_no_sense_is_left_out(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "\n", "garbage\n", "1000", "1000-\n", "1000-2000\n", "1000-2000 r-xp\n",
		"1000-2000 r-", "1000-2000 r-xp 0", "1000-2000 r-xp 0 1", "1000-2000 r-xp 0 1:",
		"1000-2000 r-xp 0 1:1", "1000-2000 r-xp 0 1:1 ", "1000-2000 r-xp 0 1:1 x\n",
		"2000-1000 r-xp 0 0:0 0\n", "1000-1000 r-xp 0 0:0 0\n",
		"11112222333344445-2 r-xp 0 0:0 0\n", "-1-2000 r-xp 0 0:0 0\n",
		"1000-2000 r-xp 0 0:0 99999999999999999999999\n",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct maps maps = parse(bad[i]);
		assert_int_equal(maps.count, 0);
		maps_fini(&maps);
	}
	static const char with_nul[] = "1000-2000 r-xp 0 0:0 0 a\0b\n3000-4000 r-xp 0 0:0 0\n";
	struct maps maps = parse_bytes(with_nul, sizeof(with_nul) - 1);
	assert_int_equal(maps.count, 2);
	maps_fini(&maps);
}

static void order_is_enforced(void **state)
{
	(void)state;
	struct maps maps = parse("5000-6000 r--p 0 0:0 0\n1000-2000 r--p 0 0:0 0\n"
				 "5800-7000 r--p 0 0:0 0\n6000-7000 r--p 0 0:0 0 last");
	assert_int_equal(maps.count, 2);
	assert_int_equal(maps.items[1].start, 0x6000);
	assert_string_equal(maps.items[1].path, "last");
	maps_fini(&maps);
}

static void long_paths_and_newlines(void **state)
{
	(void)state;
	size_t length = 300000;
	char *text = malloc(length + 200);
	int start = sprintf(text, "1000-2000 r--p 0 8:1 7 /");
	memset(text + start, 'p', length);
	strcpy(text + start + length, "\\012 (deleted)\n2000-3000 r--p 0 8:1 7 /q\n");
	struct maps maps = parse(text);
	assert_int_equal(maps.count, 2);
	assert_int_equal(strlen(maps.items[0].path), 1 + length + strlen("\\012 (deleted)"));
	assert_string_equal(maps.items[1].path, "/q");
	assert_true(mapping_same_file(&maps.items[0], &maps.items[1]));
	maps_fini(&maps);
	free(text);
}

static void finding(void **state)
{
	(void)state;
	struct maps maps = parse("1000-2000 r--p 0 0:0 0 a\n2000-3000 r--p 0 0:0 0 b\n"
				 "8000-9000 r--p 0 0:0 0 c\n");
	static const struct {
		uint64_t address;
		const char *found, *after;
	} cases[] = {
		{0, NULL, "a"},      {0xfff, NULL, "a"},  {0x1000, "a", "a"}, {0x1fff, "a", "a"},
		{0x2000, "b", "b"},  {0x3000, NULL, "c"}, {0x8000, "c", "c"}, {0x8fff, "c", "c"},
		{0x9000, NULL, NULL}, {UINT64_MAX, NULL, NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct mapping *found = maps_find(&maps, cases[i].address);
		const struct mapping *after = maps_after(&maps, cases[i].address);
		assert_string_equal(found ? found->path : "-", cases[i].found ? cases[i].found : "-");
		assert_string_equal(after ? after->path : "-", cases[i].after ? cases[i].after : "-");
	}
	maps_fini(&maps);
	assert_null(maps_find(&maps, 0x1000));
}

static void damaged_text(void **state)
{
	(void)state;
	static const char good[] =
		"00400000-00452000 r-xp 00001000 fd:02 173521                         /usr/bin/a b\n"
		"e03000-e24000 rw-p 00000000 00:00 0                           [heap]\n"
		"7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n";
	srand(2);
	for (int round = 0; round < 20000; round++) {
		char text[sizeof(good)];
		memcpy(text, good, sizeof(good));
		for (int i = rand() % 4; i >= 0; i--)
			text[rand() % (sizeof(text) - 1)] = rand() % 3 ? "-: 0f\nrp"[rand() % 8] : rand();
		struct maps maps = parse_bytes(text, rand() % sizeof(text));
		uint64_t last = 0;
		for (size_t i = 0; i < maps.count; i++) {
			assert_true(maps.items[i].start >= last);
			assert_true(maps.items[i].end > maps.items[i].start);
			assert_true(strlen(maps.items[i].path) < sizeof(good));
			last = maps.items[i].end;
		}
		maps_fini(&maps);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_lines),
		cmocka_unit_test(what_makes_no_sense_is_left_out),
		cmocka_unit_test(order_is_enforced),
		cmocka_unit_test(long_paths_and_newlines),
		cmocka_unit_test(finding),
		cmocka_unit_test(damaged_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
