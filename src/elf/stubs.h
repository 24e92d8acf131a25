/* SPDX-License-Identifier: MIT */
/*
 * The stubs of a procedure linkage table: a few instructions for each function of another
 * file that is called, which no symbol names. Debuggers call that for read() "read@plt".
 * x86-64 alone.
 */
#ifndef ELF_STUBS_H
#define ELF_STUBS_H

#include "elf/file.h"

/* The name is that of the function; the address is one in the file. */
typedef void elf_stub_visitor(const char *name, uint64_t address, uint64_t size, void *context);

/* Calls `visit` with each; with none where a stripped file does not say where they are. */
void elf_file_stubs(const struct elf_file *file, elf_stub_visitor *visit, void *context);

#endif
