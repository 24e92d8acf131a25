/* SPDX-License-Identifier: MIT */
/* Reading real processes: memory in every state, while it changes, and that
 * looking leaves no trace. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "target/process/process.h"
#include "target/target.h"

enum { PAGE = 4096, MIB = 1 << 20 };

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

/* ---- what the library asks of the kernel -------------------------------- */

static int vm_readv_calls, vm_readv_errno;

ssize_t __real_process_vm_readv(pid_t pid, const struct iovec *local, unsigned long local_count,
				const struct iovec *remote, unsigned long remote_count,
				unsigned long flags);
ssize_t __wrap_process_vm_readv(pid_t pid, const struct iovec *local, unsigned long local_count,
				const struct iovec *remote, unsigned long remote_count,
				unsigned long flags);

ssize_t __wrap_process_vm_readv(pid_t pid, const struct iovec *local, unsigned long local_count,
				const struct iovec *remote, unsigned long remote_count,
				unsigned long flags)
{
	vm_readv_calls++;
	if (vm_readv_errno) {
		errno = vm_readv_errno;
		return -1;
	}
	return __real_process_vm_readv(pid, local, local_count, remote, remote_count, flags);
}

static struct target *open_target(const struct child *child)
{
	struct target *target = NULL;
	assert_no_error(target_open_process(child->pid, &target));
	return target;
}

/* ---- memory in every state ----------------------------------------------- */

static void *map(size_t length, int protection, int flags, int fd)
{
	void *memory = mmap(NULL, length, protection, flags, fd, 0);
	if (memory == MAP_FAILED) {
		perror("child: mmap");
		_exit(1);
	}
	return memory;
}

