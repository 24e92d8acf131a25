/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "native/malloc_name.h"

static const char *name_of(const char *path)
{
	struct mapping items[] = {{.path = ""}, {.path = "[heap]"}, {.path = path}};
	struct maps maps = {.items = items, .count = 3};
	return malloc_name(&maps);
}

static void libraries_are_named(void **state)
{
	(void)state;
	assert_string_equal(name_of("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"), "jemalloc");
	assert_string_equal(name_of("/usr/lib/libtcmalloc_minimal.so.4.5.10"), "tcmalloc");
	assert_string_equal(name_of("/opt/libmimalloc.so.2.0"), "mimalloc");
	assert_string_equal(name_of("/lib/ld-musl-x86_64.so.1"), "musl");
}

static void others_are_not(void **state)
{
	(void)state;
	assert_null(name_of("/usr/lib/x86_64-linux-gnu/libc.so.6"));
	assert_null(name_of("/srv/libjemalloc-plans/notes"));
	assert_null(name_of("libjemalloc.so.2"));
	assert_null(name_of("/"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libraries_are_named),
		cmocka_unit_test(others_are_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
