/* SPDX-License-Identifier: MIT */
/* What malloc asked for, what came of it, and who is charged, on made-up memory. */
#include "unit.h"

#include "base/clock.h"
#include "heap/record/growth/pieces.h"
#include "target/fake.h"

enum { BASE = 0x7f0000000000, PAGE = 4096, PAGES = 64, TID = 7, OTHER = 99, MOST = 32 };

struct told {
	int64_t bytes;
	uint32_t stack, of;
};

struct fixture {
	uint8_t bytes[PAGES * PAGE];
	struct heapspy heapspy;
	struct python python;
	struct record record;
	struct record_counter counter;
	struct record_pieces *pieces;
	struct told told[MOST];
	size_t count;
};

static struct heapspy_error *note(void *context, const struct heapspy_record_entry *entry)
{
	struct fixture *fixture = context;
	assert_true(fixture->count < MOST);
	fixture->told[fixture->count++] = (struct told){
		entry->growth.bytes, entry->growth.stack, entry->growth.of};
	return NULL;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const struct fake_piece piece = {
		.address = BASE, .length = sizeof(fixture->bytes), .bytes = fixture->bytes};
	fixture->python.target = fixture->heapspy.target = fake_target_new(&piece, 1);
	fixture->python.peek = peek_new(fixture->python.target);
	fixture->record = (struct record){.heapspy = &fixture->heapspy, .python = &fixture->python,
					  .visit = note, .context = fixture};
	record_counter_init(&fixture->counter, &fixture->record, HEAPSPY_RECORD_MMAPPED, 0, 1);
	fixture->pieces = record_pieces_new(&fixture->counter);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	record_pieces_free(fixture->pieces);
	record_counter_fini(&fixture->counter);
	record_threads_fini(&fixture->record.threads);
	peek_free(fixture->python.peek);
	target_free(fixture->python.target);
	free(fixture);
	return 0;
}

/* ---- what the target does ------------------------------------------------------------- */

/* A chunk of its own, its header as malloc writes it; 0 bytes: none. */
static void put_chunk(struct fixture *fixture, unsigned page, uint64_t bytes)
{
	uint64_t header[2] = {0, bytes ? bytes | 2 : 0};
	memcpy(fixture->bytes + page * PAGE, header, sizeof(header));
}

static struct record_change by(struct fixture *fixture, uint32_t stack, double ago)
{
	return (struct record_change){.record = &fixture->record, .tid = TID, .stack = stack,
				      .time = clock_monotonic() - ago};
}

static void call(struct fixture *fixture, uint32_t stack, int64_t bytes, double ago)
{
	const struct record_call call = {.from_malloc = true, .bytes = bytes};
	const struct record_change change = by(fixture, stack, ago);
	record_pieces_call(fixture->pieces, &call, &change, true);
}

static void move(struct fixture *fixture, uint32_t stack, unsigned page, uint64_t from, uint64_t to)
{
	const struct record_call call = {
		.moves = true, .from_malloc = true, .bytes = (int64_t)(to - from),
		.start = BASE + page * PAGE, .length = from};
	const struct record_change change = by(fixture, stack, 0);
	record_pieces_call(fixture->pieces, &call, &change, true);
}

static void grant(struct fixture *fixture, unsigned page, uint64_t bytes)
{
	record_pieces_mapped(fixture->pieces, TID, BASE + page * PAGE);
	put_chunk(fixture, page, bytes);
	fixture->counter.now += bytes;
}

static void take_away(struct fixture *fixture, unsigned page, uint64_t bytes)
{
	put_chunk(fixture, page, 0);
	fixture->counter.now -= bytes;
}

/* ---- what is told ----------------------------------------------------------------------- */

static bool settle(struct fixture *fixture)
{
	const struct record_change other = by(fixture, OTHER, 0);
	fixture->count = 0;
	return record_pieces_settle(fixture->pieces, NULL, &other);
}

static void assert_told(const struct fixture *fixture, const struct told *told, size_t count)
{
	assert_int_equal(fixture->count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(fixture->told[i].bytes, told[i].bytes);
		assert_int_equal(fixture->told[i].stack, told[i].stack);
		assert_int_equal(fixture->told[i].of, told[i].of);
	}
}

#define ASSERT_TOLD(fixture, ...)                                                               \
	do {                                                                                    \
		const struct told expected_told[] = {__VA_ARGS__};                              \
		assert_told(fixture, expected_told, sizeof(expected_told) / sizeof(struct told)); \
	} while (0)

/* ---- tests --------------------------------------------------------------------------------- */

static void test_comes_and_goes(void **state)
{
	struct fixture *fixture = *state;
	call(fixture, 1, 2 * PAGE, 0);
	grant(fixture, 0, 2 * PAGE);
	call(fixture, 2, 3 * PAGE, 0);
	grant(fixture, 8, 3 * PAGE);
	assert_true(settle(fixture));
	ASSERT_TOLD(fixture, {2 * PAGE, 1, HEAPSPY_NO_STACK}, {3 * PAGE, 2, HEAPSPY_NO_STACK});

	take_away(fixture, 0, 2 * PAGE);
	assert_true(settle(fixture));
	ASSERT_TOLD(fixture, {-2 * PAGE, OTHER, 1});
	assert_true(settle(fixture));
	assert_int_equal(fixture->count, 0);
}

