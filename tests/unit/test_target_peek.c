/* SPDX-License-Identifier: MIT */
/* The fake target, and reading through the cache of pages over it. */
#include "unit.h"

#include "target/fake.h"
#include "target/peek.h"

enum { PAGE = 4096, BASE = 0x10000 };

static uint8_t memory[4 * PAGE];

/* Four pages, a page that is swapped out, a piece that ends inside of a page. */
static struct target *new_target(void)
{
	for (size_t i = 0; i < sizeof(memory); i++)
		memory[i] = i * 7 + i / PAGE;
	const struct fake_piece pieces[] = {
		{.address = BASE, .length = sizeof(memory), .bytes = memory},
		{.address = BASE + 8 * PAGE, .length = PAGE, .fault = FAULT_ABSENT},
		{.address = BASE + 16 * PAGE, .length = 100, .bytes = memory, .path = "/lib/x", .inode = 3},
		{.address = -(uint64_t)PAGE, .length = PAGE - 1, .bytes = memory},
	};
	struct target *target = fake_target_new(pieces, sizeof(pieces) / sizeof(*pieces));
	assert_non_null(target);
	return target;
}

static void fake_reads(void **state)
{
	(void)state;
	struct target *target = new_target();
	uint8_t buffer[6 * PAGE];
	size_t covered;
	assert_int_equal(target_read(target, BASE + 5, buffer, 2 * PAGE), FAULT_NONE);
	assert_memory_equal(buffer, memory + 5, 2 * PAGE);
	assert_int_equal(target_read(target, BASE + 3 * PAGE, buffer, 2 * PAGE), FAULT_UNMAPPED);
	assert_int_equal(target_read(target, BASE + 8 * PAGE, buffer, 1), FAULT_ABSENT);
	assert_int_equal(target_read_some(target, BASE + 2 * PAGE, buffer, 6 * PAGE, &covered), FAULT_NONE);
	assert_int_equal(covered, 2 * PAGE);
	assert_int_equal(buffer[2 * PAGE], 0);
	assert_int_equal(target_bytes_read(target), 2 * PAGE + PAGE + 2 * PAGE);

	struct target_read reads[] = {
		{BASE, buffer, 8, FAULT_NONE},
		{BASE + 6 * PAGE, buffer + 8, 8, FAULT_NONE},
		{BASE + 8, buffer + 16, 8, FAULT_TORN},
	};
	target_read_many(target, reads, 3);
	assert_int_equal(reads[0].fault, FAULT_NONE);
	assert_int_equal(reads[1].fault, FAULT_UNMAPPED);
	assert_int_equal(reads[2].fault, FAULT_NONE);
	assert_memory_equal(buffer + 16, memory + 8, 8);

	assert_int_equal(target_maps(target)->count, 4);
	assert_string_equal(maps_find(target_maps(target), BASE + 16 * PAGE)->path, "/lib/x");
	assert_int_equal(target_pid(target), 0);
	assert_int_equal(target_proc_directory(target), -1);
	assert_null(target_refresh(target));
	assert_int_equal(target_verify(target), FAULT_NONE);
	fake_target_fail(target, FAULT_GONE);
	assert_int_equal(target_verify(target), FAULT_GONE);
	assert_int_equal(target_read(target, BASE, buffer, 8), FAULT_GONE);
	assert_int_equal(target_read_some(target, BASE, buffer, 8, &covered), FAULT_GONE);
	target_free(target);
}

static void numbers(void **state)
{
	(void)state;
	struct target *target = new_target();
	struct peek *peek = peek_new(target);
	for (uint64_t at = 0; at < sizeof(memory) - 8; at += 3) {
		uint64_t value;
		memcpy(&value, memory + at, 8);
		assert_int_equal(peek_u64(peek, BASE + at), value);
		assert_int_equal(peek_i32(peek, BASE + at), (int32_t)value);
		assert_int_equal(peek_u16(peek, BASE + at), (uint16_t)value);
		assert_int_equal(peek_u8(peek, BASE + at), (uint8_t)value);
	}
	assert_int_equal(peek_take_fault(peek), FAULT_NONE);
	assert_ptr_equal(peek_target(peek), target);
	peek_free(peek);
	target_free(target);
}

static void faults_stick(void **state)
{
	(void)state;
	struct target *target = new_target();
	struct peek *peek = peek_new(target);
	assert_int_equal(peek_u64(peek, BASE + 4 * PAGE), 0);
	assert_int_equal(peek_u64(peek, BASE + 8 * PAGE), 0); /* not the first */
	assert_int_equal(peek_u64(peek, BASE + 8), 0);        /* would be fine without */
	uint8_t buffer[100];
	memset(buffer, 1, sizeof(buffer));
	peek_bytes(peek, BASE, buffer, sizeof(buffer));
	assert_int_equal(buffer[0] | buffer[99], 0);
	memset(buffer, 1, sizeof(buffer));
	peek_string(peek, BASE, (char *)buffer, sizeof(buffer));
	assert_int_equal(buffer[0], 0);
	assert_int_equal(peek_take_fault(peek), FAULT_UNMAPPED);
	assert_int_equal(peek_take_fault(peek), FAULT_NONE);
	assert_int_not_equal(peek_u64(peek, BASE + 8), 0);
	peek_raise(peek, FAULT_STRANGE);
	peek_raise(peek, FAULT_TORN);
	assert_int_equal(peek_take_fault(peek), FAULT_STRANGE);
	peek_free(peek);
	target_free(target);
}

