/* SPDX-License-Identifier: MIT */
/* Whose place it is that was touched first, on a made-up heap of malloc's. */
#include "unit.h"

#include "heap/record/growth/contents.h"
#include "target/fake.h"

enum { BASE = 0x7f0000000000, SIZE = 0x4000, IN_USE = 1 };

struct fixture {
	uint8_t bytes[SIZE];
	struct target *target;
	struct peek *peek;
	uint64_t top;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const struct fake_piece piece = {.address = BASE, .length = SIZE, .bytes = fixture->bytes};
	fixture->target = fake_target_new(&piece, 1);
	fixture->peek = peek_new(fixture->target);
	fixture->top = BASE;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	peek_free(fixture->peek);
	target_free(fixture->target);
	free(fixture);
	return 0;
}

/* A chunk, in use if the one behind it says so; what remains is the top. */
static uint64_t give(struct fixture *fixture, uint64_t size)
{
	uint64_t chunk = fixture->top, field = size | IN_USE, rest = SIZE - (chunk - BASE) - size;
	memcpy(fixture->bytes + (chunk - BASE) + 8, &field, sizeof(field));
	fixture->top += size;
	field = rest | IN_USE;
	memcpy(fixture->bytes + (fixture->top - BASE) + 8, &field, sizeof(field));
	peek_forget(fixture->peek);
	return chunk;
}

/* The size of the chunk that is said to have been given out with that touch; 0: none. */
static uint32_t giver(struct fixture *fixture, uint64_t touched, uint64_t *ret_address)
{
	struct content_place place = {0};
	if (!contents_touched_chunk(fixture->peek, BASE, fixture->top, touched, ret_address))
		return 0;
	assert_true(contents_of_chunk(fixture->peek, BASE, fixture->top, *ret_address, &place));
	return place.content.size;
}

/* The size of what remains is written behind the chunk that is given out. */
static void test_end_of_a_chunk(void **state)
{
	struct fixture *fixture = *state;
	uint64_t first = give(fixture, 0x1010), second = give(fixture, 0x30), address;
	assert_int_equal(giver(fixture, second + 8, &address), 0x1010);
	assert_int_equal(address, first + 8);
	assert_int_equal(giver(fixture, fixture->top + 8, &address), 0x30);
	assert_int_equal(address, second + 8);
}

/* Whoever has it writes into it. */
static void test_inside(void **state)
{
	struct fixture *fixture = *state;
	uint64_t first = give(fixture, 0x1010), second = give(fixture, 0x2000), address;
	assert_int_equal(giver(fixture, first + 0x800 + 3, &address), 0x1010);
	assert_int_equal(address, first + 0x800);
	/* Its last word is where the next chunk begins. */
	assert_int_equal(giver(fixture, second, &address), 0x1010);
	assert_int_equal(address, second);
	assert_int_equal(giver(fixture, second + 16, &address), 0x2000);
	assert_int_equal(address, second + 16);
}

static void test_nobody(void **state)
{
	struct fixture *fixture = *state;
	uint64_t chunk = give(fixture, 0x1010), address;
	assert_int_equal(giver(fixture, BASE + 8, &address), 0);
	assert_int_equal(giver(fixture, fixture->top + 16, &address), 0);
	/* A size that cannot be. */
	fixture->bytes[8] = 0x11;
	fixture->bytes[9] = 0;
	peek_forget(fixture->peek);
	assert_int_equal(giver(fixture, chunk + 0x100, &address), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_end_of_a_chunk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_inside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
