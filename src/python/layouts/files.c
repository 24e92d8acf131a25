/* SPDX-License-Identifier: MIT */
#include "python/layouts/files.h"

#include <stdio.h>
#include <string.h>

#include "elf/dwarf.h"
#include "python/layout_private.h"

struct modules {
	char **arguments;
	int count;
	struct {
		const char *module;
		struct dwarf *dwarf;
	} items[LAYOUT_STRUCTURES];
	size_t opened;
};

void complain(const char *program, struct heapspy_error *error)
{
	fprintf(stderr, "%s: %s%s%s\n", program, error->what, error->why ? ": " : "",
		error->why ? error->why : "");
	heapspy_error_free(error);
}

/* The file of "MODULE=FILE" if it is this module's. */
static const char *file_of(const char *argument, const char *module)
{
	size_t length = strlen(module);
	bool is = strncmp(argument, module, length) == 0 && argument[length] == '=';
	return is ? argument + length + 1 : NULL;
}

static struct dwarf *open_module(const char *module, void *context)
{
	struct modules *modules = context;
	for (size_t i = 0; i < modules->opened; i++) {
		if (strcmp(modules->items[i].module, module) == 0)
			return modules->items[i].dwarf;
	}
	struct dwarf *dwarf = NULL;
	for (int i = 0; i < modules->count && !dwarf; i++) {
		const char *path = file_of(modules->arguments[i], module);
		struct heapspy_error *error = path ? dwarf_open_file(path, &dwarf) : NULL;
		if (error)
			complain("layouts", error);
	}
	modules->items[modules->opened].module = module;
	modules->items[modules->opened++].dwarf = dwarf;
	return dwarf;
}

struct heapspy_error *layout_from_files(const char *python, char **arguments, int count,
					struct layout *ret_layout)
{
	CLEANUP(dwarf_freep) struct dwarf *dwarf = NULL;
	struct heapspy_error *error = dwarf_open_file(python, &dwarf);
	if (error)
		return error;
	struct modules modules = {.arguments = arguments, .count = count};
	layout_clear(ret_layout);
	layout_fill_from_dwarf(ret_layout, dwarf, open_module, &modules);
	for (size_t i = 0; i < modules.opened; i++)
		dwarf_free(modules.items[i].dwarf);
	return NULL;
}
