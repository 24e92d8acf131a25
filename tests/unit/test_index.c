/* SPDX-License-Identifier: MIT */
/* The hash table of indices: what was added is found, what was not is not. */
#include "base/index.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

enum { THINGS = 20000 };

static char things[THINGS][16];

static bool same(const void *all, uint32_t at, const void *sought)
{
	return strcmp(((const char(*)[16])all)[at], sought) == 0;
}

static void test_index(void **state)
{
	(void)state;
	struct index index = {0};
	assert_int_equal(index_find(&index, 0, same, things, "x"), UINT32_MAX);
	for (uint32_t i = 0; i < THINGS; i++) {
		sprintf(things[i], "thing %u", i);
		uint64_t hash = index_hash(things[i], strlen(things[i]), 0);
		assert_int_equal(index_find(&index, hash, same, things, things[i]), UINT32_MAX);
		assert_true(index_add(&index, hash, i));
	}
	for (uint32_t i = 0; i < THINGS; i++) {
		uint64_t hash = index_hash(things[i], strlen(things[i]), 0);
		assert_int_equal(index_find(&index, hash, same, things, things[i]), i);
	}
	index_fini(&index);
	index_fini(&index);
}

/* All in one place: slow, but right. */
static void test_collisions(void **state)
{
	(void)state;
	struct index index = {0};
	for (uint32_t i = 0; i < 300; i++) {
		sprintf(things[i], "thing %u", i);
		assert_true(index_add(&index, UINT64_MAX, i));
	}
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(index_find(&index, UINT64_MAX, same, things, things[i]), i);
	assert_int_equal(index_find(&index, UINT64_MAX, same, things, "none"), UINT32_MAX);
	assert_false(index_add(&index, 0, UINT32_MAX));
	index_fini(&index);
}

/* Of every byte, of the length and of the seed. */
static void test_hash(void **state)
{
	(void)state;
	char text[40] = {0};
	for (size_t length = 0; length < sizeof(text); length++) {
		uint64_t hash = index_hash(text, length, 0);
		assert_int_equal(hash, index_hash(text, length, 0));
		assert_true(hash != index_hash(text, length, 1));
		assert_true(length == 0 || hash != index_hash(text, length - 1, 0));
		for (size_t i = 0; i < length; i++) {
			text[i] = 1;
			assert_true(hash != index_hash(text, length, 0));
			text[i] = 0;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_collisions),
		cmocka_unit_test(test_hash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
