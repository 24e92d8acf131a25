/* SPDX-License-Identifier: MIT */
/*
 * Sizes and offsets of C structures from debug information.
 *
 * The debug information is the file's own, or a separate file found by build id
 * or debug link under the usual directories (also of the target's root), never
 * fetched over the network.
 *
 * A name may have several definitions that differ: static structures of two
 * source files, or one that another macro changes. Ask for the definitions and
 * choose by the members they have.
 *
 * Opening reads the debug sections, the first question the names of all types:
 * some hundredths of a second for a libpython, 0.2 where it is compressed. Not to
 * be used by two threads at once.
 */
#ifndef ELF_DWARF_H
#define ELF_DWARF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/error.h>

#include "base/cleanup.h"
#include "elf/module.h"

struct dwarf;

/* Of a module in a target, or of a file on disk (for the table generator).
 * HEAPSPY_REFUSED with a reason where there is no debug information. */
struct heapspy_error *dwarf_open_module(struct elf_module *module, struct dwarf **ret_dwarf);
struct heapspy_error *dwarf_open_file(const char *path, struct dwarf **ret_dwarf);

void dwarf_free(struct dwarf *dwarf);
DEFINE_CLEANUP(struct dwarf *, dwarf_free)

/* One definition of a structure; good for as long as its dwarf. */
struct dwarf_structure {
	uint64_t position;
	bool alternate;
};

/* The definitions of a struct tag or typedef name, at most `max`, the one most
 * often met first. Returns how many were written. */
size_t dwarf_find(struct dwarf *dwarf, const char *name, struct dwarf_structure *structures,
		  size_t max);

bool dwarf_structure_size(struct dwarf *dwarf, const struct dwarf_structure *structure,
			  int32_t *ret_size);

/* `path` is a member or members joined by dots ("interpreters.head"); members of
 * anonymous structs and unions are found as C finds them. Bits from the start of
 * the structure. False if it is not there. */
bool dwarf_structure_bits(struct dwarf *dwarf, const struct dwarf_structure *structure,
			  const char *path, int64_t *ret_bits);

/* Size of the first definition of a name. False if it is not there. */
bool dwarf_size(struct dwarf *dwarf, const char *structure, int32_t *ret_size);

/* Offset in the first definition that has the member, in bytes. False if it is
 * not there or does not begin at a byte. */
bool dwarf_offset(struct dwarf *dwarf, const char *structure, const char *path,
		  int32_t *ret_offset);

#endif
