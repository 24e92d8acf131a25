/* SPDX-License-Identifier: MIT */
/* Modules of a process: of a fork of this one, whose own linker knows where all is. */
#include "unit.h"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "child.h"
#include "elf/dynamic.h"
#include "elf/module.h"
#include "elf/segments.h"
#include "elf/symbols.h"
#include "target/fake.h"
#include "target/target.h"

uint64_t test_initialised[4] = {1, 2, 3, 0x1122334455667788};
uint64_t test_zeroed[1000];
static uint32_t test_local = 42;

static struct child child;

static void do_nothing(void *context)
{
	(void)context;
}

static int start_child(void **state)
{
	(void)state;
	child = child_start(do_nothing, NULL);
	return 0;
}

static int end_child(void **state)
{
	(void)state;
	child_end(&child);
	return 0;
}

static struct target *open_fork(void)
{
	struct target *target = NULL;
	assert_no_error(target_open_process(child.pid, &target));
	return target;
}

static struct elf_module *module_at(struct target *target, const void *address)
{
	const struct mapping *mapping = maps_find(target_maps(target), (uintptr_t)address);
	assert_non_null(mapping);
	struct elf_module *module = NULL;
	assert_no_error(elf_module_open(target, mapping, &module));
	return module;
}

static void assert_symbol(struct elf_module *module, const char *name, const void *expected,
			  size_t length)
{
	uint64_t address, size;
	if (!elf_module_symbol(module, name, &address, &size))
		fail_msg("no symbol %s", name);
	assert_int_equal(address, (uintptr_t)expected);
	if (length)
		assert_int_equal(size, length);
}

static void symbols_of_a_program(void **state)
{
	(void)state;
	test_local++;
	CLEANUP(target_freep) struct target *target = open_fork();
	/* Any of its mappings leads to the same module. */
	const void *inside[] = {(const void *)symbols_of_a_program, test_initialised, "read-only"};
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		CLEANUP(elf_module_freep) struct elf_module *module = module_at(target, inside[i]);
		assert_symbol(module, "test_initialised", test_initialised,
			      sizeof(test_initialised));
		assert_symbol(module, "test_zeroed", test_zeroed, sizeof(test_zeroed));
		assert_symbol(module, "test_local", &test_local, sizeof(test_local));

		uint64_t address = 77;
		assert_false(elf_module_symbol(module, "no_such_symbol", &address, NULL));
		assert_false(elf_module_symbol(module, "", &address, NULL));
		assert_false(
		    elf_module_symbol(module, "malloc", &address, NULL)); /* not defined here */
		assert_int_equal(address, 77);
	}
}

static void symbols_of_a_library(void **state)
{
	(void)state;
	CLEANUP(target_freep) struct target *target = open_fork();
	CLEANUP(elf_module_freep)
	struct elf_module *module = module_at(target, dlsym(RTLD_DEFAULT, "getppid"));
	assert_symbol(module, "getppid", dlsym(RTLD_DEFAULT, "getppid"), 0);
	assert_symbol(module, "environ", dlsym(RTLD_DEFAULT, "environ"), sizeof(char **));
	assert_non_null(strstr(elf_module_path(module), "libc"));
	uint64_t address;
	assert_false(elf_module_symbol(module, "errno", &address, NULL)); /* of each thread */
}

/* Where a stub jumps to: through the slot of its `jmp *rel32(%rip)`. */
static const void *goes_to(const uint8_t *stub)
{
	for (size_t i = 0; i + 6 <= 16; i++) {
		int32_t distance;
		const void *there;
		if (stub[i] != 0xff || stub[i + 1] != 0x25)
			continue;
		memcpy(&distance, stub + i + 2, sizeof(distance));
		memcpy(&there, stub + i + 6 + distance, sizeof(there));
		return there;
	}
	return NULL;
}

/* The linker has no symbols for them: a stub is called as what it jumps to, and `_init` ends
 * before them. */
