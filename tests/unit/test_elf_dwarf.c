/* SPDX-License-Identifier: MIT */
/* Structure layouts from debug information, against what the compiler says itself. */
#include "fixtures.h"

#include "elf/dwarf.h"
#include "elf_fixture.h"

static const char *const kinds[] = {"dwarf5", "dwarf4", "dwarf2", "types", "compressed"};

static struct dwarf *open_fixture(const char *name)
{
	struct dwarf *dwarf = NULL;
	assert_no_error(dwarf_open_file(fixture(name), &dwarf));
	return dwarf;
}

static void each_kind(void (*check)(struct dwarf *dwarf))
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		CLEANUP(dwarf_freep) struct dwarf *dwarf = open_fixture(kinds[i]);
		print_message("  %s\n", kinds[i]);
		check(dwarf);
	}
}

static void assert_offset(struct dwarf *dwarf, const char *structure, const char *path,
			  size_t expected)
{
	int32_t offset = -1;
	if (!dwarf_offset(dwarf, structure, path, &offset))
		fail_msg("%s.%s is not there", structure, path);
	if ((size_t)offset != expected)
		fail_msg("%s.%s is at %zu, not %d", structure, path, expected, offset);
}

static void assert_size(struct dwarf *dwarf, const char *structure, size_t expected)
{
	int32_t size = -1;
	if (!dwarf_size(dwarf, structure, &size))
		fail_msg("%s is not there", structure);
	assert_int_equal(size, expected);
}

static void check_offsets(struct dwarf *dwarf)
{
	assert_size(dwarf, "fixture_outer", sizeof(struct fixture_outer));
	assert_size(dwarf, "FixtureOuter", sizeof(struct fixture_outer));
	assert_size(dwarf, "fixture_alias_of_alias", sizeof(struct fixture_inner));
	assert_size(dwarf, "fixture_union", sizeof(fixture_union));
#define CHECK(path)                                                                                \
	assert_offset(dwarf, "FixtureOuter", #path, offsetof(struct fixture_outer, path))
	CHECK(head);
	CHECK(narrow);
	CHECK(low);
	CHECK(high);
	CHECK(nested);
	CHECK(nested.first);
	CHECK(nested.box.deep);
	CHECK(array);
	CHECK(pointer);
	CHECK(bits);
	CHECK(tail);
#undef CHECK
	assert_offset(dwarf, "fixture_union", "word", 0);
}

static void offsets(void **state)
{
	(void)state;
	each_kind(check_offsets);
}

static void check_absent(struct dwarf *dwarf)
{
	static const char *const paths[] = {
	    "",
	    ".",
	    "head.",
	    ".head",
	    "nothing",
	    "head.first",
	    "nested.nothing",
	    "nested..box",
	    "array.first",
	    "pointer.first",
	    "nested.box.deep.er",
	    "hea",
	    "heads",
	};
	int32_t offset = -7;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (dwarf_offset(dwarf, "fixture_outer", paths[i], &offset))
			fail_msg("\"%s\" is there", paths[i]);
	}
	assert_false(dwarf_offset(dwarf, "no_such_structure", "head", &offset));
	assert_false(dwarf_size(dwarf, "no_such_structure", &offset));
	assert_false(dwarf_size(dwarf, "", &offset));
	assert_false(dwarf_size(dwarf, "uint64_t", &offset)); /* a typedef, of no structure */
	assert_int_equal(offset, -7);
}

static void what_is_not_there(void **state)
{
	(void)state;
	each_kind(check_absent);
}

/* Bit i of a word is bit i of its bytes on a little-endian machine. */
static int64_t first_bit(const void *bytes, size_t length)
{
	for (size_t i = 0; i < length * 8; i++) {
		if (((const uint8_t *)bytes)[i / 8] >> i % 8 & 1)
			return (int64_t)i;
	}
	return -1;
}

static void check_bits(struct dwarf *dwarf)
{
	struct dwarf_structure structure;
	assert_int_equal(dwarf_find(dwarf, "fixture_outer", &structure, 1), 1);
	struct fixture_outer object;
	int64_t bits;
#define CHECK(path)                                                                                \
	memset(&object, 0, sizeof(object));                                                        \
	object.path = 1;                                                                           \
	assert_true(dwarf_structure_bits(dwarf, &structure, #path, &bits));                        \
	assert_int_equal(bits, first_bit(&object, sizeof(object)))
	CHECK(bits.before);
	CHECK(bits.wide);
	CHECK(bits.after);
	CHECK(flag);
	CHECK(head);
	CHECK(high);
#undef CHECK
	/* In bytes only where it begins at one. */
	int32_t offset;
	assert_false(dwarf_offset(dwarf, "fixture_outer", "bits.wide", &offset));
	assert_offset(dwarf, "fixture_outer", "bits.before", offsetof(struct fixture_outer, bits));
}

static void bit_fields(void **state)
{
	(void)state;
	each_kind(check_bits);
}

static void check_definitions(struct dwarf *dwarf)
{
	struct dwarf_structure found[8];
	assert_int_equal(dwarf_find(dwarf, "fixture_outer", found, 8), 1);
	assert_int_equal(dwarf_find(dwarf, "fixture_block", found, 8), 2);
	assert_int_equal(dwarf_find(dwarf, "fixture_block", found, 1), 1);
	assert_int_equal(dwarf_find(dwarf, "fixture_block", found, 0), 0);
	/* The member decides which of the two is meant. */
	assert_offset(dwarf, "fixture_block", "data", 8);
	assert_offset(dwarf, "fixture_block", "other_number", 4);
	/* Declared here, defined in the other file. */
	assert_offset(dwarf, "FixtureOpaque", "three", 16);
	assert_offset(dwarf, "fixture_block", "held.two", 16);
}

static void definitions(void **state)
{
	(void)state;
	each_kind(check_definitions);
}

static void no_debug_information(void **state)
{
	(void)state;
	struct dwarf *dwarf;
	struct heapspy_error *error = dwarf_open_file(fixture("bare"), &dwarf);
	assert_non_null(error);
	assert_int_equal(error->code, HEAPSPY_REFUSED);
	assert_non_null(error->why);
	heapspy_error_free(error);

	static const char *const paths[] = {"/nonexistent", "/dev/null", "/", "/proc/self/maps"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		error = dwarf_open_file(paths[i], &dwarf);
		assert_non_null(error);
		heapspy_error_free(error);
	}
	dwarf_free(NULL);
}

int main(int count, char **arguments)
{
	(void)count;
	fixtures = arguments + 1;
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(offsets),
	    cmocka_unit_test(what_is_not_there),
	    cmocka_unit_test(bit_fields),
	    cmocka_unit_test(definitions),
	    cmocka_unit_test(no_debug_information),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