static char *map_anonymous(size_t length)
{
	char *memory = map(length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	madvise(memory, length, MADV_NOHUGEPAGE);
	return memory;
}

struct states {
	char *touched, *untouched, *given_back, *no_access, *no_access_untouched, *write_only;
	char *holed;                       /* 4 pages, the second and third unmapped */
	char *file, *file_end, *file_gone; /* private mappings of files */
	char *memfd;                       /* shared, 4 MiB, never touched through it */
	char *memfd_written;               /* written with write() */
	char *shared;                      /* MAP_SHARED | MAP_ANONYMOUS, 2 pages, the first touched */
	char *zero_private;                /* /dev/zero */
	char *guarded, *secret, *ring;     /* NULL where the kernel has no such thing */
	int memfd_number;
};

static int file_of(size_t length, char *path)
{
	int fd = mkstemp(path);
	for (size_t i = 0; i < length; i++) {
		char byte = 'A' + i / PAGE;
		if (write(fd, &byte, 1) != 1)
			_exit(1);
	}
	return fd;
}

static void make_states(void *context)
{
	(void)context;
	struct states states = {0};
	int rw = PROT_READ | PROT_WRITE, anonymous = MAP_PRIVATE | MAP_ANONYMOUS;

	states.touched = map_anonymous(8 * PAGE);
	memset(states.touched, 't', 8 * PAGE);
	states.untouched = map_anonymous(8 * PAGE);
	states.given_back = map_anonymous(8 * PAGE);
	memset(states.given_back, 'g', 8 * PAGE);
	madvise(states.given_back, 8 * PAGE, MADV_DONTNEED);
	states.no_access = map_anonymous(4 * PAGE);
	memset(states.no_access, 'n', 4 * PAGE);
	mprotect(states.no_access, 4 * PAGE, PROT_NONE);
	states.no_access_untouched = map(4 * PAGE, PROT_NONE, anonymous, -1);
	states.write_only = map_anonymous(PAGE);
	memset(states.write_only, 'w', PAGE);
	mprotect(states.write_only, PAGE, PROT_WRITE);

	/* Page 0 changed, page 1 looked at, pages 2 and 3 left alone. */
	char path[] = "/tmp/heapspy-test-XXXXXX";
	int fd = file_of(4 * PAGE, path);
	states.file = map(4 * PAGE, rw, MAP_PRIVATE, fd);
	madvise(states.file, 4 * PAGE, MADV_RANDOM);
	memset(states.file, 'd', PAGE);
	(void)*(volatile char *)(states.file + PAGE);
	close(fd);
	unlink(path);

	char short_path[] = "/tmp/heapspy-test-XXXXXX";
	fd = file_of(PAGE + 100, short_path);
	states.file_end = map(4 * PAGE, rw, MAP_PRIVATE, fd);
	close(fd);
	unlink(short_path);

	char other_path[] = "/tmp/heapspy-test-XXXXXX";
	fd = file_of(PAGE, other_path);
	states.file_gone = map(PAGE, PROT_READ, MAP_PRIVATE, fd);
	close(fd);
	unlink(other_path);
	fd = open(other_path, O_CREAT | O_RDWR, 0600); /* another file by that name */
	if (write(fd, "stranger", 8) != 8)
		_exit(1);
	close(fd);

	states.memfd_number = memfd_create("untouched", 0);
	if (ftruncate(states.memfd_number, 4 * MIB) < 0)
		_exit(1);
	states.memfd = map(4 * MIB, rw, MAP_SHARED, states.memfd_number);
	fd = memfd_create("written", 0);
	char page[PAGE];
	memset(page, 'm', PAGE);
	if (ftruncate(fd, 2 * PAGE) < 0 || write(fd, page, PAGE) != PAGE)
		_exit(1);
	states.memfd_written = map(2 * PAGE, rw, MAP_SHARED, fd);
	states.shared = map(2 * PAGE, rw, MAP_SHARED | MAP_ANONYMOUS, -1);
	memset(states.shared, 's', PAGE);
	fd = open("/dev/zero", O_RDWR);
	states.zero_private = map(2 * PAGE, rw, MAP_PRIVATE, fd);
	memset(states.zero_private, 'z', PAGE);

	char *guarded = map_anonymous(4 * PAGE);
	memset(guarded, 'q', 4 * PAGE);
	if (madvise(guarded + PAGE, PAGE, MADV_GUARD_INSTALL) == 0)
		states.guarded = guarded;
	fd = syscall(SYS_memfd_secret, 0);
	if (fd >= 0 && ftruncate(fd, PAGE) == 0) {
		states.secret = map(PAGE, rw, MAP_SHARED, fd);
		memset(states.secret, 'x', PAGE);
	}
	struct perf_event_attr event = {
		.size = sizeof(event), .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_DUMMY};
	fd = syscall(SYS_perf_event_open, &event, 0, -1, -1, 0);
	if (fd >= 0) {
		void *ring = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		states.ring = ring == MAP_FAILED ? NULL : ring;
	}
	/* Last, so that nothing else comes to lie in the hole. */
	states.holed = map_anonymous(4 * PAGE);
	memset(states.holed, 'h', 4 * PAGE);
	munmap(states.holed + PAGE, 2 * PAGE);
	child_say(&states, sizeof(states));
	child_wait();
	unlink(other_path);
	child_say("", 1);
}

static void expect(struct target *target, const char *at, size_t length, enum fault fault, char byte)
{
	char buffer[16 * PAGE];
	memset(buffer, '?', sizeof(buffer));
	enum fault got = target_read(target, (uintptr_t)at, buffer, length);
	if (got != fault)
		fail_msg("fault %d instead of %d, byte wanted '%c'", got, fault, byte);
	for (size_t i = 0; i < length; i++)
		if (fault == FAULT_NONE && buffer[i] != byte)
			fail_msg("byte %zu is 0x%02x, not 0x%02x", i, (unsigned char)buffer[i],
				 (unsigned char)byte);
}

static void every_state(void **state)
{
	(void)state;
	struct child child = child_start(make_states, NULL);
	struct states states;
	child_hear(&child, &states, sizeof(states));
	struct target *target = open_target(&child);

	for (int round = 0; round < 2; round++) {
		vm_readv_errno = round ? EPERM : 0; /* then through the mem file alone */
		expect(target, states.touched, 8 * PAGE, FAULT_NONE, 't');
		expect(target, states.touched + 7, 1, FAULT_NONE, 't');
		expect(target, states.untouched, 8 * PAGE, FAULT_NONE, 0);
		expect(target, states.given_back, 8 * PAGE, FAULT_NONE, 0);
		/* The kernel can be built to refuse these also through the mem file. */
		char byte = 0;
		enum fault fault = target_read(target, (uintptr_t)states.no_access, &byte, 1);
		assert_true(fault == FAULT_DENIED || (fault == FAULT_NONE && byte == 'n'));
		expect(target, states.no_access, 4 * PAGE, fault, 'n');
		expect(target, states.write_only, PAGE, fault, 'w');
		expect(target, states.no_access_untouched, PAGE, FAULT_DENIED, 0);
		expect(target, states.holed, PAGE, FAULT_NONE, 'h');
		expect(target, states.holed + PAGE, PAGE, FAULT_UNMAPPED, 0);
		expect(target, states.holed, 4 * PAGE, FAULT_UNMAPPED, 0);
		expect(target, states.file, PAGE, FAULT_NONE, 'd');
		expect(target, states.file + PAGE, PAGE, FAULT_NONE, 'B');
		expect(target, states.file + 2 * PAGE, PAGE, FAULT_NONE, 'C');
		expect(target, states.file + 3 * PAGE + 9, PAGE - 9, FAULT_NONE, 'D');
		expect(target, states.file_end, PAGE, FAULT_NONE, 'A');
		expect(target, states.file_end + PAGE, 100, FAULT_NONE, 'B');
		expect(target, states.file_end + PAGE + 100, PAGE - 100, FAULT_NONE, 0);
		expect(target, states.file_end + PAGE + 3000, 10, FAULT_NONE, 0);
		expect(target, states.file_end + 2 * PAGE, 1, FAULT_UNMAPPED, 0);
		expect(target, states.file_end + PAGE + 4000, 200, FAULT_UNMAPPED, 0);
		expect(target, states.file_gone, PAGE, FAULT_NONE, 'A');
		expect(target, states.memfd, 16 * PAGE, FAULT_NONE, 0);
		expect(target, states.memfd_written, PAGE, FAULT_NONE, 'm');
		expect(target, states.memfd_written + PAGE, PAGE, FAULT_NONE, 0);
		expect(target, states.shared, PAGE, FAULT_NONE, 's');
		expect(target, states.shared + PAGE, PAGE, FAULT_NONE, 0);
		expect(target, states.zero_private, PAGE, FAULT_NONE, 'z');
		expect(target, states.zero_private + PAGE, PAGE, FAULT_NONE, 0);
		if (states.guarded) {
			expect(target, states.guarded, PAGE, FAULT_NONE, 'q');
			/* Which the kernel tells from swapped memory since Linux 6.15. */
			enum fault got = target_read(target, (uintptr_t)states.guarded + PAGE, &byte, 1);
			assert_true(got == FAULT_UNMAPPED || got == FAULT_ABSENT);
			expect(target, states.guarded + 2 * PAGE, PAGE, FAULT_NONE, 'q');
		}
		if (states.secret)
			expect(target, states.secret, PAGE, FAULT_DENIED, 0);
		if (states.ring)
			assert_int_not_equal(target_read(target, (uintptr_t)states.ring + PAGE, &byte, 1),
					     FAULT_NONE);
		const struct maps *maps = target_maps(target);
		for (size_t i = 0; i < maps->count; i++) {
			const struct mapping *mapping = &maps->items[i];
			fault = target_read(target, mapping->start, &byte, 1);
			if (strncmp(mapping->path, "[vvar", 5) == 0)
				assert_int_equal(fault, FAULT_UNMAPPED);
			if (strcmp(mapping->path, "[vdso]") == 0 || strcmp(mapping->path, "[stack]") == 0)
				assert_int_equal(fault, FAULT_NONE);
		}
	}
	vm_readv_errno = 0;
	assert_int_equal(target_verify(target), FAULT_NONE);
	child_go_on(&child);
	char word;
	child_hear(&child, &word, 1);
	target_free(target);
	child_end(&child);
}

/* Where the kernel has no pagemap, nothing is known to be absent, and all is asked for. */
static void without_pagemap(void **state)
{
	(void)state;
	struct child child = child_start(make_states, NULL);
	struct states states;
	child_hear(&child, &states, sizeof(states));
	struct target *target = open_target(&child);
	((struct process_target *)target)->presence.fd = -1;
	expect(target, states.touched, 8 * PAGE, FAULT_NONE, 't');
	expect(target, states.untouched, 8 * PAGE, FAULT_NONE, 0);
	expect(target, states.holed, PAGE, FAULT_NONE, 'h');
	expect(target, states.holed, 4 * PAGE, FAULT_UNMAPPED, 0);
	expect(target, states.file_end + 2 * PAGE, PAGE, FAULT_UNMAPPED, 0);
	expect(target, states.memfd_written, PAGE, FAULT_NONE, 'm');
	size_t covered;
	char buffer[4 * PAGE];
	assert_int_equal(target_read_some(target, (uintptr_t)states.holed, buffer, 4 * PAGE, &covered),
			 FAULT_NONE);
	assert_int_equal(covered, 2 * PAGE);
	assert_int_equal(buffer[3 * PAGE], 'h');
	target_free(target);
	child_end(&child);
}

static void nonsense_addresses(void **state)
{
	(void)state;
	struct child child = child_start(make_states, NULL);
	struct states states;
	child_hear(&child, &states, sizeof(states));
	struct target *target = open_target(&child);
	static const uint64_t addresses[] = {
		0, 1, 0xfff, 0x7ffffffff000, 0x800000000000, UINT64_C(0x8000000000000000),
		UINT64_C(0xffffffff80000000), UINT64_C(0xffffffffff600000), UINT64_MAX - 4095,
		UINT64_MAX - 4096, UINT64_MAX - 10, UINT64_MAX,
	};
	char *buffer = malloc(MIB);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		size_t covered = 1;
		memset(buffer, '?', MIB);
		assert_int_equal(target_read(target, addresses[i], buffer, 100), FAULT_UNMAPPED);
		assert_int_equal(target_read_some(target, addresses[i], buffer, MIB, &covered), FAULT_NONE);
		assert_int_equal(covered, 0);
		for (size_t at = 0; at < MIB; at++)
			assert_int_equal(buffer[at], 0);
		struct target_read read = {addresses[i], buffer, 8, FAULT_NONE};
		target_read_many(target, &read, 1);
		assert_int_equal(read.fault, FAULT_UNMAPPED);
	}
	assert_int_equal(target_read(target, 0, NULL, 0), FAULT_NONE);
	target_read_many(target, NULL, 0);
	assert_int_equal(target_verify(target), FAULT_NONE);
	free(buffer);
	target_free(target);
	child_end(&child);
}

