/* SPDX-License-Identifier: MIT */
/* Core files as targets: good ones, and all that can be wrong with one. */
#include "unit.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core_maker.h"
#include "fixtures.h"

#include "target/core/core.h"
#include "target/core/format.h"

#define HEAP UINT64_C(0x10000)
#define FILE_AT UINT64_C(0x400000)

static uint8_t pattern[8192];

static void fill_pattern(void)
{
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + i / 256 + 1);
}

/* Two pages of memory, a page that is left out, a page of a file that is left out. */
static void make_plain(struct core_maker *maker)
{
	static const struct core_maker_file files[] = {
		{FILE_AT, FILE_AT + 0x1000, 0, "/no/such/libpython3.11.so"},
		{FILE_AT + 0x1000, FILE_AT + 0x3000, 1, "/no/such/libpython3.11.so"},
	};
	*maker = (struct core_maker){0};
	core_add_process(maker, 4711);
	core_add_files(maker, files, 2);
	core_add_memory(maker, HEAP, pattern, sizeof(pattern), 0x3000, PF_R | PF_W);
	core_add_memory(maker, FILE_AT, NULL, 0, 0x1000, PF_R | PF_X);
	core_finish(maker);
}

static struct target *open_good(struct core_maker *maker)
{
	struct target *target = NULL;
	assert_no_error(core_open_bytes(maker->bytes, maker->length, &target));
	return target;
}

/* It must be refused; `why` is a part of the reason. */
static void assert_refused(const void *bytes, size_t length, const char *why)
{
	struct target *target;
	struct heapspy_error *error = core_open_bytes(bytes, length, &target);
	assert_non_null(error);
	assert_int_equal(error->code, HEAPSPY_BAD_FILE);
	if (!error->why || !strstr(error->why, why))
		fail_msg("'%s' is not in '%s'", why, error->why ?: "");
	heapspy_error_free(error);
}

static void assert_damaged(struct core_maker *maker, const char *why)
{
	assert_refused(maker->bytes, maker->length, why);
}

/* All its memory and what else it says: only that nothing bad happens. */
static void read_everything(struct target *target)
{
	const struct maps *maps = target_maps(target);
	uint8_t *buffer = malloc(1 << 16);
	size_t covered = 0;
	for (size_t i = 0; i < maps->count && i < 64; i++) {
		const struct mapping *mapping = &maps->items[i];
		assert_true(mapping->start < mapping->end);
		assert_true(i == 0 || maps->items[i - 1].end <= mapping->start);
		assert_true(strlen(mapping->path) < 1 << 16);
		uint64_t size = mapping->end - mapping->start;
		target_read_some(target, mapping->start, buffer, size < 1 << 16 ? size : 1 << 16,
				 &covered);
		target_read_some(target, mapping->end - 1, buffer, 4096, &covered);
		target_next_data(target, mapping->start, mapping->end);
	}
	target_read_some(target, 0, buffer, 4096, &covered);
	target_read_some(target, UINT64_MAX - 100, buffer, 4096, &covered);
	char **command = target_core_command(target);
	for (char **argument = command; argument && *argument; argument++)
		free(*argument);
	free(command);
	target_core_executable(target);
	free(buffer);
}

/* ---- good ones ------------------------------------------------------------------ */

static void memory_is_read(void **state)
{
	(void)state;
	struct core_maker maker;
	make_plain(&maker);
	struct target *target = open_good(&maker);
	uint8_t bytes[12288];
	assert_int_equal(target_read(target, HEAP + 100, bytes, 8000), FAULT_NONE);
	assert_memory_equal(bytes, pattern + 100, 8000);
	assert_int_equal(target_read(target, HEAP + 8192, bytes, 1), FAULT_ABSENT);
	assert_int_equal(target_read(target, HEAP + 0x3000, bytes, 1), FAULT_UNMAPPED);
	assert_int_equal(target_read(target, HEAP - 1, bytes, 1), FAULT_UNMAPPED);
	size_t covered;
	assert_int_equal(target_read_some(target, HEAP - 96, bytes, sizeof(bytes), &covered),
			 FAULT_NONE);
	assert_int_equal(covered, 8192);
	assert_memory_equal(bytes + 96, pattern, 8192);
	assert_int_equal(bytes[95], 0);
	assert_int_equal(bytes[96 + 8192], 0);
	assert_int_equal(target_verify(target), FAULT_NONE);
	assert_no_error(target_refresh(target));
	target_free(target);
}

