/* SPDX-License-Identifier: MIT */
/*
 * Prints one row of the layout tables from the debug information of a build.
 * Used by `generate` beside this file; not installed. Must not link the tables:
 * it has to build while they do not.
 *
 *	extract ID FIRST LAST FLAVOUR ORIGIN PYTHON [MODULE=FILE...]
 */
#include <stdio.h>

#include "python/layout_private.h"
#include "python/layouts/files.h"

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
		fprintf(stderr, " %s (%s)", layout_structure_name(last),
			layout_structures[s].module);
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
		fprintf(stderr,
			"usage: extract ID FIRST LAST FLAVOUR ORIGIN PYTHON [MODULE=FILE...]\n");
		return 2;
	}
	struct layout layout;
	struct heapspy_error *error =
	    layout_from_files(arguments[6], arguments + 7, count - 7, &layout);
	if (error) {
		complain("extract", error);
		return 1;
	}
	warn_of_missing(&layout, arguments[1]);
	print_row(arguments, &layout);
	return 0;
}
