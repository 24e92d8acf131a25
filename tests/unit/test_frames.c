/* SPDX-License-Identifier: MIT */
/* Stacks on made-up memory: whole ones, and ones that were made to hurt. */
#include "unit.h"

#include "python/frames.h"
#include "python/lines.h"
#include "target/fake.h"

/* CPython 3.12, where everything that can be wrong with a frame is at hand. */
enum { MEMORY = 1 << 16, BASE = 0x10000 };

enum {
	AT_TYPE_TYPE = BASE + 0x100,
	AT_CODE_TYPE = BASE + 0x400,
	AT_STR_TYPE = BASE + 0x700,
	AT_TEXT = BASE + 0xa00,
	AT_NAME = BASE + 0xb00,
	AT_LINES = BASE + 0xc00,
	AT_CODE = BASE + 0xd00,
	AT_THREAD = BASE + 0x1000,
	AT_CFRAME = BASE + 0x1400,
	AT_FRAMES = BASE + 0x2000,
	FRAME_SIZE = 0x80,
};

struct fixture {
	uint8_t bytes[MEMORY];
	struct python python;
	struct frames *frames;
	struct frame_list list;
};

#define AT(name, field) ((uint64_t)OFFSET(&fixture->python.layout, name, field))

static void put(struct fixture *fixture, uint64_t address, uint64_t value, size_t size)
{
	memcpy(fixture->bytes + (address - BASE), &value, size);
}

static uint64_t frame_at(unsigned number)
{
	return AT_FRAMES + number * FRAME_SIZE;
}

static void put_type(struct fixture *fixture, uint64_t address, const char *name, uint64_t at_name,
		     uint64_t flags)
{
	strcpy((char *)fixture->bytes + (at_name - BASE), name);
	put(fixture, address + AT(Object, ob_type), AT_TYPE_TYPE, 8);
	put(fixture, address + AT(TypeObject, tp_name), at_name, 8);
	put(fixture, address + AT(TypeObject, tp_flags), flags, 8);
}

static void put_frame(struct fixture *fixture, unsigned number, uint64_t previous, int position)
{
	uint64_t frame = frame_at(number), first = AT_CODE + AT(CodeObject, co_code_adaptive);
	put(fixture, frame + AT(InterpreterFrame, f_code), AT_CODE, 8);
	put(fixture, frame + AT(InterpreterFrame, previous), previous, 8);
	put(fixture, frame + AT(InterpreterFrame, instr_ptr), first + (uint64_t)position, 8);
	put(fixture, frame + AT(InterpreterFrame, owner), 0, 1);
}

/* A str "run" as name of all, and the line table of a function: line 8, then 9. */
static void put_code(struct fixture *fixture)
{
	put(fixture, AT_TEXT + AT(Object, ob_type), AT_STR_TYPE, 8);
	put(fixture, AT_TEXT + AT(ASCIIObject, length), 3, 8);
	uint32_t state = 1u << AT(ASCIIObject, state_kind) % 32 |
			 1u << AT(ASCIIObject, state_compact) % 32 |
			 1u << AT(ASCIIObject, state_ascii) % 32;
	put(fixture, AT_TEXT + AT(ASCIIObject, state_kind) / 32 * 4, state, 4);
	put(fixture, AT_TEXT + (uint64_t)SIZEOF(&fixture->python.layout, ASCIIObject), 0x6e7572, 8);
	put(fixture, AT_LINES + AT(VarObject, ob_size), 6, 8);
	put(fixture, AT_LINES + AT(BytesObject, ob_sval), 0x0001d90001d8, 8);
	put(fixture, AT_CODE + AT(Object, ob_type), AT_CODE_TYPE, 8);
	put(fixture, AT_CODE + AT(CodeObject, co_qualname), AT_TEXT, 8);
	put(fixture, AT_CODE + AT(CodeObject, co_filename), AT_TEXT, 8);
	put(fixture, AT_CODE + AT(CodeObject, co_linetable), AT_LINES, 8);
	put(fixture, AT_CODE + AT(CodeObject, co_firstlineno), 7, 4);
	put(fixture, AT_CODE + AT(CodeObject, co_firsttraceable), 1, 4);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const struct layout_row *row;
	assert_int_equal(layout_table_candidates(PYTHON_VERSION(3, 12), &row, 1), 1);
	layout_from_row(row, &fixture->python.layout);
	fixture->python.hexversion = PYTHON_VERSION(3, 12) | 0x1f0;
	fixture->python.type_type = AT_TYPE_TYPE;
	put_type(fixture, AT_TYPE_TYPE, "type", AT_NAME, 0);
	put_type(fixture, AT_CODE_TYPE, "code", AT_NAME + 16, 0);
	put_type(fixture, AT_STR_TYPE, "str", AT_NAME + 32, UINT64_C(1) << 28);
	put_code(fixture);
	put(fixture, AT_THREAD + AT(ThreadState, cframe), AT_CFRAME, 8);
	put(fixture, AT_CFRAME + AT(CFrame, current_frame), frame_at(0), 8);

	const struct fake_piece piece = {
		.address = BASE, .length = MEMORY, .bytes = fixture->bytes};
	fixture->python.target = fake_target_new(&piece, 1);
	fixture->python.peek = peek_new(fixture->python.target);
	fixture->frames = frames_new(&fixture->python);
	assert_non_null(fixture->frames);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	frames_free(fixture->frames);
	frame_list_fini(&fixture->list);
	peek_free(fixture->python.peek);
	target_free(fixture->python.target);
	free(fixture);
	return 0;
}