static void process_is_known(void **state)
{
	(void)state;
	struct core_maker maker;
	make_plain(&maker);
	struct target *target = open_good(&maker);
	const struct core_facts *facts = target_core_facts(target);
	assert_int_equal(target_pid(target), 4711);
	assert_int_equal(target_proc_directory(target), -1);
	assert_int_equal(facts->process.thread_count, 1);
	assert_int_equal(facts->cut_off, 0);
	assert_null(facts->about);
	char **command = target_core_command(target);
	assert_string_equal(command[0], "python3 app.py");
	assert_null(command[1]);
	free(command[0]);
	free(command);
	target_free(target);
}

static void maps_are_of_memory_and_files(void **state)
{
	(void)state;
	struct core_maker maker;
	make_plain(&maker);
	struct target *target = open_good(&maker);
	const struct maps *maps = target_maps(target);
	assert_int_equal(maps->count, 3);
	assert_int_equal(maps->items[0].flags, MAPPING_READ | MAPPING_WRITE);
	assert_false(mapping_is_file(&maps->items[0]));
	assert_int_equal(maps->items[1].end, FILE_AT + 0x1000);
	assert_int_equal(maps->items[1].flags, MAPPING_READ | MAPPING_EXEC);
	assert_int_equal(maps->items[2].start, FILE_AT + 0x1000);
	assert_int_equal(maps->items[2].offset, 0x1000);
	assert_string_equal(maps->items[2].path, "/no/such/libpython3.11.so");
	assert_true(mapping_same_file(&maps->items[1], &maps->items[2]));
	/* The file is not here, and the core does not show that it is a program. */
	uint8_t byte;
	assert_int_equal(target_read(target, FILE_AT, &byte, 1), FAULT_ABSENT);
	assert_false(target_core_facts(target)->files_absent);
	assert_non_null(target_core_missing(target, &maps->items[1]));
	assert_int_equal(target_open_mapped_file(target, &maps->items[1]), -1);
	target_free(target);
}

/* A page with the beginning of a file that is here, pages of it that are not dumped. */
static void make_with_file(struct core_maker *maker, const char *path, uint8_t first[4096])
{
	struct core_maker_file files[] = {{FILE_AT, FILE_AT + 0x2000, 0, path}};
	int fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, first, 4096, 0), 4096);
	close(fd);
	*maker = (struct core_maker){0};
	core_add_files(maker, files, 1);
	core_add_memory(maker, HEAP, pattern, sizeof(pattern), sizeof(pattern), PF_R | PF_W);
	core_add_memory(maker, FILE_AT, first, 4096, 0x2000, PF_R);
	core_finish(maker);
}

static void pages_of_the_same_file(void **state)
{
	(void)state;
	uint8_t first[4096], theirs[4096], ours[4096];
	const char *path = fixture("bare");
	struct core_maker maker;
	make_with_file(&maker, path, first);
	struct target *target = open_good(&maker);
	int fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, ours, 4096, 4096), 4096);
	close(fd);
	assert_int_equal(target_read(target, FILE_AT + 4096, theirs, 4096), FAULT_NONE);
	assert_memory_equal(theirs, ours, 4096);
	const struct mapping *mapping = maps_find(target_maps(target), FILE_AT);
	assert_null(target_core_missing(target, mapping));
	fd = target_open_mapped_file(target, mapping);
	assert_true(fd >= 0);
	close(fd);
	target_free(target);
}

static void another_build_is_not_taken(void **state)
{
	(void)state;
	uint8_t first[4096], byte;
	struct core_maker maker;
	make_with_file(&maker, fixture("bare"), first);
	/* Its build id, wherever that is in the page. */
	uint8_t *note = memmem(first, sizeof(first), "\x03\0\0\0GNU", 8);
	if (!note)
		skip(); /* a linker that makes none */
	note[10] ^= 1;
	core_finish(&maker);
	struct target *target = open_good(&maker);
	assert_int_equal(target_read(target, FILE_AT + 4096, &byte, 1), FAULT_ABSENT);
	assert_true(target_core_facts(target)->files_absent);
	const struct mapping *mapping = maps_find(target_maps(target), FILE_AT);
	assert_non_null(strstr(target_core_missing(target, mapping), "another build"));
	target_free(target);
}

