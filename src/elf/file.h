/* SPDX-License-Identifier: MIT */
/*
 * One ELF file on disk, opened for reading: what modules and debug files share.
 *
 * The file is not mapped: whoever owns it could truncate it meanwhile, which
 * would be SIGBUS; a read merely fails. Only 64-bit little-endian files are
 * taken. Not to be used by two threads at once.
 */
#ifndef ELF_FILE_H
#define ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gelf.h>

#include <heapspy/error.h>

#include "base/cleanup.h"

/* Lower case hex and its NUL, of the longest hash in use. */
enum { ELF_BUILD_ID_SIZE = 129 };

struct elf_file {
	int fd;
	Elf *elf;
	GElf_Ehdr header;
	uint64_t size;			  /* of the file, bytes */
	char build_id[ELF_BUILD_ID_SIZE]; /* "" if it has none */
};

/* Takes the descriptor, also when it fails. `name` is for the message. Regular
 * files only, so that a FIFO or a device cannot hold us up. */
struct heapspy_error *elf_file_open(int fd, const char *name, struct elf_file **ret_file);
void elf_file_free(struct elf_file *file);
DEFINE_CLEANUP(struct elf_file *, elf_file_free)

/* Where elf_strptr() finds the names of sections. */
bool elf_file_section_names(const struct elf_file *file, size_t *ret_index);

/* The section of this name; NULL if there is none. */
Elf_Scn *elf_file_section(const struct elf_file *file, const char *name, GElf_Shdr *ret_header);

/* The bytes of a section that has bytes in the file; NULL where it has not.
 * Compressed sections come as they are in the file. */
const void *elf_file_contents(const struct elf_file *file, const char *name, size_t *ret_length);

/* Calls `visit` with each defined symbol of a section of type SHT_DYNSYM or
 * SHT_SYMTAB until it returns true; says whether it did. */
typedef bool elf_symbol_visitor(const char *name, const GElf_Sym *symbol, void *context);
bool elf_file_symbols(const struct elf_file *file, uint32_t section_type, elf_symbol_visitor *visit,
		      void *context);

/* The whole file has this checksum (as .gnu_debuglink holds it)? */
bool elf_file_has_checksum(const struct elf_file *file, uint32_t crc);

/* Looks for a build id in notes; leaves ret_build_id as it is if there is none. */
void elf_build_id_from_notes(const Elf_Data *notes, char ret_build_id[static ELF_BUILD_ID_SIZE]);

/* Bytes as lower case hex, at most what fits. */
void elf_build_id_format(const uint8_t *bytes, size_t length,
			 char ret_build_id[static ELF_BUILD_ID_SIZE]);

#endif
