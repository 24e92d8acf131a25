/* SPDX-License-Identifier: MIT */
/* From pthread_t to the number of a thread, on made-up memory. */
#include "unit.h"

#include "python/threads.h"
#include "target/fake.h"

enum { BASE = 0x10000, PTHREAD = BASE + 0x100, SIZE = 0x1000 };

struct fixture {
	uint8_t bytes[SIZE];
	struct python python;
	uint32_t tasks[3];
};

static void put(struct fixture *fixture, unsigned offset, uint64_t value, size_t size)
{
	memcpy(fixture->bytes + (PTHREAD - BASE) + offset, &value, size);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const struct fake_piece piece = {.address = BASE, .length = SIZE, .bytes = fixture->bytes};
	fixture->python.target = fake_target_new(&piece, 1);
	fixture->python.peek = peek_new(fixture->python.target);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	peek_free(fixture->python.peek);
	target_free(fixture->python.target);
	free(fixture);
	return 0;
}

static bool is_task(void *context, uint64_t tid)
{
	const struct fixture *fixture = context;
	for (size_t i = 0; i < 3; i++)
		if (fixture->tasks[i] && fixture->tasks[i] == tid)
			return true;
	return false;
}

static uint64_t native_id(struct fixture *fixture)
{
	peek_forget(fixture->python.peek);
	return threads_native_id(&fixture->python, PTHREAD, is_task, fixture);
}

/* As glibc has it: to itself twice, the vector of the loader between. */
static void put_glibc(struct fixture *fixture, uint32_t tid)
{
	put(fixture, 0, PTHREAD, 8);
	put(fixture, 0x10, PTHREAD, 8);
	put(fixture, 0x18, 1, 4); /* multiple_threads */
	put(fixture, 0x2d0, tid, 4);
}

static void test_glibc(void **state)
{
	struct fixture *fixture = *state;
	fixture->tasks[0] = 4711;
	put_glibc(fixture, 4711);
	assert_int_equal(native_id(fixture), 4711);
}

/* A number of the namespace is as good as any flag. */
static void test_ended(void **state)
{
	struct fixture *fixture = *state;
	fixture->tasks[0] = 1;
	put_glibc(fixture, 0);
	assert_int_equal(native_id(fixture), 0);
}

static void test_begun_since(void **state)
{
	struct fixture *fixture = *state;
	fixture->tasks[0] = 1;
	put_glibc(fixture, 7);
	assert_int_equal(native_id(fixture), 0);
}

/* musl: itself, then the list of threads, here with no other in it. */
static void test_musl(void **state)
{
	struct fixture *fixture = *state;
	fixture->tasks[0] = 4711;
	fixture->tasks[1] = 4712;
	put(fixture, 0, PTHREAD, 8);
	put(fixture, 0x10, PTHREAD, 8);
	put(fixture, 0x18, PTHREAD, 8);
	put(fixture, 0x30, 4712, 4);
	assert_int_equal(native_id(fixture), 4712);
	put(fixture, 0x80, 4711, 4);
	assert_int_equal(native_id(fixture), 0);
}

static void test_nowhere(void **state)
{
	struct fixture *fixture = *state;
	fixture->tasks[0] = 4711;
	assert_int_equal(threads_native_id(&fixture->python, 0x700000, is_task, fixture), 0);
	assert_int_equal(native_id(fixture), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_glibc, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_begun_since, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_musl, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nowhere, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