static void stubs_have_names(void **state)
{
	(void)state;
#ifdef __x86_64__
	CLEANUP(target_freep) struct target *target = open_fork();
	CLEANUP(elf_module_freep) struct elf_module *module = module_at(target, test_initialised);
	CLEANUP(symbols_freep) struct symbols *symbols = symbols_new(module);
	static const char *const sections[] = {".plt", ".plt.sec"};
	size_t named = 0, called = 0, right = 0;
	uint64_t first, end;
	elf_module_range(module, &first, &end);
	for (size_t i = 0; i < 2; i++) {
		uint64_t address, size, start;
		if (!elf_module_section(module, sections[i], &address, &size))
			continue;
		for (uint64_t at = address; at < address + size; at += 16) {
			const char *name;
			char plain[256];
			if (!symbols_find(symbols, at + 5, &name, &start))
				continue;
			assert_int_equal(start, at);
			named++;
			assert_non_null(strstr(name, "@plt"));
			snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(name, "@"), name);
			/* Before its first call it goes on in this module. */
			const void *there = goes_to((const uint8_t *)(uintptr_t)at);
			if ((uintptr_t)there >= first && (uintptr_t)there < end)
				continue;
			called++;
			right += there == dlsym(RTLD_DEFAULT, plain);
		}
	}
	assert_in_range(named, 20, 10000);
	/* Of some there are several versions. */
	assert_in_range(called, 5, named);
	assert_in_range(right, called - called / 10, called);
	/* Of those that were called none has a wrong name: the others go on to the stubs. */
#endif
}

static void range_sections_and_segments(void **state)
{
	(void)state;
	CLEANUP(target_freep) struct target *target = open_fork();
	CLEANUP(elf_module_freep) struct elf_module *module = module_at(target, test_initialised);
	uint64_t start, end, address, size, ranges[8][2];
	elf_module_range(module, &start, &end);
	assert_true(start <= (uintptr_t)open_fork && (uintptr_t)(test_zeroed + 1000) <= end);

	assert_true(elf_module_section(module, ".bss", &address, &size));
	assert_true(address <= (uintptr_t)test_zeroed);
	assert_true((uintptr_t)(test_zeroed + 1000) <= address + size);
	assert_false(elf_module_section(module, ".nothing", &address, &size));
	assert_false(elf_module_section(module, ".symtab", &address, &size)); /* not in memory */

	size_t count = elf_module_writable(module, ranges, 8), holding = 0;
	assert_in_range(count, 1, 8);
	for (size_t i = 0; i < count; i++) {
		holding += ranges[i][0] <= (uintptr_t)test_initialised &&
			   (uintptr_t)(test_initialised + 4) <= ranges[i][1];
		assert_false(ranges[i][0] <= (uintptr_t)open_fork &&
			     (uintptr_t)open_fork < ranges[i][1]);
	}
	assert_int_equal(holding, 1);
	assert_int_equal(elf_module_writable(module, ranges, 0), 0);

	const char *build_id = elf_module_build_id(module);
	assert_int_equal(strspn(build_id, "0123456789abcdef"), strlen(build_id));
}

static void initial_bytes(void **state)
{
	(void)state;
	CLEANUP(target_freep) struct target *target = open_fork();
	CLEANUP(elf_module_freep) struct elf_module *module = module_at(target, test_initialised);
	test_initialised[3] = 0;
	memset(test_zeroed, 1, sizeof(test_zeroed));

	uint64_t words[1001];
	assert_true(elf_module_initial_bytes(module, (uintptr_t)test_initialised, words, 32));
	assert_int_equal(words[3], 0x1122334455667788);
	memset(words, 0xff, sizeof(words));
	assert_true(
	    elf_module_initial_bytes(module, (uintptr_t)test_zeroed, words, sizeof(test_zeroed)));
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(words[i], 0);
	assert_true(words[1000] == UINT64_MAX);
	/* Half before the end of what the file holds, half after. */
	uint64_t address, size, ranges[8][2];
	assert_true(elf_module_section(module, ".bss", &address, &size));
	assert_true(elf_module_initial_bytes(module, address - 8, words, 16));
	assert_int_equal(words[1], 0);

	size_t count = elf_module_writable(module, ranges, 8);
	uint64_t last = ranges[count - 1][1];
	assert_true(elf_module_initial_bytes(module, last - 8, words, 8));
	assert_false(elf_module_initial_bytes(module, last - 8, words, 9));
	assert_false(elf_module_initial_bytes(module, last, words, 1));
	assert_false(elf_module_initial_bytes(module, 0, words, 1));
	assert_false(elf_module_initial_bytes(module, UINT64_MAX, words, 1));
}

