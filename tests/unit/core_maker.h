/* SPDX-License-Identifier: MIT */
/*
 * Core files made by hand: header, program headers, notes, memory, in this order.
 * What is to be wrong in one is changed in its bytes afterwards.
 */
#ifndef TESTS_CORE_MAKER_H
#define TESTS_CORE_MAKER_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/error.h>

#include "target/target.h"

enum { CORE_MOST_SEGMENTS = 16, CORE_MOST_BYTES = 1 << 18 };

struct core_maker {
	uint8_t notes[16384];
	size_t notes_length;
	Elf64_Phdr segments[CORE_MOST_SEGMENTS];
	const void *contents[CORE_MOST_SEGMENTS];
	size_t segment_count;
	/* After core_finish(): */
	uint8_t bytes[CORE_MOST_BYTES];
	size_t length;
};

/* Memory: `filesz` bytes of `contents` (NULL: zeros) are dumped. */
void core_add_memory(struct core_maker *maker, uint64_t address, const void *contents,
		     uint64_t filesz, uint64_t memsz, uint32_t flags);

void core_add_note(struct core_maker *maker, const char *owner, uint32_t type, const void *bytes,
		   size_t length);

struct core_maker_file {
	uint64_t start, end, page;
	const char *path;
};

/* NT_FILE, NT_PRPSINFO and NT_PRSTATUS of process `pid`, "python3 app.py". */
void core_add_files(struct core_maker *maker, const struct core_maker_file *files, size_t count);
void core_add_process(struct core_maker *maker, int pid);

/* Lays it out in `bytes`. Program header 0 is that of the notes. */
void core_finish(struct core_maker *maker);
Elf64_Ehdr *core_header(struct core_maker *maker);
Elf64_Phdr *core_program_header(struct core_maker *maker, size_t index);

/* Opens the first `length` bytes as a file. */
struct heapspy_error *core_open_bytes(const void *bytes, size_t length, struct target **ret_target);

#endif
