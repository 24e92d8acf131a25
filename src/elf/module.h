/* SPDX-License-Identifier: MIT */
/*
 * ELF files mapped into a target: symbols, sections, build id, DWARF layouts.
 *
 * Addresses given and returned are addresses in the target: the load bias is
 * already in them. The file is had through /proc/PID/map_files, /proc/PID/exe
 * or its path, checked to be the very file that is mapped; where none of these
 * works, the dynamic symbols are read from the target's memory.
 *
 * The one folder that includes libelf and libdw.
 */
#ifndef ELF_MODULE_H
#define ELF_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/error.h>

#include "base/cleanup.h"
#include "target/target.h"

struct elf_module;

/* The module of which `mapping` is any mapping: of a file, or "[vdso]". */
struct heapspy_error *elf_module_open(struct target *target, const struct mapping *mapping,
				      struct elf_module **ret_module);

void elf_module_free(struct elf_module *module);
DEFINE_CLEANUP(struct elf_module *, elf_module_free)

/* Path as the target's maps print it, raw. */
const char *elf_module_path(const struct elf_module *module);

/* The range of addresses from its first to its last mapping. */
void elf_module_range(const struct elf_module *module, uint64_t *ret_start, uint64_t *ret_end);

/* What to add to an address of the file to get one of the target. */
uint64_t elf_module_bias(const struct elf_module *module);

/* Address and size of a defined symbol, from .dynsym and, where it is there,
 * .symtab (of the file or of its separate debug file). ret_size may be NULL. */
bool elf_module_symbol(struct elf_module *module, const char *name, uint64_t *ret_address,
		       uint64_t *ret_size);

/* Address and size of an allocated section, if the section headers survive. */
bool elf_module_section(struct elf_module *module, const char *name, uint64_t *ret_address,
			uint64_t *ret_size);

/* Writable data of the module: .data and .bss, as one address range each
 * PT_LOAD segment that is writable. Returns how many there are. */
size_t elf_module_writable(struct elf_module *module, uint64_t (*ranges)[2], size_t max);

/* The bytes of the file image at an address of the target, as they were before
 * the process changed them. False where the file is not at hand. */
bool elf_module_initial_bytes(struct elf_module *module, uint64_t address, void *buffer, size_t length);

/* Lower case hex of the build id, "" if it has none. */
const char *elf_module_build_id(const struct elf_module *module);

#endif
