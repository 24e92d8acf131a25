/* SPDX-License-Identifier: MIT */
/*
 * From an address to the function that it lies in, by the symbols of a module: those of
 * its file and of its separate debug file, or those that are in memory.
 */
#ifndef ELF_SYMBOLS_H
#define ELF_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "elf/module.h"

struct symbols;

/* Reads and sorts them all: a few milliseconds for a libpython. NULL without memory. The
 * module must outlive it. */
struct symbols *symbols_new(struct elf_module *module);
void symbols_free(struct symbols *symbols);
DEFINE_CLEANUP(struct symbols *, symbols_free)

/* Of several names for one function that which is meant for others. *ret_name is raw and
 * lives as long as `symbols`; *ret_start is where it begins in the target. False: there
 * is none that says to be there. */
bool symbols_find(const struct symbols *symbols, uint64_t address, const char **ret_name,
		  uint64_t *ret_start);

#endif