/* ---- no trace -------------------------------------------------------------- */

struct trace {
	uint64_t rss, shmem, pte, swap, blocks;
};

static struct trace trace_of(const struct child *child, int memfd_number)
{
	child_settle(child);
	struct trace trace = {
		.rss = child_status(child, "VmRSS"),
		.shmem = child_status(child, "RssShmem"),
		.pte = child_status(child, "VmPTE"),
		.swap = child_status(child, "VmSwap"),
	};
	char path[64];
	struct stat stat_memfd;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", child->pid, memfd_number);
	if (stat(path, &stat_memfd) == 0)
		trace.blocks = stat_memfd.st_blocks;
	return trace;
}

static void assert_same_trace(struct trace before, struct trace after)
{
	assert_int_equal(before.rss, after.rss);
	assert_int_equal(before.shmem, after.shmem);
	assert_int_equal(before.pte, after.pte);
	assert_int_equal(before.swap, after.swap);
	assert_int_equal(before.blocks, after.blocks);
}

/* Everything that is mapped is read, in pieces and in single words. */
static void read_everything(struct target *target)
{
	char *buffer = malloc(MIB);
	const struct maps *maps = target_maps(target);
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];
		if (mapping->end - mapping->start > 1024ull * MIB)
			continue; /* the shadow of a sanitizer: terabytes */
		for (uint64_t at = mapping->start; at < mapping->end; at += MIB) {
			size_t length = mapping->end - at < MIB ? mapping->end - at : MIB, covered;
			assert_int_equal(target_read_some(target, at, buffer, length, &covered),
					 FAULT_NONE);
		}
		struct target_read reads[64];
		for (size_t k = 0; k < 64; k++)
			reads[k] = (struct target_read){
				.address = mapping->start + (mapping->end - mapping->start) / 64 * k,
				.buffer = buffer + 8 * k,
				.length = 8,
			};
		target_read_many(target, reads, 64);
	}
	free(buffer);
}

