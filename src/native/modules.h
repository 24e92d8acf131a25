/* SPDX-License-Identifier: MIT */
/*
 * The program files in a process, by the addresses of their code: what unwinding and
 * naming need of each is opened when it is first asked for, and kept. A library that was
 * unloaded is noticed when another one is found in its place.
 */
#ifndef NATIVE_MODULES_H
#define NATIVE_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elf/cfi.h"
#include "elf/dwarf_places.h"
#include "elf/module.h"
#include "elf/symbols.h"
#include "native/unwind.h"

/* What one address was found to be. */
struct native_names {
	uint64_t key;
	struct native_name *items;
	size_t count;
};

/* A hash table of them, by key. */
struct names_table {
	struct native_names *slots;
	size_t count, capacity;
};

/* The slot of a key, which is empty (items NULL) until names_put(). NULL without memory. */
struct native_names *names_at(struct names_table *table, uint64_t key);
void names_put(struct names_table *table, struct native_names *slot,
	       const struct native_names *names);
void names_fini(struct names_table *table);

struct native_module {
	uint64_t start, end;
	dev_t device;
	ino_t inode;
	char *path;      /* sanitised, as the target sees it */
	struct elf_module *elf; /* NULL: cannot be had */
	struct cfi *cfi;
	struct symbols *symbols;
	struct dwarf *dwarf;
	struct dwarf_places *places;
	bool cfi_sought, symbols_sought, places_sought;
	struct names_table names, tails;
	struct native_module *next; /* also those that are no more, for their texts */
	bool gone;
};

struct unwinder {
	struct target *target;
	struct native_module *modules;
};

/* The one whose code is at an address; NULL: none, or no memory. */
struct native_module *modules_find(struct unwinder *unwinder, uint64_t address);

/* NULL where it has none. */
struct cfi *module_cfi(struct native_module *module);
struct symbols *module_symbols(struct native_module *module);
struct dwarf_places *module_places(struct native_module *module);

#endif
