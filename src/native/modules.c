/* SPDX-License-Identifier: MIT */
#include "native/modules.h"

#include <stdlib.h>
#include <string.h>

#include <heapspy/error.h>

#include "base/text.h"

static void names_fini(struct native_module *module)
{
	for (size_t i = 0; i < module->name_capacity; i++) {
		struct native_names *names = &module->names[i];
		for (size_t j = 0; j < names->count; j++) {
			free((char *)names->items[j].function);
			free((char *)names->items[j].file);
		}
		free(names->items);
	}
	free(module->names);
}

static void module_free(struct native_module *module)
{
	names_fini(module);
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
