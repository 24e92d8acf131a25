/* SPDX-License-Identifier: MIT */
/*
 * Sizes and offsets of C structures from debug information.
 *
 * The debug information is the file's own, or a separate file found by build id
 * or debug link under the usual directories (also of the target's root), never
 * fetched over the network.
 */
#ifndef ELF_DWARF_H
#define ELF_DWARF_H

#include <stdbool.h>
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

/* `structure` is a struct tag or a typedef name. False if it is not there. */
bool dwarf_size(struct dwarf *dwarf, const char *structure, int32_t *ret_size);

/* `path` is a member or members joined by dots ("interpreters.head"); members of
 * anonymous structs and unions are found as C finds them. Bytes from the start
 * of the structure; for a bit field, bits. False if it is not there. */
bool dwarf_offset(struct dwarf *dwarf, const char *structure, const char *path, int32_t *ret_offset);

#endif
