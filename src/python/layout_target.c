/* SPDX-License-Identifier: MIT */
/* Layouts from the debug information of what a target has loaded. */
#include <string.h>

#include "base/error.h"
#include "elf/dwarf.h"
#include "elf/module.h"
#include "python/layout_private.h"
#include "target/target.h"

struct loaded {
	struct target *target;
	struct {
		const char *module;
		struct dwarf *dwarf;
	} items[LAYOUT_STRUCTURES];
	size_t count;
};

/* "/usr/lib/.../_decimal.cpython-313-x86_64-linux-gnu.so" is the module "_decimal". */
static bool is_file_of(const char *path, const char *module)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t length = strlen(module);
	return strncmp(name, module, length) == 0 && name[length] == '.' && strstr(name, ".so");
}

static struct dwarf *open_loaded(struct target *target, const char *module)
{
	const struct maps *maps = target_maps(target);
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];
		if (!mapping_is_file(mapping) || !is_file_of(mapping->path, module))
			continue;
		CLEANUP(elf_module_freep) struct elf_module *file = NULL;
		struct dwarf *dwarf = NULL;
		struct heapspy_error *error = elf_module_open(target, mapping, &file);
		if (!error)
			error = dwarf_open_module(file, &dwarf);
		heapspy_error_free(error);
		return dwarf;
	}
	return NULL;
}

static struct dwarf *open_module(const char *module, void *context)
{
	struct loaded *loaded = context;
	for (size_t i = 0; i < loaded->count; i++) {
		if (strcmp(loaded->items[i].module, module) == 0)
			return loaded->items[i].dwarf;
	}
	struct dwarf *dwarf = open_loaded(loaded->target, module);
	loaded->items[loaded->count].module = module;
	loaded->items[loaded->count++].dwarf = dwarf;
	return dwarf;
}

struct heapspy_error *layout_from_dwarf(struct target *target, struct elf_module *python,
					struct layout *ret_layout)
{
	CLEANUP(dwarf_freep) struct dwarf *dwarf = NULL;
	struct heapspy_error *error = dwarf_open_module(python, &dwarf);
	if (error)
		return error;
	struct loaded loaded = {.target = target};
	layout_clear(ret_layout);
	layout_fill_from_dwarf(ret_layout, dwarf, open_module, &loaded);
	for (size_t i = 0; i < loaded.count; i++)
		dwarf_free(loaded.items[i].dwarf);
	if (HAS(ret_layout, RuntimeState, interpreters_head))
		return NULL;
	return error_why(error_new(HEAPSPY_REFUSED, "no structure layouts from debug information"),
			 "it does not describe _PyRuntimeState");
}
