/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <unistd.h>

#include <heapspy/diff.h>
#include <heapspy/dump_file.h>

#define UNKNOWN HEAPSPY_UNKNOWN

/* A dump whose totals are those of its types. The types stay the caller's. */
static struct heapspy_dump dump_of(struct heapspy_type *types, size_t count)
{
	struct heapspy_dump dump = {.types = types, .type_count = count};
	for (size_t i = 0; i < count; i++) {
		dump.total.objects += types[i].objects;
		dump.total.bytes += types[i].bytes;
	}
	return dump;
}

#define DUMP(...)                                                                                  \
	dump_of((struct heapspy_type[]){__VA_ARGS__},                                              \
		sizeof((struct heapspy_type[]){__VA_ARGS__}) / sizeof(struct heapspy_type))
#define TYPE(type_name, number, size) {.name = type_name, .objects = number, .bytes = size}

static struct heapspy_diff *diff_of(const struct heapspy_dump *before,
				    const struct heapspy_dump *after)
{
	struct heapspy_diff *diff = NULL;
	assert_no_error(heapspy_diff_make(before, after, &diff));
	return diff;
}

static void expect(const struct heapspy_type_change *type, const char *name,
		   uint64_t objects_before, uint64_t objects_after, uint64_t bytes_before,
		   uint64_t bytes_after)
{
	assert_string_equal(type->name, name);
	assert_int_equal(type->objects.before, objects_before);
	assert_int_equal(type->objects.after, objects_after);
	assert_int_equal(type->bytes.before, bytes_before);
	assert_int_equal(type->bytes.after, bytes_after);
}

static void nothing_and_nothing(void **state)
{
	(void)state;
	struct heapspy_dump empty = {0};
	struct heapspy_diff *diff = diff_of(&empty, &empty);
	assert_int_equal(diff->type_count, 0);
	assert_int_equal(diff->incomplete_count, 0);
	heapspy_diff_free(diff);
	heapspy_diff_free(NULL);
}

static void by_growth(void **state)
{
	(void)state;
	struct heapspy_dump before =
		DUMP(TYPE("str", 10, 500), TYPE("dict", 5, 400), TYPE("gone", 1, 90));
	struct heapspy_dump after =
		DUMP(TYPE("dict", 6, 480), TYPE("new", 2, 64), TYPE("str", 10, 500));
	struct heapspy_diff *diff = diff_of(&before, &after);
	assert_int_equal(diff->type_count, 4);
	assert_int_equal(diff->changed, 3);
	expect(&diff->types[0], "dict", 5, 6, 400, 480);
	expect(&diff->types[1], "new", 0, 2, 0, 64);
	expect(&diff->types[2], "str", 10, 10, 500, 500);
	expect(&diff->types[3], "gone", 1, 0, 90, 0);
	assert_int_equal(diff->bytes.before, 990);
	assert_int_equal(diff->bytes.after, 1044);
	assert_int_equal(diff->incomplete_count, 0);
	heapspy_diff_free(diff);
}

/* In both dumps, in any order, and not one beside the other. */
static void type_objects_of_one_name(void **state)
{
	(void)state;
	struct heapspy_dump before = DUMP(TYPE("A", 1, 10), TYPE("B", 1, 1), TYPE("A", 2, 20));
	struct heapspy_dump after = DUMP(TYPE("A", 4, 40), TYPE("C", 1, 1), TYPE("A", 8, 80),
					 TYPE("A", 16, 160));
	struct heapspy_diff *diff = diff_of(&before, &after);
	assert_int_equal(diff->type_count, 3);
	expect(&diff->types[0], "A", 3, 28, 30, 280);
	heapspy_diff_free(diff);
}

/* What a limit left out is not known to be absent. */
static void cut_short(void **state)
{
	(void)state;
	struct heapspy_dump before = DUMP(TYPE("A", 1, 10), TYPE("B", 1, 5));
	struct heapspy_dump after = DUMP(TYPE("A", 2, 20), TYPE("C", 1, 1));
	before.total.objects += 3;
	before.total.bytes += 7;
	struct heapspy_diff *diff = diff_of(&before, &after);
	expect(&diff->types[0], "A", 1, 2, 10, 20);
	expect(&diff->types[1], "B", 1, 0, 5, 0);
	expect(&diff->types[2], "C", UNKNOWN, 1, UNKNOWN, 1);
	assert_int_equal(diff->bytes.before, 22);
	assert_int_equal(diff->incomplete_count, 1);
	assert_non_null(strstr(diff->incomplete[0], "before: "));
	heapspy_diff_free(diff);
}

static void reasons_of_both(void **state)
{
	(void)state;
	const char *one[] = {"swapped"}, *two[] = {"torn", "cut off"};
	struct heapspy_dump before = {.incomplete = one, .incomplete_count = 1};
	struct heapspy_dump after = {.incomplete = two, .incomplete_count = 2};
	struct heapspy_diff *diff = diff_of(&before, &after);
	assert_int_equal(diff->incomplete_count, 3);
	assert_string_equal(diff->incomplete[0], "before: swapped");
	assert_string_equal(diff->incomplete[2], "after: cut off");
	heapspy_diff_free(diff);
}

