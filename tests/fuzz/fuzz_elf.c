/* SPDX-License-Identifier: MIT */
/* A program file: from disk, and as the memory of a process. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "elf/file.h"
#include "elf/module.h"
#include "elf/segments.h"
#include "exercise.h"
#include "harness.h"
#include "target/fake.h"

static bool count_symbol(const char *name, const GElf_Sym *symbol, void *context)
{
	*(uint64_t *)context += strlen(name) + symbol->st_value;
	return false;
}

static void read_file(const uint8_t *input, size_t length)
{
	const char *path = exercise_file(input, length);
	struct elf_file *file;
	struct heapspy_error *error = elf_file_open(open(path, O_RDONLY | O_CLOEXEC), path, &file);
	if (error) {
		exercise_error(error);
		return;
	}
	uint64_t total = 0;
	size_t size;
	GElf_Shdr header;
	struct segments segments;
	elf_file_symbols(file, SHT_DYNSYM, count_symbol, &total);
	elf_file_symbols(file, SHT_SYMTAB, count_symbol, &total);
	elf_file_section(file, ".data", &header);
	elf_file_contents(file, ".gnu_debuglink", &size);
	elf_file_has_checksum(file, (uint32_t)total);
	segments_from_file(file, &segments);
	REQUIRE(strlen(file->build_id) < ELF_BUILD_ID_SIZE);
	elf_file_free(file);
}

static void read_memory(const uint8_t *input, size_t length)
{
	/* The memory of a process has whole pages. */
	size_t mapped = (length + 4095) & ~(size_t)4095;
	uint8_t *bytes = calloc(1, mapped);
	REQUIRE(bytes != NULL);
	memcpy(bytes, input, length);
	struct fake_piece piece = {
	    .address = 0x7f0000010000,
	    .length = mapped,
	    .bytes = bytes,
	    .path = "/lib/file.so",
	    .inode = 3,
	    .flags = MAPPING_READ | MAPPING_WRITE,
	};
	CLEANUP(target_freep) struct target *target = fake_target_new(&piece, 1);
	REQUIRE(target != NULL);
	struct elf_module *module;
	struct heapspy_error *error =
	    elf_module_open(target, &target_maps(target)->items[0], &module);
	exercise_error(error);
	if (!error) {
		uint64_t address, size, ranges[8][2];
		uint8_t initial[16];
		elf_module_symbol(module, "fixture_outer_object", &address, &size);
		elf_module_symbol(module, "nothing", &address, NULL);
		elf_module_section(module, ".data", &address, &size);
		elf_module_writable(module, ranges, 8);
		elf_module_initial_bytes(module, piece.address, initial, sizeof(initial));
		elf_module_free(module);
	}
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	if (length == 0)
		return 0;
	read_file(input, length);
	read_memory(input, length);
	return 0;
}