/* What could be written is never taken from a file, which has it as it was. */
static void written_memory_is_not_taken_from_a_file(void **state)
{
	(void)state;
	uint8_t first[4096], byte;
	struct core_maker maker;
	make_with_file(&maker, fixture("bare"), first);
	maker.segments[1].p_flags = PF_R | PF_W;
	core_finish(&maker);
	struct target *target = open_good(&maker);
	assert_int_equal(target_read(target, FILE_AT + 4096, &byte, 1), FAULT_ABSENT);
	target_free(target);
}

static void holes_are_zeros(void **state)
{
	(void)state;
	int fd = memfd_create("core", MFD_CLOEXEC);
	struct core_maker maker = {0};
	core_add_process(&maker, 1);
	core_add_memory(&maker, HEAP, pattern, 4096, 4096, PF_R | PF_W);
	core_finish(&maker);
	Elf64_Phdr *header = core_program_header(&maker, 1);
	header->p_filesz = header->p_memsz = 1 << 20;
	assert_int_equal(write(fd, maker.bytes, maker.length), maker.length);
	assert_int_equal(ftruncate(fd, (off_t)header->p_offset + (1 << 20)), 0);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct target *target = NULL;
	assert_no_error(target_open_core(path, &target));
	uint8_t bytes[100];
	assert_int_equal(target_read(target, HEAP + (1 << 19), bytes, sizeof(bytes)), FAULT_NONE);
	assert_int_equal(bytes[0], 0);
	assert_int_equal(target_next_data(target, HEAP, HEAP + (1 << 20)), HEAP);
	assert_true(target_next_data(target, HEAP + (1 << 19), HEAP + (1 << 20)) >=
		    HEAP + (1 << 19));
	target_free(target);
	close(fd);
}

/* As the kernel lays out the end of a stack: argc, argv, NULL, environment, NULL,
 * auxiliary vector. */
static void arguments_from_the_stack(void **state)
{
	(void)state;
	enum { WORDS = 512, RANDOM = 500, TEXT = 400 };
	const uint64_t base = 0x7ffc0000;
	static uint64_t stack[WORDS];
	char *text = (char *)&stack[TEXT];
	strcpy(text, "python3");
	strcpy(text + 16, "-m");
	strcpy(text + 32, "an app\033[m");
	uint64_t at = base + TEXT * 8;
	uint64_t words[] = {3, at, at + 16, at + 32, 0, at + 64, at + 80, 0};
	uint64_t auxv[] = {AT_SYSINFO_EHDR, 0x7ffd0000, AT_PAGESZ, 4096, AT_ENTRY, FILE_AT + 64,
			   AT_RANDOM, base + RANDOM * 8, AT_NULL, 0};
	memcpy(&stack[100], words, sizeof(words));
	memcpy(&stack[100 + sizeof(words) / 8], auxv, sizeof(auxv));
	struct core_maker maker = {0};
	static const struct core_maker_file files[] = {
		{FILE_AT, FILE_AT + 0x1000, 0, "/bin/python3"}};
	core_add_process(&maker, 1);
	core_add_files(&maker, files, 1);
	core_add_note(&maker, "CORE", NT_AUXV, auxv, sizeof(auxv));
	core_add_memory(&maker, base, stack, sizeof(stack), sizeof(stack), PF_R | PF_W);
	core_finish(&maker);
	struct target *target = open_good(&maker);
	char **command = target_core_command(target);
	assert_string_equal(command[0], "python3");
	assert_string_equal(command[1], "-m");
	assert_string_equal(command[2], "an app\\x1b[m");
	assert_null(command[3]);
	for (char **argument = command; *argument; argument++)
		free(*argument);
	free(command);
	assert_string_equal(target_core_executable(target), "/bin/python3");
	assert_string_equal(maps_find(target_maps(target), base)->path, "[stack]");
	target_free(target);
}

