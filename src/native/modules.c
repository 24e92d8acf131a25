/* SPDX-License-Identifier: MIT */
#include "native/modules.h"

#include <stdlib.h>
#include <string.h>

#include <heapspy/error.h>

#include "base/text.h"


static void module_free(struct native_module *module)
{
	names_fini(&module->names);
	names_fini(&module->tails);
	cfi_free(module->cfi);
	symbols_free(module->symbols);
	dwarf_places_free(module->places);
	dwarf_free(module->dwarf);
	elf_module_free(module->elf);
	free(module->path);
	free(module);
}

struct unwinder *unwinder_new(struct target *target)
{
	struct unwinder *unwinder = calloc(1, sizeof(*unwinder));
	if (unwinder)
		unwinder->target = target;
	return unwinder;
}

void unwinder_free(struct unwinder *unwinder)
{
	if (!unwinder)
		return;
	while (unwinder->modules) {
		struct native_module *module = unwinder->modules;
		unwinder->modules = module->next;
		module_free(module);
	}
	free(unwinder);
}

static struct native_module *open_module(struct unwinder *unwinder, const struct mapping *mapping)
{
	struct native_module *module = calloc(1, sizeof(*module));
	if (!module)
		return NULL;
	module->start = mapping->start;
	module->end = mapping->end;
	module->device = mapping->device;
	module->inode = mapping->inode;
	module->path = text_from_bytes(mapping->path, strlen(mapping->path));
	if (!module->path) {
		free(module);
		return NULL;
	}
	struct heapspy_error *error = elf_module_open(unwinder->target, mapping, &module->elf);
	if (!error)
		elf_module_range(module->elf, &module->start, &module->end);
	heapspy_error_free(error);
	module->next = unwinder->modules;
	unwinder->modules = module;
	return module;
}

static bool has_file(const struct mapping *mapping)
{
	return mapping_is_file(mapping) || strcmp(mapping->path, "[vdso]") == 0;
}

struct native_module *modules_find(struct unwinder *unwinder, uint64_t address)
{
	const struct mapping *mapping = maps_find(target_maps(unwinder->target), address);
	if (!mapping || !has_file(mapping))
		return NULL;
	struct native_module *before = NULL;
	for (struct native_module *module = unwinder->modules; module; module = module->next) {
		if (!module->gone && address >= module->start && address < module->end) {
			module->gone = module->inode != mapping->inode ||
				       module->device != mapping->device;
			if (!module->gone && before) {
				/* The one asked for last stands first. */
				before->next = module->next;
				module->next = unwinder->modules;
				unwinder->modules = module;
			}
			if (!module->gone)
				return module;
		}
		before = module;
	}
	return open_module(unwinder, mapping);
}

struct cfi *module_cfi(struct native_module *module)
{
	if (!module->cfi_sought && module->elf)
		module->cfi = cfi_new(module->elf);
	module->cfi_sought = true;
	return module->cfi;
}

struct symbols *module_symbols(struct native_module *module)
{
	if (!module->symbols_sought && module->elf)
		module->symbols = symbols_new(module->elf);
	module->symbols_sought = true;
	return module->symbols;
}

struct dwarf_places *module_places(struct native_module *module)
{
	if (module->places_sought)
		return module->places;
	module->places_sought = true;
	struct heapspy_error *error =
		module->elf ? dwarf_open_module(module->elf, &module->dwarf) : NULL;
	heapspy_error_free(error);
	if (module->dwarf)
		module->places = dwarf_places_new(module->dwarf);
	return module->places;
}
