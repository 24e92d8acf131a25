/* SPDX-License-Identifier: MIT */
/* A copy of a process says what the process says, and making it leaves no trace. */
#include "unit.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "target/stop/stop.h"
#include "target/target.h"

enum { PAGE = 4096, MIB = 1 << 20 };

static struct target *open_target(const struct child *child)
{
	struct target *target = NULL;
	assert_no_error(target_open_process(child->pid, &target));
	return target;
}

static struct target *copy_of(struct target *live, const struct stop_plan *plan,
			      struct stop_report *report)
{
	struct target *image = NULL;
	assert_no_error(stop_and_copy(live, plan, &image, report));
	assert_true(report->one_instant);
	return image;
}

/* ---- memory in every state ------------------------------------------------ */

struct states {
	char *touched, *untouched, *given_back, *no_access, *shared, *left_out, *ends;
	char *file_read, *file_written;
};

static char *map(size_t length, int protection, int flags, int fd)
{
	char *memory = mmap(NULL, length, protection, flags, fd, 0);
	if (memory == MAP_FAILED)
		_exit(1);
	if (fd < 0)
		madvise(memory, length, MADV_NOHUGEPAGE);
	return memory;
}

/* Its name is gone: it can only be had through the mapping. */
static int file_of(size_t pages)
{
	char path[] = "/tmp/heapspy-image-XXXXXX", page[PAGE];
	int fd = mkstemp(path);
	for (size_t i = 0; i < pages; i++) {
		memset(page, 'A' + (int)i, PAGE);
		if (write(fd, page, PAGE) != PAGE)
			_exit(1);
	}
	unlink(path);
	return fd;
}

static void make_states(void *context)
{
	(void)context;
	int rw = PROT_READ | PROT_WRITE, anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
	struct states states = {
		.touched = map(8 * PAGE, rw, anonymous, -1),
		.untouched = map(64 * PAGE, rw, anonymous, -1),
		.given_back = map(8 * PAGE, rw, anonymous, -1),
		.no_access = map(4 * PAGE, rw, anonymous, -1),
		.shared = map(2 * PAGE, rw, MAP_SHARED | MAP_ANONYMOUS, -1),
		.left_out = map(64 * PAGE, rw, anonymous, -1),
		.ends = map(6 * PAGE, rw, anonymous, -1),
	};
	memset(states.touched, 't', 8 * PAGE);
	states.untouched[9 * PAGE] = 'u';
	memset(states.given_back, 'g', 8 * PAGE);
	madvise(states.given_back, 8 * PAGE, MADV_DONTNEED);
	memset(states.no_access, 'n', 4 * PAGE);
	mprotect(states.no_access, 4 * PAGE, PROT_NONE);
	memset(states.shared, 's', PAGE);
	memset(states.left_out, 'l', 64 * PAGE);
	memset(states.ends, 'e', 6 * PAGE);
	munmap(states.ends + 4 * PAGE, 2 * PAGE);

	int fd = file_of(4);
	states.file_read = map(4 * PAGE, PROT_READ, MAP_PRIVATE, fd);
	states.file_written = map(4 * PAGE, rw, MAP_PRIVATE, fd);
	states.file_written[PAGE] = 'w';
	char seen = *(volatile char *)(states.file_written + 2 * PAGE);
	(void)seen;
	child_say(&states, sizeof(states));
	child_wait();
}

static void assert_reads(struct target *target, const char *address, size_t length, char byte)
{
	char *buffer = malloc(length);
	assert_int_equal(target_read(target, (uintptr_t)address, buffer, length), FAULT_NONE);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(buffer[i], byte);
	free(buffer);
}

static void assert_fault(struct target *target, const char *address, size_t length,
			 enum fault fault)
{
	char *buffer = malloc(length);
	memset(buffer, 'x', length);
	assert_int_equal(target_read(target, (uintptr_t)address, buffer, length), fault);
	free(buffer);
}