/* The first memory behind the program that does not adjoin it. */
static void heap_has_its_name(void **state)
{
	(void)state;
	uint64_t auxv[] = {AT_ENTRY, FILE_AT, AT_PAGESZ, 4096, AT_NULL, 0};
	static const struct core_maker_file files[] = {
		{FILE_AT, FILE_AT + 0x1000, 0, "/bin/python3"},
		{0x7f0000000000, 0x7f0000001000, 0, "/lib/libc.so.6"},
	};
	struct core_maker maker = {0};
	core_add_files(&maker, files, 2);
	core_add_note(&maker, "CORE", NT_AUXV, auxv, sizeof(auxv));
	core_add_memory(&maker, FILE_AT + 0x1000, pattern, 4096, 4096, PF_R | PF_W); /* .bss */
	core_add_memory(&maker, FILE_AT + 0x100000, pattern, 4096, 4096, PF_R | PF_W);
	core_add_memory(&maker, FILE_AT + 0x200000, pattern, 4096, 4096, PF_R | PF_W);
	core_finish(&maker);
	struct target *target = open_good(&maker);
	const struct maps *maps = target_maps(target);
	assert_string_equal(maps_find(maps, FILE_AT + 0x1000)->path, "");
	assert_string_equal(maps_find(maps, FILE_AT + 0x100000)->path, "[heap]");
	assert_string_equal(maps_find(maps, FILE_AT + 0x200000)->path, "");
	target_free(target);
}

static void snapshots_say_their_maps(void **state)
{
	(void)state;
	static const char text[] = "10000-12000 rw-p 00000000 00:00 0   [heap]\n"
				   "400000-401000 r--s 00002000 fd:01 77 /etc/file\n";
	struct core_maker maker = {0};
	core_add_note(&maker, "heapspy", SNAPSHOT_NOTE_MAPS, text, strlen(text));
	core_add_note(&maker, "heapspy", SNAPSHOT_NOTE_ABOUT, "{}", 2);
	core_add_memory(&maker, HEAP, pattern, sizeof(pattern), sizeof(pattern), PF_R | PF_W);
	core_finish(&maker);
	struct target *target = open_good(&maker);
	const struct maps *maps = target_maps(target);
	assert_int_equal(maps->count, 2);
	assert_string_equal(maps->items[0].path, "[heap]");
	assert_int_equal(maps->items[1].inode, 77);
	assert_int_equal(maps->items[1].flags, MAPPING_READ | MAPPING_SHARED);
	assert_string_equal(target_core_facts(target)->about, "{}");
	target_free(target);
}

/* ---- many headers ----------------------------------------------------------------- */

static void numbers_beyond_16_bits(void **state)
{
	(void)state;
	struct core_maker maker;
	make_plain(&maker);
	size_t whole = maker.length;
	Elf64_Shdr section = {.sh_info = core_header(&maker)->e_phnum};
	core_header(&maker)->e_phnum = PN_XNUM;
	core_header(&maker)->e_shoff = maker.length;
	core_header(&maker)->e_shentsize = sizeof(section);
	memcpy(maker.bytes + maker.length, &section, sizeof(section));
	maker.length += sizeof(section);
	struct target *target = open_good(&maker);
	assert_int_equal(target_maps(target)->count, 3);
	target_free(target);

	/* Its end, where the kernel puts that header, is cut off. */
	maker.length = whole;
	target = open_good(&maker);
	assert_int_equal(target_maps(target)->count, 3);
	target_free(target);

	core_program_header(&maker, 0)->p_offset = 0;
	assert_damaged(&maker, "the number of its program headers is not there");
}

/* ---- damaged ones -------------------------------------------------------------------- */

