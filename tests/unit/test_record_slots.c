/* SPDX-License-Identifier: MIT */
/* Which word of the interpreter's frame says where it was. */
#include "unit.h"

#include "heap/record/stacks/slots.h"

enum { PC = 0x401000, RUN = 0x7f0000001000, WORK = 0x7f0000002000, OTHER = 0x7f0000003000 };

struct fixture {
	struct parent_table parents;
	struct slot_table table;
};

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static struct hint hint(uint32_t word, uint64_t code, int64_t position)
{
	return (struct hint){word, {.code = code, .position = position}};
}

/* `caller` was seen to call `called`. */
static void see_call(struct fixture *fixture, uint64_t caller, uint64_t called)
{
	*parents_of(&fixture->parents, called) =
		(struct parents){.code = called, .count = 1, .below = {caller}};
}

/* The word that is chosen; -1: none is. */
static int choose(struct fixture *fixture, const struct hint *hints, size_t count,
		  const struct frame *now)
{
	struct slots *slots = slots_at(&fixture->table, PC);
	const struct hint *chosen = slots_choose(slots, &fixture->parents, hints, count, now);
	return chosen ? (int)chosen->word : -1;
}

static void nothing_there(void **state)
{
	assert_int_equal(choose(*state, NULL, 0, NULL), -1);
}

static void calls_are_known_both_ways(void **state)
{
	struct fixture *fixture = *state;
	see_call(fixture, RUN, WORK);
	assert_true(parents_call(&fixture->parents, RUN, WORK));
	assert_false(parents_call(&fixture->parents, WORK, RUN));
	assert_false(parents_call(&fixture->parents, WORK, WORK));
	assert_false(parents_call(&fixture->parents, RUN, OTHER));
}

/* Where nothing was learned yet it is not the caller, in whatever order they lie. */
static void called_before_its_caller(void **state)
{
	const struct hint words[] = {hint(3, RUN, 40), hint(5, WORK, 10), hint(8, RUN, 44)};
	assert_int_equal(choose(*state, words, 3, NULL), 3);
	see_call(*state, RUN, WORK);
	assert_int_equal(choose(*state, words, 3, NULL), 5);
	assert_int_equal(choose(*state, words + 1, 2, NULL), 5);
}

/* The thread is back in the caller: that its word is there as well is no proof. */
static void returned_says_nothing(void **state)
{
	const struct hint words[] = {hint(3, RUN, 40), hint(5, WORK, 10)};
	const struct frame now = {.code = RUN, .position = 40};
	see_call(*state, RUN, WORK);
	for (int i = 0; i < 10; i++)
		assert_int_equal(choose(*state, words, 2, &now), 5);
	assert_int_equal(slots_at(&((struct fixture *)*state)->table, PC)->count, 0);
}

/* One that was there, exactly, outweighs many that were near. */
static void right_before_near(void **state)
{
	const struct hint near_one[] = {hint(8, WORK, 12)};
	const struct hint both[] = {hint(5, WORK, 10), hint(8, WORK, 12)};
	const struct frame now = {.code = WORK, .position = 10};
	for (int i = 0; i < 10; i++)
		assert_int_equal(choose(*state, near_one, 1, &now), 8);
	assert_int_equal(choose(*state, both, 2, NULL), 8);
	assert_int_equal(choose(*state, both, 2, &now), 5);
	assert_int_equal(choose(*state, both, 2, NULL), 5);
	/* Its word says nothing that is known: nothing else is believed instead. */
	assert_int_equal(choose(*state, near_one, 1, NULL), -1);
}

/* What is learned at one call says nothing of another. */
static void calls_are_apart(void **state)
{
	struct fixture *fixture = *state;
	const struct hint words[] = {hint(5, WORK, 10), hint(8, OTHER, 12)};
	const struct frame now = {.code = OTHER, .position = 12};
	assert_int_equal(choose(fixture, words, 2, &now), 8);
	struct slots *other = slots_at(&fixture->table, PC + 16);
	assert_int_equal(other->count, 0);
	assert_ptr_equal(slots_choose(other, &fixture->parents, words, 2, NULL), words);
	assert_int_equal(slots_at(&fixture->table, PC)->count, 1);
}

/* More words than there is room for. */
static void many_words(void **state)
{
	struct hint words[2 * SLOTS_MOST];
	const struct frame now = {.code = WORK, .position = 2 * SLOTS_MOST - 1};
	for (uint32_t i = 0; i < 2 * SLOTS_MOST; i++)
		words[i] = hint(i, WORK, i);
	assert_int_equal(choose(*state, words, 2 * SLOTS_MOST, &now), 0);
	assert_int_equal(slots_at(&((struct fixture *)*state)->table, PC)->count, SLOTS_MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(calls_are_known_both_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(called_before_its_caller, set_up, tear_down),
		cmocka_unit_test_setup_teardown(returned_says_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(right_before_near, set_up, tear_down),
		cmocka_unit_test_setup_teardown(calls_are_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_words, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
