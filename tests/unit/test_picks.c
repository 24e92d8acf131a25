/* SPDX-License-Identifier: MIT */
/* Some of many: the largest are the largest, and a sample favours none. */
#include "unit.h"

#include <stdlib.h>

#include "heap/instances/picks.h"

static uint64_t state = 88172645463325252;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * UINT64_C(0x2545f4914f6cdd1d);
}

static void test_largest(void **unused)
{
	(void)unused;
	enum { ALL = 1000, SOME = 37 };
	struct picks picks = {.most = SOME}, every = {.most = SIZE_MAX};
	for (unsigned i = 0; i < ALL; i++) {
		struct pick pick = {.address = 16 * i, .bytes = (uint64_t)i * 7919 % 331};
		picks_offer_largest(&picks, &pick);
		picks_offer_largest(&every, &pick);
	}
	assert_int_equal(picks.count, SOME);
	assert_int_equal(every.count, ALL);
	picks_sort_by_size(&picks);
	picks_sort_by_size(&every);
	for (unsigned i = 0; i < SOME; i++)
		assert_int_equal(picks.items[i].address, every.items[i].address);
	for (unsigned i = 1; i < ALL; i++)
		assert_true(every.items[i - 1].bytes >= every.items[i].bytes);
	picks_sort_by_address(&every);
	for (unsigned i = 0; i < ALL; i++)
		assert_int_equal(every.items[i].address, 16 * i);
	picks_fini(&picks);
	picks_fini(&every);
}

/* Each of 100 is drawn into ten of them in a tenth of all runs: chi-square with 99
 * degrees of freedom is below 149 with a probability of 0.999, and the run is the same
 * each time. */
static void test_sample(void **unused)
{
	(void)unused;
	enum { ALL = 100, SOME = 10, RUNS = 20000 };
	unsigned drawn[ALL] = {0};
	for (unsigned run = 0; run < RUNS; run++) {
		struct picks picks = {.most = SOME};
		for (unsigned i = 0; i < ALL; i++)
			picks_offer_sample(&picks, &(struct pick){.address = i}, i, next_random());
		assert_int_equal(picks.count, SOME);
		for (unsigned i = 0; i < SOME; i++)
			drawn[picks.items[i].address]++;
		picks_fini(&picks);
	}
	double expected = (double)RUNS * SOME / ALL, sum = 0;
	for (unsigned i = 0; i < ALL; i++)
		sum += (drawn[i] - expected) * (drawn[i] - expected) / expected;
	assert_true(sum < 149 && sum > 40);
}

static void test_few(void **unused)
{
	(void)unused;
	struct picks none = {.most = 0}, picks = {.most = 5};
	picks_offer_largest(&none, &(struct pick){.bytes = 1});
	picks_offer_sample(&none, &(struct pick){.bytes = 1}, 0, 0);
	assert_int_equal(none.count, 0);
	picks_sort_by_size(&none);
	picks_offer_sample(&picks, &(struct pick){.bytes = 1}, 0, UINT64_MAX);
	picks_offer_sample(&picks, &(struct pick){.bytes = 2}, 1, UINT64_MAX);
	assert_int_equal(picks.count, 2);
	picks_fini(&none);
	picks_fini(&picks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_largest),
	    cmocka_unit_test(test_sample),
	    cmocka_unit_test(test_few),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