/* A file that is mapped, but as data; and no file at all. */
static void what_is_no_module(void **state)
{
	(void)state;
	CLEANUP(target_freep) struct target *target = open_fork();
	const struct maps *maps = target_maps(target);
	struct elf_module *module;
	for (size_t i = 0; i < maps->count; i++) {
		struct heapspy_error *error = elf_module_open(target, &maps->items[i], &module);
		if (!mapping_is_file(&maps->items[i]))
			assert_non_null(error);
		if (error)
			heapspy_error_free(error);
		else
			elf_module_free(module);
	}
	elf_module_free(NULL);
}

/* ---- without the file ---------------------------------------------------- */

struct search {
	const char *name;
	uint64_t value;
};

static bool find(const char *name, const GElf_Sym *symbol, void *context)
{
	struct search *search = context;
	if (strcmp(name, search->name) != 0)
		return false;
	search->value = symbol->st_value;
	return true;
}

static int of_libc(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size;
	if (!strstr(info->dlpi_name, "libc.so"))
		return 0;
	*(uint64_t *)context = info->dlpi_addr;
	return 1;
}

static void symbols_from_memory(void **state)
{
	(void)state;
	CLEANUP(target_freep) struct target *target = open_fork();
	uint64_t base = 0, start, end;
	assert_true(dl_iterate_phdr(of_libc, &base));
	struct segments segments;
	assert_true(segments_from_memory(target, base, &segments));
	uint64_t bias = 0;
	assert_true(segments_bias(&segments, target_maps(target),
				  maps_find(target_maps(target), base), &bias));
	assert_int_equal(bias, base);
	segments_range(&segments, &start, &end);

	CLEANUP(dynamic_freep)
	struct dynamic *dynamic = dynamic_new(target, &segments, bias, start + bias, end + bias);
	assert_non_null(dynamic);
	static const char *const names[] = {"getppid", "environ", "umask", "chroot"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct search search = {.name = names[i]};
		dynamic_symbols(dynamic, find, &search);
		assert_int_equal(search.value + bias, (uintptr_t)dlsym(RTLD_DEFAULT, names[i]));
	}

	CLEANUP(elf_module_freep) struct elf_module *module = module_at(target, (void *)base);
	char build_id[ELF_BUILD_ID_SIZE];
	dynamic_build_id(target, &segments, bias, build_id);
	assert_string_equal(build_id, elf_module_build_id(module));
}

/* A copy of libc's image in made-up memory: its file cannot be had. */
static void module_without_its_file(void **state)
{
	(void)state;
	CLEANUP(target_freep) struct target *target = open_fork();
	uint64_t base = 0, start, end;
	assert_true(dl_iterate_phdr(of_libc, &base));
	struct segments segments;
	assert_true(segments_from_memory(target, base, &segments));
	segments_range(&segments, &start, &end);
	CLEANUP(freep) uint8_t *image = calloc(1, end);
	size_t covered;
	assert_int_equal(target_read_some(target, base, image, end, &covered), FAULT_NONE);

	struct fake_piece piece = {
	    .address = base,
	    .length = end,
	    .bytes = image,
	    .path = "/gone/libc.so",
	    .inode = 5,
	    .flags = MAPPING_READ,
	};
	CLEANUP(target_freep) struct target *fake = fake_target_new(&piece, 1);
	struct elf_module *opened = NULL;
	assert_no_error(elf_module_open(fake, &target_maps(fake)->items[0], &opened));
	CLEANUP(elf_module_freep) struct elf_module *module = opened;
	assert_symbol(module, "getppid", dlsym(RTLD_DEFAULT, "getppid"), 0);
	uint64_t address, size;
	uint8_t byte;
	assert_false(elf_module_section(module, ".bss", &address, &size));
	assert_false(elf_module_initial_bytes(module, base, &byte, 1));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(symbols_of_a_program),	   cmocka_unit_test(symbols_of_a_library),
	    cmocka_unit_test(range_sections_and_segments), cmocka_unit_test(initial_bytes),
	    cmocka_unit_test(what_is_no_module),	   cmocka_unit_test(symbols_from_memory),
	    cmocka_unit_test(module_without_its_file),	   cmocka_unit_test(stubs_have_names),
	};
	return cmocka_run_group_tests(tests, start_child, end_child);
}