static enum fault walk(struct fixture *fixture)
{
	peek_forget(fixture->python.peek);
	return frames_walk(fixture->frames, AT_THREAD, &fixture->list);
}

static void test_whole(void **state)
{
	struct fixture *fixture = *state;
	put_frame(fixture, 0, frame_at(1), 2);
	put_frame(fixture, 1, frame_at(2), 6);
	put_frame(fixture, 2, frame_at(3), 4);
	put(fixture, frame_at(2) + AT(InterpreterFrame, owner), 3, 1); /* the interpreter's own */
	put_frame(fixture, 3, 0, 0); /* it has not begun */
	assert_int_equal(walk(fixture), FAULT_NONE);
	assert_int_equal(fixture->list.count, 2);
	assert_false(fixture->list.cut);
	assert_int_equal(fixture->list.items[1].address, frame_at(1));

	struct frame_place place;
	assert_int_equal(frames_describe(fixture->frames, &fixture->list.items[0], &place),
			 FAULT_NONE);
	assert_string_equal(place.function, "run");
	assert_string_equal(place.file, "run");
	assert_int_equal(place.line, 9);
	/* Beyond the table. */
	assert_int_equal(frames_describe(fixture->frames, &fixture->list.items[1], &place),
			 FAULT_NONE);
	assert_int_equal(place.line, LINE_NONE);
}

static void test_no_frames(void **state)
{
	struct fixture *fixture = *state;
	put(fixture, AT_CFRAME + AT(CFrame, current_frame), 0, 8);
	assert_int_equal(walk(fixture), FAULT_NONE);
	assert_int_equal(fixture->list.count, 0);
}

static void test_circles(void **state)
{
	struct fixture *fixture = *state;
	enum { FRAMES = 100 };
	for (unsigned back = 0; back < FRAMES; back += 7) {
		for (unsigned i = 0; i < FRAMES; i++)
			put_frame(fixture, i, frame_at(i + 1 < FRAMES ? i + 1 : back), 2);
		assert_int_equal(walk(fixture), FAULT_STRANGE);
		assert_true(fixture->list.count < 8 * FRAMES);
	}
}

static void test_circle_of_hidden_frames(void **state)
{
	struct fixture *fixture = *state;
	put_frame(fixture, 0, frame_at(1), 2);
	put_frame(fixture, 1, frame_at(2), 0);
	put_frame(fixture, 2, frame_at(1), 0);
	assert_int_equal(walk(fixture), FAULT_STRANGE);
}

static void test_astray(void **state)
{
	struct fixture *fixture = *state;
	const struct {
		uint64_t previous;
		enum fault fault;
	} cases[] = {
		{0x50000, FAULT_UNMAPPED},
		{UINT64_MAX - 7, FAULT_UNMAPPED},
		{frame_at(1) + 1, FAULT_STRANGE}, /* not aligned */
		{AT_TYPE_TYPE, FAULT_STRANGE},    /* no frame: its code is none */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		put_frame(fixture, 0, cases[i].previous, 2);
		assert_int_equal(walk(fixture), cases[i].fault);
		assert_int_equal(fixture->list.count, 1);
	}
}

static void test_owner_that_is_none(void **state)
{
	struct fixture *fixture = *state;
	put_frame(fixture, 0, 0, 2);
	put(fixture, frame_at(0) + AT(InterpreterFrame, owner), 77, 1);
	assert_int_equal(walk(fixture), FAULT_STRANGE);
}

static void test_hostile_code(void **state)
{
	struct fixture *fixture = *state;
	put_frame(fixture, 0, 0, 2);
	assert_int_equal(walk(fixture), FAULT_NONE);
	struct frame_place place;
	/* A table longer than memory, then one that is too long to be one. */
	put(fixture, AT_LINES + AT(VarObject, ob_size), MEMORY, 8);
	peek_forget(fixture->python.peek);
	assert_int_equal(frames_describe(fixture->frames, &fixture->list.items[0], &place),
			 FAULT_UNMAPPED);
	put(fixture, AT_LINES + AT(VarObject, ob_size), UINT64_MAX, 8);
	peek_forget(fixture->python.peek);
	assert_int_equal(frames_describe(fixture->frames, &fixture->list.items[0], &place),
			 FAULT_NONE);
	assert_int_equal(place.line, LINE_NONE);
	/* A name that is no str. */
	put(fixture, AT_CODE + AT(CodeObject, co_qualname), AT_LINES, 8);
	peek_forget(fixture->python.peek);
	assert_int_not_equal(frames_describe(fixture->frames, &fixture->list.items[0], &place),
			     FAULT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_frames, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_circles, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_circle_of_hidden_frames, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_astray, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_owner_that_is_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile_code, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