static void check_states(struct target *image, const struct states *states)
{
	assert_reads(image, states->touched, 8 * PAGE, 't');
	assert_reads(image, states->touched + 100, 17, 't');
	assert_reads(image, states->untouched, 9 * PAGE, 0);
	assert_reads(image, states->untouched + 9 * PAGE, 1, 'u');
	assert_reads(image, states->untouched + 9 * PAGE + 1, 20 * PAGE, 0);
	assert_reads(image, states->given_back, 8 * PAGE, 0);
	assert_fault(image, states->no_access, PAGE, FAULT_DENIED);
	assert_fault(image, states->shared, PAGE, FAULT_ABSENT);
	assert_reads(image, states->left_out, PAGE, 'l');
	assert_fault(image, states->left_out + PAGE, 8, FAULT_ABSENT);
	assert_fault(image, states->left_out + 63 * PAGE, PAGE, FAULT_ABSENT);
	assert_reads(image, states->ends + 3 * PAGE, PAGE, 'e');
	assert_fault(image, states->ends + 4 * PAGE - 8, 16, FAULT_UNMAPPED);
	assert_fault(image, NULL, 8, FAULT_UNMAPPED);
	assert_fault(image, (char *)-8, 16, FAULT_UNMAPPED);
	for (size_t i = 0; i < 4; i++)
		assert_reads(image, states->file_read + i * PAGE, PAGE, 'A' + (char)i);
	assert_reads(image, states->file_written, PAGE, 'A');
	assert_reads(image, states->file_written + PAGE, 1, 'w');
	assert_reads(image, states->file_written + PAGE + 1, PAGE - 1, 'B');
	assert_reads(image, states->file_written + 2 * PAGE, PAGE, 'C');

	char buffer[4 * PAGE];
	size_t covered = 0;
	assert_int_equal(target_read_some(image, (uintptr_t)(states->ends + 2 * PAGE), buffer,
					  sizeof(buffer), &covered), FAULT_NONE);
	assert_int_equal(covered, 2 * PAGE);
	assert_int_equal(buffer[2 * PAGE], 0);

	struct target_read reads[] = {
		{(uintptr_t)states->touched, buffer, 8, FAULT_NONE},
		{(uintptr_t)states->left_out + PAGE, buffer + 8, 8, FAULT_NONE},
		{(uintptr_t)states->file_read, buffer + 16, 8, FAULT_NONE},
	};
	target_read_many(image, reads, 3);
	assert_int_equal(reads[0].fault, FAULT_NONE);
	assert_int_equal(reads[1].fault, FAULT_ABSENT);
	assert_int_equal(reads[2].fault, FAULT_NONE);
	assert_memory_equal(buffer, "tttttttt\0\0\0\0\0\0\0\0AAAAAAAA", 24);
}

static void every_state(void **state)
{
	(void)state;
	struct states states;
	struct child child = child_start(make_states, NULL);
	child_hear(&child, &states, sizeof(states));
	struct target *live = open_target(&child);
	struct address_range left_out = {(uintptr_t)states.left_out + PAGE,
					 (uintptr_t)states.left_out + 64 * PAGE};
	child_settle(&child);
	uint64_t rss = child_status(&child, "VmRSS"), tables = child_status(&child, "VmPTE");
	for (unsigned stopped = 0; stopped < 2; stopped++) {
		struct stop_plan plan = {.left_out = &left_out, .left_out_count = 1,
					 .always_stop = stopped};
		struct stop_report report;
		struct target *image = copy_of(live, &plan, &report);
		assert_int_equal(report.stopped, stopped);
		assert_int_equal(report.threads_stopped, stopped);
		assert_true(stopped ? report.pause > 0 : report.pause == 0);
		assert_true(report.bytes >= 25 * PAGE);
		check_states(image, &states);
		assert_int_equal(target_verify(image), FAULT_NONE);
		assert_int_equal(target_pid(image), child.pid);
		target_free(image);
	}
	assert_int_equal(child_status(&child, "VmRSS"), rss);
	assert_int_equal(child_status(&child, "VmPTE"), tables);
	target_free(live);
	child_end(&child);
}