/* Between the call and what comes of it. */
static void test_not_yet(void **state)
{
	struct fixture *fixture = *state;
	call(fixture, 1, PAGE, 0);
	assert_false(settle(fixture));
	assert_int_equal(fixture->count, 0);
	grant(fixture, 3, PAGE);
	assert_true(settle(fixture));
	ASSERT_TOLD(fixture, {PAGE, 1, HEAPSPY_NO_STACK});
}

static void test_refused(void **state)
{
	struct fixture *fixture = *state;
	call(fixture, 1, INT64_C(1) << 62, 1);
	call(fixture, 2, PAGE, 0);
	grant(fixture, 3, PAGE);
	assert_true(settle(fixture));
	ASSERT_TOLD(fixture, {PAGE, 2, HEAPSPY_NO_STACK});
}

/* What is granted does not wait for what may be. */
static void test_beside_one_that_waits(void **state)
{
	struct fixture *fixture = *state;
	call(fixture, 2, PAGE, 0);
	grant(fixture, 3, PAGE);
	call(fixture, 1, INT64_C(1) << 45, 0);
	assert_false(settle(fixture));
	ASSERT_TOLD(fixture, {PAGE, 2, HEAPSPY_NO_STACK});
}

static void test_moved(void **state)
{
	struct fixture *fixture = *state;
	call(fixture, 1, PAGE, 0);
	grant(fixture, 0, PAGE);
	assert_true(settle(fixture));
	move(fixture, 2, 0, PAGE, 4 * PAGE);
	take_away(fixture, 0, PAGE);
	put_chunk(fixture, 20, 4 * PAGE);
	fixture->counter.now += 4 * PAGE;
	assert_true(settle(fixture));
	ASSERT_TOLD(fixture, {3 * PAGE, 2, HEAPSPY_NO_STACK});

	move(fixture, 3, 20, 4 * PAGE, UINT64_C(1) << 45);
	fixture->count = 0;
	for (double end = clock_monotonic() + 2; !settle(fixture) && clock_monotonic() < end;)
		assert_int_equal(fixture->count, 0);
	assert_int_equal(fixture->count, 0);
}

/* Nobody was heard of: whoever else there is. */
static void test_unheard(void **state)
{
	struct fixture *fixture = *state;
	fixture->counter.now += 5 * PAGE;
	assert_true(settle(fixture));
	ASSERT_TOLD(fixture, {5 * PAGE, OTHER, HEAPSPY_NO_STACK});
	fixture->counter.now -= 5 * PAGE;
	assert_true(settle(fixture));
	ASSERT_TOLD(fixture, {-5 * PAGE, OTHER, OTHER});
}

/* ---- while calls are not told ---------------------------------------------------------- */

static bool find(struct fixture *fixture, unsigned page, uint64_t bytes)
{
	const struct record_change change = by(fixture, 50, 0);
	put_chunk(fixture, page, bytes);
	fixture->counter.now += bytes;
	return record_pieces_found(fixture->pieces, BASE + page * PAGE, PAGES * PAGE, &change);
}

static void test_found(void **state)
{
	struct fixture *fixture = *state;
	call(fixture, 1, PAGE, 0);
	grant(fixture, 0, PAGE);
	call(fixture, 2, 2 * PAGE, 0);
	grant(fixture, 2, 2 * PAGE);
	assert_true(settle(fixture));
	/* Those that asked for as much before; nobody did for three. */
	assert_true(find(fixture, 10, 2 * PAGE));
	assert_true(find(fixture, 12, PAGE));
	assert_true(find(fixture, 14, 3 * PAGE));
	assert_true(settle(fixture));
	ASSERT_TOLD(fixture, {2 * PAGE, 2, HEAPSPY_NO_STACK}, {PAGE, 1, HEAPSPY_NO_STACK},
		    {3 * PAGE, 50, HEAPSPY_NO_STACK});
	take_away(fixture, 14, 3 * PAGE);
	assert_true(settle(fixture));
	ASSERT_TOLD(fixture, {-3 * PAGE, OTHER, 50});
}

/* No chunk, and one that is known, to which what was mapped was joined. */
static void test_not_found(void **state)
{
	struct fixture *fixture = *state;
	const struct record_change change = by(fixture, 50, 0);
	call(fixture, 1, PAGE, 0);
	grant(fixture, 0, PAGE);
	assert_true(settle(fixture));
	assert_false(record_pieces_found(fixture->pieces, BASE, 2 * PAGE, &change));
	assert_false(record_pieces_found(fixture->pieces, BASE + 8 * PAGE, PAGE, &change));
	/* Its size is not that of a mapping so short. */
	put_chunk(fixture, 9, 3 * PAGE);
	assert_false(record_pieces_found(fixture->pieces, BASE + 9 * PAGE, PAGE, &change));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_comes_and_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_yet, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_beside_one_that_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_moved, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unheard, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_found, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