static void edges(void **state)
{
	(void)state;
	struct target *target = new_target();
	struct peek *peek = peek_new(target);
	/* The rest of the page is not there: just these bytes are. */
	assert_memory_equal(peek_at(peek, BASE + 16 * PAGE + 92, 8), memory + 92, 8);
	assert_int_equal(peek_take_fault(peek), FAULT_NONE);
	assert_int_equal(peek_u64(peek, BASE + 16 * PAGE + 93), 0);
	assert_int_equal(peek_take_fault(peek), FAULT_UNMAPPED);
	/* The end of the address space. */
	assert_int_equal(peek_u8(peek, UINT64_MAX - 1), memory[PAGE - 2]);
	assert_int_equal(peek_take_fault(peek), FAULT_NONE);
	assert_int_equal(peek_u8(peek, UINT64_MAX), 0);
	assert_int_equal(peek_take_fault(peek), FAULT_UNMAPPED);
	assert_int_equal(peek_u64(peek, UINT64_MAX - 3), 0);
	assert_int_equal(peek_take_fault(peek), FAULT_UNMAPPED);
	/* Lengths. */
	assert_memory_equal(peek_at(peek, BASE + 1, PAGE), memory + 1, PAGE);
	assert_non_null(peek_at(peek, BASE, 0));
	assert_int_equal(peek_take_fault(peek), FAULT_NONE);
	assert_non_null(peek_at(peek, BASE, PAGE + 1));
	assert_int_equal(peek_take_fault(peek), FAULT_STRANGE);
	uint8_t buffer[sizeof(memory)];
	peek_bytes(peek, BASE, buffer, sizeof(memory));
	assert_memory_equal(buffer, memory, sizeof(memory));
	peek_bytes(peek, 0, NULL, 0);
	assert_int_equal(peek_take_fault(peek), FAULT_NONE);
	peek_free(peek);
	target_free(target);
}

static void strings(void **state)
{
	(void)state;
	struct target *target = new_target();
	struct peek *peek = peek_new(target);
	memset(memory, 'a', sizeof(memory));
	memory[PAGE + 10] = '\0';
	char buffer[PAGE];
	peek_string(peek, BASE + PAGE - 5, buffer, sizeof(buffer));
	assert_int_equal(strlen(buffer), 15);
	peek_string(peek, BASE + PAGE - 5, buffer, 8);
	assert_string_equal(buffer, "aaaaaaa");
	peek_string(peek, BASE + PAGE + 10, buffer, sizeof(buffer));
	assert_string_equal(buffer, "");
	memset(buffer, 'x', sizeof(buffer));
	peek_string(peek, BASE, buffer, 1);
	assert_string_equal(buffer, "");
	peek_string(peek, BASE, buffer, 0);
	assert_int_equal(peek_take_fault(peek), FAULT_NONE);
	/* No end before the memory ends. */
	peek_string(peek, BASE + 4 * PAGE - 3, buffer, sizeof(buffer));
	assert_string_equal(buffer, "");
	assert_int_equal(peek_take_fault(peek), FAULT_UNMAPPED);
	peek_free(peek);
	target_free(target);
}

static void cached_until_forgotten(void **state)
{
	(void)state;
	struct target *target = new_target();
	struct peek *peek = peek_new(target);
	assert_int_equal(peek_u8(peek, BASE), memory[0]);
	uint64_t read = target_bytes_read(target);
	memory[0] = 99;
	assert_int_not_equal(peek_u8(peek, BASE), 99);
	assert_int_equal(target_bytes_read(target), read);
	peek_forget(peek);
	assert_int_equal(peek_u8(peek, BASE), 99);
	peek_free(peek);
	target_free(target);
}

/* Far more pages than the cache holds. */
static void many_pages(void **state)
{
	(void)state;
	enum { PAGES = 5000 };
	uint32_t *numbered = malloc((size_t)PAGES * PAGE);
	for (uint32_t i = 0; i < PAGES * (PAGE / 4); i++)
		numbered[i] = i;
	const struct fake_piece piece = {
		.address = BASE, .length = (size_t)PAGES * PAGE, .bytes = numbered};
	struct target *target = fake_target_new(&piece, 1);
	struct peek *peek = peek_new(target);
	srand(3);
	for (int i = 0; i < 200000; i++) {
		uint32_t at = ((uint64_t)rand() << 8 ^ rand()) % (PAGES * (PAGE / 4));
		assert_int_equal(peek_u32(peek, BASE + at * 4ull), at);
	}
	assert_int_equal(peek_take_fault(peek), FAULT_NONE);
	peek_free(peek);
	target_free(target);
	free(numbered);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(fake_reads),      cmocka_unit_test(numbers),
		cmocka_unit_test(faults_stick),    cmocka_unit_test(edges),
		cmocka_unit_test(strings),         cmocka_unit_test(cached_until_forgotten),
		cmocka_unit_test(many_pages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