/* What was copied outlives the process. */
static void outlives(void **state)
{
	(void)state;
	struct states states;
	struct child child = child_start(make_states, NULL);
	child_hear(&child, &states, sizeof(states));
	struct target *live = open_target(&child);
	struct stop_report report;
	struct target *image = copy_of(live, &(struct stop_plan){0}, &report);
	child_end(&child);
	assert_reads(image, states.touched, 8 * PAGE, 't');
	assert_reads(image, states.untouched, 9 * PAGE, 0);
	assert_int_equal(target_verify(image), FAULT_NONE);
	assert_int_equal(target_verify(live), FAULT_GONE);
	target_free(image);
	target_free(live);
}

/* ---- many runs ------------------------------------------------------------- */

enum { CHECKERED = 20000 };

static void make_checkered(void *context)
{
	(void)context;
	char *memory = map((size_t)CHECKERED * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1);
	for (uint32_t i = 0; i < CHECKERED; i += 2)
		memcpy(memory + (size_t)i * PAGE, &i, sizeof(i));
	child_say(&memory, sizeof(memory));
	child_wait();
}

static void many_runs(void **state)
{
	(void)state;
	char *memory;
	struct child child = child_start(make_checkered, NULL);
	child_hear(&child, &memory, sizeof(memory));
	struct target *live = open_target(&child);
	struct stop_report report;
	struct target *image = copy_of(live, &(struct stop_plan){.always_stop = true}, &report);
	for (uint32_t i = 0; i < CHECKERED; i++) {
		uint32_t j = i * 7919u % CHECKERED, value;
		uint64_t address = (uintptr_t)memory + (uint64_t)j * PAGE;
		assert_int_equal(target_read(image, address, &value, sizeof(value)), FAULT_NONE);
		assert_int_equal(value, j % 2 ? 0 : j);
	}
	target_free(image);
	target_free(live);
	child_end(&child);
}

/* ---- one instant ------------------------------------------------------------ */

enum { WRITTEN = 2048, WRITERS = 3 };

struct written {
	uint64_t *pages[WRITERS];
};

/* Writes its round to the first word of each of its pages, one after the other. */
static void *write_on(void *argument)
{
	uint64_t *pages = argument;
	for (uint64_t round = 1;; round++)
		for (size_t i = 0; i < WRITTEN; i++)
			((volatile uint64_t *)pages)[i * PAGE / sizeof(*pages)] = round;
	return NULL;
}

static void make_writers(void *context)
{
	(void)context;
	struct written written = {0};
	for (size_t i = 0; i < WRITERS; i++) {
		pthread_t thread;
		written.pages[i] = (void *)map((size_t)WRITTEN * PAGE, PROT_READ | PROT_WRITE,
						   MAP_PRIVATE | MAP_ANONYMOUS, -1);
		memset(written.pages[i], 0, (size_t)WRITTEN * PAGE);
		pthread_create(&thread, NULL, write_on, written.pages[i]);
	}
	child_say(&written, sizeof(written));
	child_wait();
}

/* At any instant the pages up to the one that is being written to have one number,
 * and those behind it the number before. */
static void check_written(struct target *image, uint64_t pages)
{
	uint64_t first = 0, last = 0;
	size_t changes = 0;
	for (size_t i = 0; i < WRITTEN; i++) {
		uint64_t value;
		assert_int_equal(target_read(image, pages + i * PAGE, &value, sizeof(value)),
				 FAULT_NONE);
		if (i == 0)
			first = value;
		else
			changes += value != last;
		last = value;
	}
	assert_true(changes <= 1);
	assert_true(last == first || last == first - 1);
}

static void one_instant(void **state)
{
	(void)state;
	struct written written;
	struct child child = child_start(make_writers, NULL);
	child_hear(&child, &written, sizeof(written));
	struct target *live = open_target(&child);
	for (unsigned i = 0; i < 30; i++) {
		struct stop_report report;
		struct target *image = copy_of(live, &(struct stop_plan){.max_pause = 5}, &report);
		assert_true(report.stopped);
		assert_int_equal(report.threads_stopped + report.threads_skipped, 1 + WRITERS);
		for (size_t j = 0; j < WRITERS; j++)
			check_written(image, (uintptr_t)written.pages[j]);
		target_free(image);
	}
	target_free(live);
	child_end(&child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state),
		cmocka_unit_test(outlives),
		cmocka_unit_test(many_runs),
		cmocka_unit_test(one_instant),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