/* Sums beyond what a number holds are not known, and nothing is wrong with the others. */
static void absurd_numbers(void **state)
{
	(void)state;
	struct heapspy_dump before =
		DUMP(TYPE("A", INT64_MAX, INT64_MAX), TYPE("A", 1, 1), TYPE("B", UNKNOWN, 1));
	struct heapspy_dump after =
		DUMP(TYPE("A", 1, INT64_MAX), TYPE("B", 1, 2), TYPE("C", 0, 0));
	before.total.bytes = UINT64_MAX - 1;
	struct heapspy_diff *diff = diff_of(&before, &after);
	assert_int_equal(diff->bytes.before, UNKNOWN);
	for (size_t i = 0; i < diff->type_count; i++)
		if (strcmp(diff->types[i].name, "A") == 0)
			expect(&diff->types[i], "A", UNKNOWN, 1, UNKNOWN, INT64_MAX);
	expect(&diff->types[0], "B", UNKNOWN, 1, 1, 2);
	heapspy_diff_free(diff);
}

static void order_of_changes(void **state)
{
	(void)state;
	static const struct heapspy_change ordered[] = {
		{0, INT64_MAX}, {5, 7}, {0, 1}, {3, 3}, {1, 0}, {INT64_MAX, 0}, {UNKNOWN, 5},
	};
	for (size_t i = 0; i < sizeof(ordered) / sizeof(*ordered); i++)
		for (size_t j = 0; j < sizeof(ordered) / sizeof(*ordered); j++) {
			int order = heapspy_change_compare(&ordered[i], &ordered[j]);
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
}

/* ---- files ------------------------------------------------------------------ */

static struct heapspy_error *load(const char *text, size_t length,
				  struct heapspy_dump_file **ret_file)
{
	char path[] = "/tmp/heapspy-diff-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, text, length) == (ssize_t)length);
	close(fd);
	struct heapspy_error *error = heapspy_dump_load(path, ret_file);
	unlink(path);
	return error;
}

static const char SMALL[] =
	"{\"schema\": \"heapspy.dump/1\", \"captured_at\": \"2023-11-14T22:13:20.125Z\","
	" \"future\": [1e9], \"target\": {\"kind\": \"core\", \"pid\": 7,"
	" \"path\": \"a\\u001bb\", \"command\": [\"x\", \"\"]},"
	" \"python\": {\"version\": \"3.11.7\"}, \"incomplete\": [\"torn\"],"
	" \"memory\": {\"rss\": 10,"
	" \"account\": [{\"kind\": \"malloc\", \"rss\": 4}, {\"kind\": \"new\"}]},"
	" \"malloc\": {\"arenas\": 1, \"bytes_in_use\": 3},"
	" \"heap\": {\"objects\": 3, \"bytes\": 9,"
	" \"types\": [{\"type\": \"\\u202eA\\u0007\", \"objects\": 3,"
	" \"bytes\": 9, \"address\": \"0x1\"}]}}";

static void a_file(void **state)
{
	(void)state;
	struct heapspy_dump_file *file = NULL;
	assert_no_error(load(SMALL, strlen(SMALL), &file));
	assert_true(file->dump->capture.time == 1700000000.125);
	assert_int_equal(file->target.kind, HEAPSPY_TARGET_CORE);
	assert_int_equal(file->target.pid, 7);
	assert_string_equal(file->target.path, "a\\x1bb");
	assert_string_equal(file->target.command[1], "");
	assert_null(file->target.command[2]);
	assert_string_equal(file->python, "3.11.7");
	assert_int_equal(file->dump->type_count, 1);
	assert_string_equal(file->dump->types[0].name, "\\u202eA\\x07");
	assert_int_equal(file->dump->types[0].gc_bytes, UNKNOWN);
	assert_int_equal(file->dump->total.bytes, 9);
	assert_int_equal(file->dump->memory.rss, 10);
	assert_int_equal(file->dump->memory.pss, UNKNOWN);
	assert_int_equal(file->dump->memory.account[HEAPSPY_MEMORY_MALLOC], 4);
	assert_int_equal(file->dump->memory.account[HEAPSPY_MEMORY_STACK], UNKNOWN);
	assert_int_equal(file->dump->malloc.bytes_in_use, 3);
	assert_int_equal(file->dump->allocator.arenas, 0);
	assert_int_equal(file->dump->incomplete_count, 1);
	heapspy_dump_file_free(file);
	heapspy_dump_file_free(NULL);
}

/* Cut off anywhere it is refused; with any byte changed it is refused or read, and that is all. */
static void damaged_files(void **state)
{
	(void)state;
	for (size_t length = 0; length < strlen(SMALL); length++) {
		struct heapspy_dump_file *file = NULL;
		struct heapspy_error *error = load(SMALL, length, &file);
		assert_non_null(error);
		assert_int_equal(error->code, HEAPSPY_BAD_FILE);
		heapspy_error_free(error);
	}
	srand(1);
	for (size_t i = 0; i < 4 * strlen(SMALL); i++) {
		char text[sizeof(SMALL)];
		memcpy(text, SMALL, sizeof(SMALL));
		text[i / 4] = i % 4 ? "{}[]\",:-09eE.\\\0 \xff"[rand() % 18] : (char)rand();
		struct heapspy_dump_file *file = NULL;
		struct heapspy_error *error = load(text, strlen(SMALL), &file);
		assert_true(!error || error->code == HEAPSPY_BAD_FILE);
		heapspy_error_free(error);
		struct heapspy_diff *diff = file ? diff_of(file->dump, file->dump) : NULL;
		heapspy_diff_free(diff);
		heapspy_dump_file_free(file);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_and_nothing),
		cmocka_unit_test(by_growth),
		cmocka_unit_test(type_objects_of_one_name),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(reasons_of_both),
		cmocka_unit_test(absurd_numbers),
		cmocka_unit_test(order_of_changes),
		cmocka_unit_test(a_file),
		cmocka_unit_test(damaged_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
