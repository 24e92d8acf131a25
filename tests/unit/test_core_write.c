/* SPDX-License-Identifier: MIT */
/* What is written as a core and read again is the same memory. */
#include "unit.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/core/core.h"
#include "target/core/write.h"
#include "target/fake.h"

enum { PAGE = 4096, PROGRAM = 0x400000, LIBRARY = 0x500000, HEAP = 0x1000000 };

/* Of a page of `data`. */
#define PIECE(at, rights, ...)                                                                     \
	{.address = at, .length = PAGE, .bytes = data, .flags = rights, __VA_ARGS__}
#define LIBRARY_FILE .path = "/lib/x.so", .inode = 5
#define DATA_FILE .path = "/data", .inode = 6

static const struct core_writing plain = {.about = "{\"a\": 1}"};

static uint8_t heap[64 * PAGE], library[PAGE], data[PAGE];

static void fill(void)
{
	for (size_t i = 0; i < sizeof(heap); i++)
		heap[i] = i / PAGE % 4 == 1 ? 0 : (uint8_t)(i * 13 + i / PAGE + 1);
	memcpy(library, ELFMAG, SELFMAG);
	memset(data, 7, sizeof(data));
}

static int new_file(void)
{
	int fd = memfd_create("snapshot", MFD_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static struct target *write_and_open(struct target *source, struct core_written *ret_written)
{
	int fd = new_file();
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct target *copy = NULL;
	assert_no_error(core_write(source, fd, &plain, ret_written));
	assert_no_error(target_open_core(path, &copy));
	struct stat stat;
	assert_int_equal(fstat(fd, &stat), 0);
	assert_int_equal(stat.st_size, ret_written->size);
	close(fd);
	return copy;
}

static void assert_same_maps(const struct target *a, const struct target *b)
{
	assert_int_equal(target_maps(a)->count, target_maps(b)->count);
	for (size_t i = 0; i < target_maps(a)->count; i++) {
		const struct mapping *left = &target_maps(a)->items[i],
				     *right = &target_maps(b)->items[i];
		assert_int_equal(left->start, right->start);
		assert_int_equal(left->end, right->end);
		assert_int_equal(left->offset, right->offset);
		assert_int_equal(left->flags, right->flags);
		assert_int_equal(left->inode, right->inode);
		assert_string_equal(left->path, right->path);
	}
}

/* Page by page: what could be read is the same, what could not is absent. */
static void assert_same_memory(struct target *source, struct target *copy, uint64_t start,
			       uint64_t end)
{
	for (uint64_t at = start; at < end; at += PAGE) {
		uint8_t theirs[PAGE], ours[PAGE];
		enum fault fault = target_read(source, at, theirs, PAGE);
		assert_int_equal(target_read(copy, at, ours, PAGE),
				 fault == FAULT_NONE ? FAULT_NONE : FAULT_ABSENT);
		if (fault == FAULT_NONE)
			assert_memory_equal(theirs, ours, PAGE);
	}
}

static void memory_comes_back(void **state)
{
	(void)state;
	const struct fake_piece pieces[] = {
		{.address = HEAP, .length = sizeof(heap), .bytes = heap}};
	struct target *source = fake_target_new(pieces, 1);
	struct core_written written;
	struct target *copy = write_and_open(source, &written);
	assert_same_maps(source, copy);
	assert_same_memory(source, copy, HEAP, HEAP + sizeof(heap));
	assert_string_equal(target_core_facts(copy)->about, "{\"a\": 1}");
	assert_int_equal(written.memory, sizeof(heap));
	assert_int_equal(written.missing, 0);
	/* A quarter of its pages are zeros. */
	assert_true(written.stored < sizeof(heap) * 3 / 4 + 3 * PAGE);
	assert_true(written.stored >= sizeof(heap) * 3 / 4);

	/* And once more, from the copy. */
	struct core_written again;
	struct target *second = write_and_open(copy, &again);
	assert_same_maps(source, second);
	assert_same_memory(source, second, HEAP, HEAP + sizeof(heap));
	assert_int_equal(again.stored, written.stored);
	target_free(second);
	target_free(copy);
	target_free(source);
}

static void what_is_missing_stays_missing(void **state)
{
	(void)state;
	struct fake_piece pieces[64];
	uint64_t missing = 0;
	/* One mapping after the other, each third one with a page that cannot be had. */
	for (size_t i = 0; i < 64; i++) {
		pieces[i] = (struct fake_piece){
			.address = HEAP + i * PAGE,
			.length = PAGE,
			.bytes = heap + i * PAGE,
			.fault = i % 3 == 2 ? FAULT_ABSENT : FAULT_NONE,
		};
		missing += i % 3 == 2 ? PAGE : 0;
	}
	struct target *source = fake_target_new(pieces, 64);
	/* One mapping for all, so that it has gaps. */
	struct maps *maps = (struct maps *)(uintptr_t)target_maps(source);
	maps->items[0].end = HEAP + 64 * PAGE;
	maps->count = 1;
	struct core_written written;
	struct target *copy = write_and_open(source, &written);
	assert_int_equal(written.missing, missing);
	assert_same_memory(source, copy, HEAP, HEAP + 64 * PAGE);
	target_free(copy);
	target_free(source);
}

static void what_is_left_out(void **state)
{
	(void)state;
	enum { R = MAPPING_READ, W = MAPPING_WRITE, X = MAPPING_EXEC, S = MAPPING_SHARED };
	const struct fake_piece pieces[] = {
		/* A library: its beginning and constants, not its code, its data. */
		{.address = LIBRARY, .length = PAGE, .bytes = library, .flags = R, LIBRARY_FILE},
		PIECE(LIBRARY + PAGE, R | X, LIBRARY_FILE),
		PIECE(LIBRARY + 2 * PAGE, R, LIBRARY_FILE),
		PIECE(LIBRARY + 3 * PAGE, R | W, LIBRARY_FILE),
		/* Other files, shared memory, generated code, guard pages, the kernel's own. */
		PIECE(HEAP, R, DATA_FILE),
		PIECE(HEAP + 2 * PAGE, R | W, DATA_FILE),
		PIECE(HEAP + 4 * PAGE, R | W | S, .path = ""),
		PIECE(HEAP + 6 * PAGE, R | X, .path = ""),
		PIECE(HEAP + 8 * PAGE, X, .path = ""),
		PIECE(HEAP + 10 * PAGE, R, .path = "[vvar]"),
		PIECE(HEAP + 12 * PAGE, R | W, .path = "[heap]"),
	};
	static const bool kept[] = {[0] = true, [2] = true, [3] = true, [10] = true, [11] = false};
	size_t count = sizeof(pieces) / sizeof(*pieces);
	struct target *source = fake_target_new(pieces, count);
	struct maps *maps = (struct maps *)(uintptr_t)target_maps(source);
	for (size_t i = 1; i < 4; i++)
		maps->items[i].offset = i * PAGE;
	struct core_written written;
	struct target *copy = write_and_open(source, &written);
	assert_same_maps(source, copy);
	for (size_t i = 0; i < count; i++) {
		uint8_t byte;
		assert_int_equal(target_read(copy, pieces[i].address, &byte, 1),
				 kept[i] ? FAULT_NONE : FAULT_ABSENT);
	}
	assert_int_equal(written.memory, 4 * PAGE);
	target_free(copy);
	target_free(source);
}

/* Ranges that the caller does not want, across mappings. */
static void what_is_not_wanted(void **state)
{
	(void)state;
	const struct fake_piece pieces[] = {
		{.address = HEAP, .length = 8 * PAGE, .bytes = heap},
		{.address = HEAP + 8 * PAGE, .length = 8 * PAGE, .bytes = heap + 8 * PAGE},
		{.address = HEAP + 32 * PAGE, .length = 8 * PAGE, .bytes = heap + 32 * PAGE},
	};
	static const struct address_range ranges[] = {
		{HEAP - 4 * PAGE, HEAP - 2 * PAGE},
		{HEAP + 2 * PAGE, HEAP + 3 * PAGE},
		{HEAP + 6 * PAGE, HEAP + 10 * PAGE},
		{HEAP + 30 * PAGE, HEAP + 100 * PAGE},
	};
	const struct core_writing writing = {
		.about = "{}", .left_out = ranges, .left_out_count = 4};
	struct target *source = fake_target_new(pieces, 3), *copy = NULL;
	struct core_written written;
	int fd = new_file();
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_no_error(core_write(source, fd, &writing, &written));
	assert_no_error(target_open_core(path, &copy));
	close(fd);
	assert_same_maps(source, copy);
	assert_same_memory(source, copy, HEAP, HEAP + 2 * PAGE);
	assert_same_memory(source, copy, HEAP + 3 * PAGE, HEAP + 6 * PAGE);
	assert_same_memory(source, copy, HEAP + 10 * PAGE, HEAP + 16 * PAGE);
	static const uint64_t gone[] = {HEAP + 2 * PAGE, HEAP + 6 * PAGE, HEAP + 9 * PAGE,
					HEAP + 32 * PAGE};
	for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++) {
		uint8_t byte;
		assert_int_equal(target_read(copy, gone[i], &byte, 1), FAULT_ABSENT);
	}
	assert_int_equal(written.memory, 11 * PAGE);
	assert_int_equal(written.missing, 0);
	target_free(copy);
	target_free(source);
}

static void shout(void *context, uint64_t address, uint8_t *bytes, size_t length)
{
	uint64_t *last = context;
	assert_true(address >= *last);
	assert_true(address >> 20 == (address + length - 1) >> 20);
	*last = address + length;
	for (size_t i = 0; i < length; i++)
		bytes[i] = bytes[i] == 7 ? 8 : bytes[i];
}

/* It sees private memory, in pieces, and no files. */
static void what_a_filter_changes(void **state)
{
	(void)state;
	const struct fake_piece pieces[] = {
		{.address = LIBRARY,
		 .length = PAGE,
		 .bytes = library,
		 .flags = MAPPING_READ,
		 LIBRARY_FILE},
		{.address = LIBRARY + PAGE, .length = PAGE, .bytes = data, LIBRARY_FILE},
		{.address = HEAP - PAGE, .length = PAGE, .bytes = data},
		{.address = HEAP, .length = 3 << 20, .bytes = NULL},
		{.address = HEAP + (3 << 20), .length = PAGE, .bytes = data},
	};
	uint64_t last = 0;
	const struct core_writing writing = {.about = "{}", .filter = shout, .context = &last};
	struct target *source = fake_target_new(pieces, 5), *copy = NULL;
	struct core_written written;
	int fd = new_file();
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_no_error(core_write(source, fd, &writing, &written));
	assert_no_error(target_open_core(path, &copy));
	close(fd);
	static const struct {
		uint64_t address;
		uint8_t byte;
	} expected[] = {{LIBRARY + PAGE, 7}, {HEAP - PAGE, 8}, {HEAP, 0}, {HEAP + (3 << 20), 8}};
	for (size_t i = 0; i < 4; i++) {
		uint8_t byte;
		assert_int_equal(target_read(copy, expected[i].address, &byte, 1), FAULT_NONE);
		assert_int_equal(byte, expected[i].byte);
	}
	assert_int_equal(last, HEAP + (3 << 20) + PAGE);
	target_free(copy);
	target_free(source);
}

/* The file is as long as its headers say, though nothing is written at its end. */
static void zeros_at_the_end(void **state)
{
	(void)state;
	const struct fake_piece pieces[] = {{.address = HEAP, .length = 100 * PAGE}};
	struct target *source = fake_target_new(pieces, 1);
	struct core_written written;
	struct target *copy = write_and_open(source, &written);
	assert_int_equal(target_core_facts(copy)->cut_off, 0);
	assert_same_memory(source, copy, HEAP, HEAP + 100 * PAGE);
	assert_true(written.stored < 16 * PAGE);
	target_free(copy);
	target_free(source);
}

/* More segments than 16 bits count. */
static void many_mappings(void **state)
{
	(void)state;
	enum { COUNT = 66000 };
	struct fake_piece *pieces = calloc(COUNT, sizeof(*pieces));
	for (size_t i = 0; i < COUNT; i++)
		pieces[i] = (struct fake_piece){.address = HEAP + 2 * i * PAGE,
						.length = PAGE,
						.bytes = data,
						.flags = MAPPING_EXEC};
	/* Those in between are left out without being looked at. */
	pieces[0].flags = pieces[COUNT - 1].flags = 0;
	struct target *source = fake_target_new(pieces, COUNT);
	struct core_written written;
	struct target *copy = write_and_open(source, &written);
	assert_int_equal(target_maps(copy)->count, COUNT);
	assert_int_equal(written.memory, 2 * PAGE);
	assert_same_memory(source, copy, pieces[COUNT - 1].address,
			   pieces[COUNT - 1].address + PAGE);
	target_free(copy);
	target_free(source);
	free(pieces);
}

static void no_memory_at_all(void **state)
{
	(void)state;
	struct target *source = fake_target_new(NULL, 0), *copy;
	struct core_written written;
	int fd = new_file();
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_no_error(core_write(source, fd, &plain, &written));
	struct heapspy_error *error = target_open_core(path, &copy);
	assert_int_equal(error->code, HEAPSPY_BAD_FILE);
	heapspy_error_free(error);
	close(fd);
	target_free(source);
}

static void target_goes_away(void **state)
{
	(void)state;
	const struct fake_piece pieces[] = {{.address = HEAP, .length = PAGE, .bytes = heap}};
	struct target *source = fake_target_new(pieces, 1);
	fake_target_fail(source, FAULT_GONE);
	struct core_written written;
	int fd = new_file();
	struct heapspy_error *error = core_write(source, fd, &plain, &written);
	assert_int_equal(error->code, HEAPSPY_GONE);
	heapspy_error_free(error);
	close(fd);
	target_free(source);
}

static void disk_is_full(void **state)
{
	(void)state;
	const struct fake_piece pieces[] = {
		{.address = HEAP, .length = sizeof(heap), .bytes = heap}};
	struct target *source = fake_target_new(pieces, 1);
	struct core_written written;
	static const struct {
		const char *path;
		int errnum;
	} places[] = {{"/dev/full", ENOSPC}, {"/proc/self/stat", EBADF}};
	for (size_t i = 0; i < 2; i++) {
		int fd = open(places[i].path, i == 0 ? O_WRONLY : O_RDONLY);
		struct heapspy_error *error = core_write(source, fd, &plain, &written);
		assert_int_equal(error->code, HEAPSPY_OUTPUT);
		assert_int_equal(error->errnum, places[i].errnum);
		heapspy_error_free(error);
		close(fd);
	}
	target_free(source);
}

int main(void)
{
	fill();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_comes_back),
		cmocka_unit_test(what_is_missing_stays_missing),
		cmocka_unit_test(what_is_left_out),
		cmocka_unit_test(what_is_not_wanted),
		cmocka_unit_test(what_a_filter_changes),
		cmocka_unit_test(zeros_at_the_end),
		cmocka_unit_test(many_mappings),
		cmocka_unit_test(no_memory_at_all),
		cmocka_unit_test(target_goes_away),
		cmocka_unit_test(disk_is_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