static void reading_all_leaves_no_trace(void **state)
{
	(void)state;
	struct child child = child_start(make_states, NULL);
	struct states states;
	child_hear(&child, &states, sizeof(states));
	struct target *target = open_target(&child);
	struct trace before = trace_of(&child, states.memfd_number);
	read_everything(target);
	assert_same_trace(before, trace_of(&child, states.memfd_number));
	target_free(target);
	child_end(&child);
}

enum { SPARSE = 128 * MIB };

/* 128 MiB of which every 37th page was touched, half as it comes, half as huge pages
 * would be given. */
static void make_sparse(void *context)
{
	(void)context;
	char *memory = map(SPARSE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	madvise(memory, SPARSE / 2, MADV_NOHUGEPAGE);
	for (size_t page = 0; page < SPARSE / 2 / PAGE; page += 37)
		memory[page * PAGE] = 1 + page % 100;
	madvise(memory + SPARSE / 2, SPARSE / 2, MADV_HUGEPAGE);
	child_say(&memory, sizeof(memory));
}

static void sparse_memory_stays_sparse(void **state)
{
	(void)state;
	struct child child = child_start(make_sparse, NULL);
	char *memory;
	child_hear(&child, &memory, sizeof(memory));
	struct target *target = open_target(&child);
	struct trace before = trace_of(&child, -1);
	char *buffer = malloc(MIB);
	for (size_t at = 0; at < SPARSE; at += MIB) {
		size_t covered;
		memset(buffer, '?', MIB);
		assert_int_equal(target_read_some(target, (uintptr_t)memory + at, buffer, MIB, &covered),
				 FAULT_NONE);
		assert_int_equal(covered, MIB);
		for (size_t page = 0; page < MIB / PAGE; page++) {
			size_t number = at / PAGE + page;
			int wanted = at < SPARSE / 2 && number % 37 == 0 ? (int)(1 + number % 100) : 0;
			assert_int_equal(buffer[page * PAGE], wanted);
			assert_int_equal(buffer[page * PAGE + 1], 0);
		}
	}
	free(buffer);
	assert_same_trace(before, trace_of(&child, -1));
	target_free(target);
	child_end(&child);
}

/* ---- speed ----------------------------------------------------------------- */

static void make_full(void *context)
{
	char *memory = map_anonymous(4 * MIB);
	(void)context;
	memset(memory, 'f', 4 * MIB);
	child_say(&memory, sizeof(memory));
}

static void one_call_for_a_mebibyte(void **state)
{
	(void)state;
	struct child child = child_start(make_full, NULL);
	char *memory;
	child_hear(&child, &memory, sizeof(memory));
	struct target *target = open_target(&child);
	char *buffer = malloc(MIB);
	size_t covered;
	/* Wherever the 2 MiB for which presence is asked begin. */
	for (size_t at = 0; at <= 3 * MIB; at += 300 * PAGE / 4 + 5) {
		vm_readv_calls = 0;
		assert_int_equal(target_read_some(target, (uintptr_t)memory + at, buffer, MIB, &covered),
				 FAULT_NONE);
		assert_int_equal(covered, MIB);
		assert_int_equal(vm_readv_calls, 1);
	}
	struct target_read reads[4096];
	for (size_t i = 0; i < 4096; i++)
		reads[i] = (struct target_read){
			.address = (uintptr_t)memory + i * 1000,
			.buffer = buffer + i * 16,
			.length = 16,
		};
	vm_readv_calls = 0;
	target_read_many(target, reads, 4096);
	assert_int_equal(vm_readv_calls, 4);
	for (size_t i = 0; i < 4096; i++)
		assert_int_equal(reads[i].fault, FAULT_NONE);
	free(buffer);
	target_free(target);
	child_end(&child);
}

/* ---- against an oracle ------------------------------------------------------- */

enum { PAGES = 512 };

struct pages {
	char *memory;
	char kind[PAGES]; /* 'p' present, 'u' untouched, 'h' hole, 'n' no access */
};

static void make_random(void *context)
{
	srand(*(int *)context);
	struct pages pages = {.memory = map_anonymous(PAGES * PAGE)};
	char kind = 'p';
	for (size_t i = 0; i < PAGES; i++) {
		if (rand() % 4 == 0)
			kind = "ppuhn"[rand() % 5];
		pages.kind[i] = kind;
		char *page = pages.memory + i * PAGE;
		for (size_t k = 0; k < PAGE && kind == 'p'; k++)
			page[k] = i * 31 + k;
		if (kind == 'h')
			munmap(page, PAGE);
		if (kind == 'n')
			mprotect(page, PAGE, PROT_NONE);
	}
	child_say(&pages, sizeof(pages));
}

static void random_reads(void **state)
{
	(void)state;
	enum { READS = 3000, MOST = 5 * PAGE };
	static const enum fault faults[] = {
		['p'] = FAULT_NONE, ['u'] = FAULT_NONE, ['h'] = FAULT_UNMAPPED, ['n'] = FAULT_DENIED};
	struct target_read *reads = calloc(READS, sizeof(*reads));
	char *buffers = malloc((size_t)READS * MOST), *wanted = malloc(PAGES * PAGE);
	for (int seed = 1; seed <= 6; seed++) {
		struct child child = child_start(make_random, &seed);
		struct pages pages;
		child_hear(&child, &pages, sizeof(pages));
		for (size_t i = 0; i < PAGES * PAGE; i++)
			wanted[i] = pages.kind[i / PAGE] == 'p' ? i / PAGE * 31 + i % PAGE : 0;
		struct target *target = open_target(&child);
		struct trace before = trace_of(&child, -1);
		for (size_t i = 0; i < READS; i++) {
			uint32_t at = rand() % (PAGES * PAGE), length = rand() % MOST;
			if (length > PAGES * PAGE - at)
				length = PAGES * PAGE - at;
			reads[i] = (struct target_read){
				(uintptr_t)pages.memory + at, buffers + i * MOST, length, FAULT_TORN};
		}
		target_read_many(target, reads, READS);
		for (size_t i = 0; i < READS; i++) {
			size_t at = reads[i].address - (uintptr_t)pages.memory, length = reads[i].length;
			bool allowed[FAULT_STRANGE + 1] = {false};
			size_t missing = 0;
			for (size_t k = 0; k < length; k++) {
				enum fault fault = faults[(int)pages.kind[(at + k) / PAGE]];
				allowed[fault] = true;
				missing += fault != FAULT_NONE;
			}
			allowed[FAULT_NONE] = missing == 0;
			assert_true(allowed[reads[i].fault]);
			assert_memory_equal(reads[i].buffer, wanted + at, length);
			size_t covered;
			memset(buffers, '?', length);
			assert_int_equal(target_read_some(target, reads[i].address, buffers, length,
							  &covered), FAULT_NONE);
			assert_int_equal(covered, length - missing);
			assert_memory_equal(buffers, wanted + at, length);
		}
		assert_same_trace(before, trace_of(&child, -1));
		target_free(target);
		child_end(&child);
	}
	free(reads);
	free(buffers);
	free(wanted);
}

/* ---- while it changes -------------------------------------------------------- */

static void make_changes(void *context)
{
	(void)context;
	char *memory = map_anonymous(64 * PAGE);
	memset(memory, 'a', 32 * PAGE);
	child_say(&memory, sizeof(memory));
	child_wait();
	munmap(memory + 8 * PAGE, 8 * PAGE);                   /* was present */
	madvise(memory + 24 * PAGE, 8 * PAGE, MADV_DONTNEED);  /* likewise */
	memset(memory + 40 * PAGE, 'b', PAGE);                 /* was not */
	munmap(memory + 48 * PAGE, 8 * PAGE);                  /* nor was this */
	child_say("", 1);
}

/* Only with this can be told, after the refresh, that memory never touched is not
 * there any more: Linux 6.11. */
static bool has_procmap_query(void)
{
	struct utsname name;
	unsigned release[2] = {0, 0};
	uname(&name);
	sscanf(name.release, "%u.%u", &release[0], &release[1]);
	return release[0] > 6 || (release[0] == 6 && release[1] >= 11);
}

static void changes_after_the_refresh(void **state)
{
	(void)state;
	struct child child = child_start(make_changes, NULL);
	char *memory, word;
	child_hear(&child, &memory, sizeof(memory));
	struct target *target = open_target(&child);
	expect(target, memory, 16 * PAGE, FAULT_NONE, 'a');
	expect(target, memory + 24 * PAGE, 8 * PAGE, FAULT_NONE, 'a');
	expect(target, memory + 36 * PAGE, 8 * PAGE, FAULT_NONE, 0);
	child_go_on(&child);
	child_hear(&child, &word, 1);

	/* What vanished is no zeros; what came is seen. */
	assert_int_not_equal(target_read(target, (uintptr_t)memory + 8 * PAGE, &word, 1), FAULT_NONE);
	assert_int_not_equal(target_read(target, (uintptr_t)memory + 15 * PAGE, &word, 1), FAULT_NONE);
	expect(target, memory + 40 * PAGE, PAGE, FAULT_NONE, 'b');
	char buffer[24 * PAGE];
	size_t covered;
	assert_int_equal(target_read_some(target, (uintptr_t)memory, buffer, sizeof(buffer), &covered),
			 FAULT_NONE);
	assert_int_equal(covered, 16 * PAGE);
	assert_int_equal(buffer[8 * PAGE], 0);
	assert_int_equal(buffer[16 * PAGE], 'a');
	if (has_procmap_query())
		expect(target, memory + 48 * PAGE, PAGE, FAULT_UNMAPPED, 0);
	assert_non_null(maps_find(target_maps(target), (uintptr_t)memory + 8 * PAGE));
	assert_no_error(target_refresh(target));
	assert_null(maps_find(target_maps(target), (uintptr_t)memory + 8 * PAGE));
	expect(target, memory + 24 * PAGE, 8 * PAGE, FAULT_NONE, 0);
	expect(target, memory + 48 * PAGE, PAGE, FAULT_UNMAPPED, 0);
	target_free(target);
	child_end(&child);
}

static void make_exec(void *context)
{
	(void)context;
	char *memory = map_anonymous(8 * PAGE);
	memset(memory, 'e', 4 * PAGE);
	child_say(&memory, sizeof(memory));
	child_wait();
	execl("/bin/sleep", "sleep", "1000", (char *)NULL);
	_exit(1);
}

static void assert_gone(struct target *target, const char *memory)
{
	char buffer[8 * PAGE];
	size_t covered;
	/* Also what was never touched: no zeros of a process that is no more. */
	assert_int_equal(target_read(target, (uintptr_t)memory + 5 * PAGE, buffer, 8), FAULT_GONE);
	assert_int_equal(target_verify(target), FAULT_GONE);
	assert_int_equal(target_read(target, (uintptr_t)memory, buffer, 8), FAULT_GONE);
	assert_int_equal(target_read_some(target, (uintptr_t)memory, buffer, sizeof(buffer), &covered),
			 FAULT_GONE);
	struct target_read read = {(uintptr_t)memory, buffer, 8, FAULT_NONE};
	target_read_many(target, &read, 1);
	assert_int_equal(read.fault, FAULT_GONE);
	struct heapspy_error *error = target_refresh(target);
	assert_non_null(error);
	assert_int_equal(error->code, HEAPSPY_GONE);
	heapspy_error_free(error);
}

static void exec_is_noticed(void **state)
{
	(void)state;
	struct child child = child_start(make_exec, NULL);
	char *memory, path[64], name[32] = "";
	child_hear(&child, &memory, sizeof(memory));
	struct target *target = open_target(&child);
	expect(target, memory, 4 * PAGE, FAULT_NONE, 'e');
	child_go_on(&child);
	snprintf(path, sizeof(path), "/proc/%d/comm", child.pid);
	while (strncmp(name, "sleep", 5) != 0) {
		FILE *file = fopen(path, "re");
		assert_non_null(file);
		assert_non_null(fgets(name, sizeof(name), file));
		fclose(file);
	}
	assert_gone(target, memory);
	target_free(target);
	child_end(&child);
}

static void end_is_noticed(void **state)
{
	(void)state;
	for (int reaped = 0; reaped < 2; reaped++) {
		struct child child = child_start(make_exec, NULL);
		char *memory;
		child_hear(&child, &memory, sizeof(memory));
		struct target *target = open_target(&child);
		expect(target, memory, 4 * PAGE, FAULT_NONE, 'e');
		kill(child.pid, SIGKILL);
		siginfo_t info;
		assert_int_equal(waitid(P_PID, child.pid, &info, WEXITED | (reaped ? 0 : WNOWAIT)), 0);
		assert_gone(target, memory);
		target_free(target);
		child_end(&child);
	}
}

/* ---- threads, files, many mappings -------------------------------------------- */

static void *say_and_sleep(void *memory)
{
	/* The leader is a zombie once this one sees it as such. */
	char path[64], text[512];
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
	char *name_end;
	do {
		int fd = open(path, O_RDONLY);
		ssize_t got = read(fd, text, sizeof(text) - 1);
		text[got > 0 ? got : 0] = '\0';
		close(fd);
		name_end = strrchr(text, ')');
	} while (!name_end || name_end[2] != 'Z');
	child_say(&memory, sizeof(memory));
	for (;;)
		pause();
	return NULL;
}

static void make_headless(void *context)
{
	(void)context;
	char *memory = map_anonymous(4 * PAGE);
	memset(memory, 'l', 2 * PAGE);
	pthread_t thread;
	pthread_create(&thread, NULL, say_and_sleep, memory);
	pthread_exit(NULL);
}

static void first_thread_ended(void **state)
{
	(void)state;
	struct child child = child_start(make_headless, NULL);
	char *memory;
	child_hear(&child, &memory, sizeof(memory));
	struct target *target = open_target(&child);
	expect(target, memory, 2 * PAGE, FAULT_NONE, 'l');
	expect(target, memory + 2 * PAGE, 2 * PAGE, FAULT_NONE, 0);
	assert_int_equal(target_verify(target), FAULT_NONE);
	assert_no_error(target_refresh(target));
	target_free(target);
	child_end(&child);
}

static void make_odd_files(void *context)
{
	(void)context;
	char *maps[3];
	char newline[] = "/tmp/heapspy\ntest-XXXXXX", deleted[] = "/tmp/heapspy-XXXXXX";
	maps[0] = map(PAGE, PROT_READ, MAP_PRIVATE, file_of(PAGE, newline));
	int fd = file_of(PAGE, deleted);
	maps[1] = map(PAGE, PROT_READ, MAP_PRIVATE, fd);
	unlink(deleted);
	maps[2] = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, open("/dev/zero", O_RDWR));
	child_say(maps, sizeof(maps));
	child_wait();
	unlink(newline);
	child_say("", 1);
}

