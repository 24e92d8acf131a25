/* SPDX-License-Identifier: MIT */
/*
 * Prints one row of the layout tables from the debug information of a build.
 * Used by `generate` beside this file; not installed. Must not link the tables:
 * it has to build while they do not.
 *
 *	extract ID FIRST LAST FLAVOUR ORIGIN PYTHON [MODULE=FILE...]
 */
#include <stdio.h>
#include <string.h>

#include "elf/dwarf.h"
#include "python/layout_private.h"

struct modules {
	char **arguments;
	size_t count;
	struct dwarf *open[LAYOUT_STRUCTURES];
	size_t open_count;
	const char *names[LAYOUT_STRUCTURES];
};

static void complain(struct heapspy_error *error)
{
	fprintf(stderr, "extract: %s%s%s\n", error->what, error->why ? ": " : "",
		error->why ? error->why : "");
	heapspy_error_free(error);
}

/* The file of "MODULE=FILE" if it is this module's. */
static const char *file_of(const char *argument, const char *module)
{
	size_t length = strlen(module);
	return strncmp(argument, module, length) == 0 && argument[length] == '=' ?
		       argument + length + 1 :
		       NULL;
}

static struct dwarf *open_module(const char *module, void *context)
{
	struct modules *modules = context;
	for (size_t i = 0; i < modules->open_count; i++) {
		if (strcmp(modules->names[i], module) == 0)
			return modules->open[i];
	}
	struct dwarf *dwarf = NULL;
	for (size_t i = 0; i < modules->count && !dwarf; i++) {
		const char *path = file_of(modules->arguments[i], module);
		if (!path)
			continue;
		struct heapspy_error *error = dwarf_open_file(path, &dwarf);
		if (error)
			complain(error);
	}
	modules->names[modules->open_count] = module;
	return modules->open[modules->open_count++] = dwarf;
}

/* Structures of extension modules: either the version has them not, or no file
 * that was given does. */
static void warn_of_missing(const struct layout *layout, const char *id)
{
	const char *before = "missing:";
	for (size_t s = 0; s < LAYOUT_STRUCTURES; s++) {
		bool any = false;
		enum layout_field last = 0;
		for (size_t f = 0; f < LAYOUT_FIELDS; f++) {
			if (layout_fields[f].structure == s) {
				any |= layout->at[f] != LAYOUT_NONE;
				last = f;
			}
		}
		if (any || !*layout_structures[s].module)
			continue;
		if (*before)
			fprintf(stderr, "extract: %s: %s", id, before);
		before = "";
		fprintf(stderr, " %s (%s)", layout_structure_name(last), layout_structures[s].module);
	}
	if (!*before)
		fputc('\n', stderr);
}

static void print_row(char **arguments, const struct layout *layout)
{
	static const char *const short_names[] = {
#define STRUCT(name, dwarf_names, module) #name,
#define SIZE(name, debug_name)
#define FIELD(name, field, dwarf_paths, debug_name)
#include "python/layout_fields.def"
	};
	printf("ROW(");
	for (const char *at = arguments[1]; *at; at++)
		putchar(*at == '-' || *at == '.' ? '_' : *at);
	printf(", \"%s\", %s, %s, %s,\n    \"%s\")\n", arguments[1], arguments[2], arguments[3],
	       arguments[4], arguments[5]);
	for (size_t f = 0; f < LAYOUT_FIELDS; f++) {
		if (layout->at[f] != LAYOUT_NONE)
			printf("AT(%s, %s, %d)\n", short_names[layout_fields[f].structure],
			       layout_fields[f].name, layout->at[f]);
	}
	printf("END\n");
}

int main(int count, char **arguments)
{
	if (count < 7) {
		fprintf(stderr, "usage: extract ID FIRST LAST FLAVOUR ORIGIN PYTHON [MODULE=FILE...]\n");
		return 2;
	}
	struct dwarf *python;
	struct heapspy_error *error = dwarf_open_file(arguments[6], &python);
	if (error) {
		complain(error);
		return 1;
	}
	struct modules modules = {.arguments = arguments + 7, .count = (size_t)count - 7};
	struct layout layout;
	layout_clear(&layout);
	layout_fill_from_dwarf(&layout, python, open_module, &modules);
	warn_of_missing(&layout, arguments[1]);
	print_row(arguments, &layout);

	for (size_t i = 0; i < modules.open_count; i++)
		dwarf_free(modules.open[i]);
	dwarf_free(python);
	return 0;
}