static void wrong_segments(void **state)
{
	(void)state;
	struct core_maker maker;
	struct {
		uint64_t vaddr, offset, filesz, memsz;
		const char *why;
	} cases[] = {
		{UINT64_MAX - 4095, 0, 0, 8192, "goes round the address space"},
		{HEAP, 0, 8192, UINT64_MAX, "goes round the address space"},
		{HEAP, 0, 8192, 4096, "bytes in the file"},
		{HEAP, UINT64_MAX - 10, 4096, 4096, "no file can have"},
		{HEAP, 100, INT64_MAX, INT64_MAX, "no file can have"},
		{FILE_AT - 4096, 0, 4096, 8192, "two segments of the same address"},
		{FILE_AT, 0, 4096, 4096, "two segments of the same address"},
		{FILE_AT + 1, 0, 1, 1, "two segments of the same address"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		make_plain(&maker);
		Elf64_Phdr *header = core_program_header(&maker, 1);
		header->p_vaddr = cases[i].vaddr;
		header->p_offset = cases[i].offset ?: header->p_offset;
		header->p_filesz = cases[i].filesz;
		header->p_memsz = cases[i].memsz;
		assert_damaged(&maker, cases[i].why);
	}
}

static void wrong_header(void **state)
{
	(void)state;
	struct core_maker maker;
	make_plain(&maker);
	core_header(&maker)->e_phoff = UINT64_MAX;
	assert_damaged(&maker, "program headers beyond its end");
	make_plain(&maker);
	core_header(&maker)->e_phoff = maker.length - 10;
	assert_damaged(&maker, "cut off");
	make_plain(&maker);
	core_header(&maker)->e_phnum = 0;
	assert_damaged(&maker, "no program headers");
	make_plain(&maker);
	core_header(&maker)->e_phentsize = 32;
	assert_damaged(&maker, "program headers of 32 bytes");
	make_plain(&maker);
	core_header(&maker)->e_phnum = 60000;
	assert_damaged(&maker, "within its program headers");
	make_plain(&maker);
	core_program_header(&maker, 1)->p_filesz = 0;
	assert_damaged(&maker, "no memory at all");
}

static void wrong_notes(void **state)
{
	(void)state;
	struct core_maker maker;
	Elf64_Nhdr *note;
	make_plain(&maker);
	note = (void *)(maker.bytes + core_program_header(&maker, 0)->p_offset);
	note->n_descsz = UINT32_MAX;
	assert_damaged(&maker, "goes beyond the notes");
	make_plain(&maker);
	note = (void *)(maker.bytes + core_program_header(&maker, 0)->p_offset);
	note->n_namesz = UINT32_MAX;
	assert_damaged(&maker, "goes beyond the notes");

	static const uint64_t lists[][5] = {
		{UINT64_MAX, 4096, 0, 0, 0}, {1000, 4096, 0, 0, 0}, {1, 4096, 0x1000, 0x2000, 0},
	};
	static const char *const reasons[] = {"cannot hold", "cannot hold", "cannot hold"};
	for (size_t i = 0; i < 3; i++) {
		maker = (struct core_maker){0};
		core_add_note(&maker, "CORE", NT_FILE, lists[i], sizeof(lists[i]));
		core_add_memory(&maker, HEAP, pattern, 4096, 4096, PF_R);
		core_finish(&maker);
		assert_damaged(&maker, reasons[i]);
	}
	maker = (struct core_maker){0};
	core_add_note(&maker, "CORE", NT_FILE, lists[0], 8);
	core_add_memory(&maker, HEAP, pattern, 4096, 4096, PF_R);
	core_finish(&maker);
	assert_damaged(&maker, "the list of mapped files has 8 bytes");
}

/* Notes of unexpected sizes are those of another kernel; nonsense in a list of files
 * is left out of it. */
static void odd_notes_do_no_harm(void **state)
{
	(void)state;
	static const struct core_maker_file files[] = {
		{FILE_AT, FILE_AT, 0, "/empty"},
		{FILE_AT + 0x2000, FILE_AT, 0, "/backwards"},
		{FILE_AT, FILE_AT + 0x1000, UINT64_MAX, "/far"},
		{FILE_AT, FILE_AT + 0x2000, 0, "/good"},
		{FILE_AT + 0x1000, FILE_AT + 0x3000, 0, "/overlapping"},
		{FILE_AT + 0x4000, FILE_AT + 0x5000, 0, ""},
	};
	struct core_maker maker = {0};
	core_add_note(&maker, "CORE", NT_PRSTATUS, pattern, 12);
	core_add_note(&maker, "CORE", NT_PRPSINFO, pattern, 0);
	core_add_note(&maker, "CORE", NT_AUXV, pattern, 13);
	core_add_note(&maker, "", 77, pattern, 3);
	core_add_note(&maker, "a very long owner of a note that nobody knows", NT_FILE, pattern,
		      40);
	core_add_files(&maker, files, sizeof(files) / sizeof(*files));
	core_add_memory(&maker, HEAP, pattern, 4096, 4096, PF_R);
	core_finish(&maker);
	struct target *target = open_good(&maker);
	assert_int_equal(target_pid(target), 0);
	assert_int_equal(target_maps(target)->count, 2);
	assert_string_equal(target_maps(target)->items[1].path, "/good");
	read_everything(target);
	target_free(target);
}

static void without_notes(void **state)
{
	(void)state;
	struct core_maker maker = {0};
	core_add_memory(&maker, HEAP, pattern, 4096, 4096, PF_R);
	core_finish(&maker);
	struct target *target = open_good(&maker);
	assert_int_equal(target_maps(target)->count, 1);
	char **command = target_core_command(target);
	assert_null(command[0]);
	free(command);
	target_free(target);
}

/* Cut at every 64th byte: refused, or what is there is right and the rest is missing. */
static void cut_off_anywhere(void **state)
{
	(void)state;
	struct core_maker maker;
	make_plain(&maker);
	size_t memory = core_program_header(&maker, 1)->p_offset;
	for (size_t length = 0; length < maker.length; length += 64) {
		struct target *target;
		struct heapspy_error *error = core_open_bytes(maker.bytes, length, &target);
		assert_true(!error || error->code == HEAPSPY_BAD_FILE);
		assert_int_equal(error == NULL, length > memory);
		heapspy_error_free(error);
		if (error)
			continue;
		uint8_t bytes[sizeof(pattern)];
		size_t covered, left = length - memory;
		assert_int_equal(target_core_facts(target)->cut_off, sizeof(pattern) - left);
		assert_int_equal(target_read_some(target, HEAP, bytes, sizeof(bytes), &covered),
				 FAULT_NONE);
		assert_int_equal(covered, left);
		assert_memory_equal(bytes, pattern, left);
		assert_int_equal(target_read(target, HEAP + left, bytes, 1), FAULT_ABSENT);
		read_everything(target);
		target_free(target);
	}
}

/* Every byte of the headers and notes, changed in several ways. */
static void any_byte_wrong(void **state)
{
	(void)state;
	struct core_maker maker;
	make_plain(&maker);
	size_t end = core_program_header(&maker, 1)->p_offset;
	for (size_t at = 0; at < end; at++) {
		static const uint8_t changes[] = {0x01, 0x80, 0xff};
		for (size_t i = 0; i < sizeof(changes); i++) {
			struct target *target;
			maker.bytes[at] ^= changes[i];
			struct heapspy_error *error =
				core_open_bytes(maker.bytes, maker.length, &target);
			maker.bytes[at] ^= changes[i];
			if (!error) {
				read_everything(target);
				target_free(target);
				continue;
			}
			assert_int_equal(error->code, HEAPSPY_BAD_FILE);
			assert_non_null(error->why);
			heapspy_error_free(error);
		}
	}
}

/* The file gets shorter after it was opened. */
static void cut_while_it_is_read(void **state)
{
	(void)state;
	struct core_maker maker;
	make_plain(&maker);
	int fd = memfd_create("core", MFD_CLOEXEC);
	assert_int_equal(write(fd, maker.bytes, maker.length), maker.length);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct target *target = NULL;
	assert_no_error(target_open_core(path, &target));
	assert_int_equal(ftruncate(fd, 100), 0);
	uint8_t byte;
	assert_int_equal(target_read(target, HEAP, &byte, 1), FAULT_ABSENT);
	read_everything(target);
	target_free(target);
	close(fd);
}

/* ---- other files ---------------------------------------------------------------------- */

static void other_files(void **state)
{
	(void)state;
	assert_refused("", 0, "it is empty");
	assert_refused("\x7f" "ELF", 4, "cut off after 4 bytes");
	assert_refused("hello", 5, "not an ELF file");
	assert_refused("\x28\xb5\x2f\xfd....", 8, "packed with zstd");
	assert_refused("\x04\x22\x4d\x18....", 8, "packed with lz4");
	assert_refused("\x1f\x8b......", 8, "packed with gzip");
	assert_refused("\xfd" "7zXZ\0...", 9, "packed with xz");
	assert_refused("BZh91AY", 7, "packed with bzip2");
	assert_refused("{\"schema\": 1}", 13, "JSON");
	assert_refused("MDMP\x93\xa7", 6, "minidump");

	struct core_maker maker;
	make_plain(&maker);
	core_header(&maker)->e_type = ET_DYN;
	assert_damaged(&maker, "a program or a shared library, not a core");
	core_header(&maker)->e_type = 4711;
	assert_damaged(&maker, "type 4711");
	make_plain(&maker);
	core_header(&maker)->e_machine = EM_AARCH64;
	assert_damaged(&maker, "AArch64");
	core_header(&maker)->e_machine = 4711;
	assert_damaged(&maker, "number 4711");
	make_plain(&maker);
	core_header(&maker)->e_ident[EI_CLASS] = ELFCLASS32;
	assert_damaged(&maker, "32-bit");
	make_plain(&maker);
	core_header(&maker)->e_ident[EI_DATA] = ELFDATA2MSB;
	assert_damaged(&maker, "big-endian");
}

static void what_is_no_file(void **state)
{
	(void)state;
	struct target *target;
	struct heapspy_error *error = target_open_core("/", &target);
	assert_int_equal(error->code, HEAPSPY_BAD_FILE);
	assert_string_equal(error->why, "it is a directory");
	heapspy_error_free(error);
	error = target_open_core("/dev/null", &target);
	assert_string_equal(error->why, "it is a device");
	heapspy_error_free(error);
	error = target_open_core("/no/such/file\033[m", &target);
	assert_int_equal(error->code, HEAPSPY_BAD_FILE);
	assert_string_equal(error->what, "cannot read /no/such/file\\x1b[m");
	heapspy_error_free(error);
	int ends[2];
	char path[64];
	assert_int_equal(pipe(ends), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	error = target_open_core(path, &target);
	assert_non_null(strstr(error->why, "it is a pipe"));
	heapspy_error_free(error);
	close(ends[0]);
	close(ends[1]);
}

static void packed_files_have_a_remedy(void **state)
{
	(void)state;
	char directory[] = "/tmp/heapspy-test-XXXXXX", path[64];
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/it's.zst", directory);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "\x28\xb5\x2f\xfd", 4), 4);
	close(fd);
	struct target *target;
	struct heapspy_error *error = target_open_core(path, &target);
	char expected[256];
	snprintf(expected, sizeof(expected),
		 "zstd -dc '%s/it'\\''s.zst' > '%s/it'\\''s'\nheapspy dump '%s/it'\\''s'",
		 directory, directory, directory);
	assert_string_equal(error->remedy, expected);
	heapspy_error_free(error);
	unlink(path);
	rmdir(directory);
}

int main(int argc, char **argv)
{
	(void)argc;
	fixtures = argv + 1;
	fill_pattern();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_read),
		cmocka_unit_test(process_is_known),
		cmocka_unit_test(maps_are_of_memory_and_files),
		cmocka_unit_test(pages_of_the_same_file),
		cmocka_unit_test(another_build_is_not_taken),
		cmocka_unit_test(written_memory_is_not_taken_from_a_file),
		cmocka_unit_test(holes_are_zeros),
		cmocka_unit_test(arguments_from_the_stack),
		cmocka_unit_test(heap_has_its_name),
		cmocka_unit_test(snapshots_say_their_maps),
		cmocka_unit_test(numbers_beyond_16_bits),
		cmocka_unit_test(wrong_segments),
		cmocka_unit_test(wrong_header),
		cmocka_unit_test(wrong_notes),
		cmocka_unit_test(odd_notes_do_no_harm),
		cmocka_unit_test(without_notes),
		cmocka_unit_test(cut_off_anywhere),
		cmocka_unit_test(any_byte_wrong),
		cmocka_unit_test(cut_while_it_is_read),
		cmocka_unit_test(other_files),
		cmocka_unit_test(what_is_no_file),
		cmocka_unit_test(packed_files_have_a_remedy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