static void files_behind_mappings(void **state)
{
	(void)state;
	struct child child = child_start(make_odd_files, NULL);
	char *addresses[3], word, byte;
	child_hear(&child, addresses, sizeof(addresses));
	struct target *target = open_target(&child);
	for (size_t i = 0; i < 2; i++) {
		const struct mapping *mapping = maps_find(target_maps(target), (uintptr_t)addresses[i]);
		assert_non_null(strstr(mapping->path, i ? " (deleted)" : "heapspy\\012test"));
		int fd = target_open_mapped_file(target, mapping);
		struct stat stat;
		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &stat), 0);
		assert_int_equal(stat.st_ino, mapping->inode);
		assert_int_equal(pread(fd, &byte, 1, 0), 1);
		assert_int_equal(byte, 'A');
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		close(fd);
	}
	/* A range that is no mapping any more, of a file that has a name. */
	const struct maps *maps = target_maps(target);
	for (size_t i = 0; i < maps->count; i++) {
		struct mapping other = maps->items[i];
		if (strncmp(other.path, "/usr/lib", 8) != 0 && strncmp(other.path, "/lib", 4) != 0)
			continue;
		other.end += 64 * PAGE;
		int fd = target_open_mapped_file(target, &other);
		assert_true(fd >= 0);
		close(fd);
		other.inode++; /* another file has its name */
		assert_int_equal(target_open_mapped_file(target, &other), -1);
	}
	const struct mapping stack = {.start = 1, .end = 2, .path = "[stack]"};
	assert_int_equal(target_open_mapped_file(target, &stack), -1);
	expect(target, addresses[2], PAGE, FAULT_NONE, 0);
	child_go_on(&child);
	child_hear(&child, &word, 1);
	target_free(target);
	child_end(&child);
}

static void make_many_mappings(void *context)
{
	(void)context;
	enum { MOST = 65000 };
	char *memory = map_anonymous((size_t)MOST * PAGE);
	for (size_t i = 0; i < MOST; i += 2)
		if (mprotect(memory + i * PAGE, PAGE, PROT_READ) < 0)
			break;
	memset(memory + (size_t)(MOST - 1) * PAGE, 'y', PAGE);
	child_say(&memory, sizeof(memory));
}

static void many_mappings(void **state)
{
	(void)state;
	struct child child = child_start(make_many_mappings, NULL);
	char *memory;
	child_hear(&child, &memory, sizeof(memory));
	struct target *target = open_target(&child);
	assert_true(target_maps(target)->count > 60000);
	expect(target, memory + (size_t)64999 * PAGE, PAGE, FAULT_NONE, 'y');
	expect(target, memory + (size_t)60000 * PAGE, 16 * PAGE, FAULT_NONE, 0);
	target_free(target);
	child_end(&child);
}

static void nothing_is_left_open(void **state)
{
	(void)state;
	int before = dup(0);
	close(before);
	struct child child = child_start(make_states, NULL);
	struct states states;
	child_hear(&child, &states, sizeof(states));
	for (int i = 0; i < 20; i++) {
		struct target *target = open_target(&child);
		read_everything(target);
		target_free(target);
	}
	child_end(&child);
	int after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state),
		cmocka_unit_test(without_pagemap),
		cmocka_unit_test(nonsense_addresses),
		cmocka_unit_test(reading_all_leaves_no_trace),
		cmocka_unit_test(sparse_memory_stays_sparse),
		cmocka_unit_test(one_call_for_a_mebibyte),
		cmocka_unit_test(random_reads),
		cmocka_unit_test(changes_after_the_refresh),
		cmocka_unit_test(exec_is_noticed),
		cmocka_unit_test(end_is_noticed),
		cmocka_unit_test(first_thread_ended),
		cmocka_unit_test(files_behind_mappings),
		cmocka_unit_test(many_mappings),
		cmocka_unit_test(nothing_is_left_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
