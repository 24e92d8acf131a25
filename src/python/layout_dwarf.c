/* SPDX-License-Identifier: MIT */
/*
 * Layouts from debug information.
 *
 * All fields of a structure come from one definition of it: of several that
 * share a name (Modules/_collectionsmodule.c and Python/compile.c both have a
 * `block` of their own), the one with the most of the members we know.
 */
#include <string.h>

#include "elf/dwarf.h"
#include "python/layout_private.h"

#define MAX_DEFINITIONS 16
#define MAX_NAME 96

/* The next of names separated by '|'; NULL after the last. */
static const char *next_name(const char **names, char buffer[MAX_NAME])
{
	const char *name = *names;
	if (!name)
		return NULL;
	size_t length = strcspn(name, "|");
	*names = name[length] ? name + length + 1 : NULL;
	if (length >= MAX_NAME)
		return NULL;
	memcpy(buffer, name, length);
	buffer[length] = 0;
	return buffer;
}

static int32_t value_of(struct dwarf *dwarf, const struct dwarf_structure *structure,
			const struct layout_field_spec *field)
{
	if (!field->dwarf_paths) {
		int32_t size;
		return dwarf_structure_size(dwarf, structure, &size) ? size : LAYOUT_NONE;
	}
	const char *paths = field->dwarf_paths;
	char path[MAX_NAME];
	while (next_name(&paths, path)) {
		int64_t bits;
		if (!dwarf_structure_bits(dwarf, structure, path, &bits))
			continue;
		if (field->in_bits)
			return bits <= INT32_MAX ? (int32_t)bits : LAYOUT_NONE;
		return bits % 8 == 0 ? (int32_t)(bits / 8) : LAYOUT_NONE;
	}
	return LAYOUT_NONE;
}

/* Try all definitions in one file; keep in `best` the values of the fullest. */
static void try_file(struct dwarf *dwarf, enum layout_structure structure, int32_t *best,
		     size_t *best_count)
{
	const char *names = layout_structures[structure].dwarf_names;
	char name[MAX_NAME];
	while (next_name(&names, name)) {
		struct dwarf_structure found[MAX_DEFINITIONS];
		size_t found_count = dwarf_find(dwarf, name, found, MAX_DEFINITIONS);
		for (size_t i = 0; i < found_count; i++) {
			int32_t values[LAYOUT_FIELDS];
			size_t count = 0;
			for (size_t f = 0; f < LAYOUT_FIELDS; f++) {
				if (layout_fields[f].structure != structure)
					continue;
				values[f] = value_of(dwarf, &found[i], &layout_fields[f]);
				count += values[f] != LAYOUT_NONE;
			}
			if (count <= *best_count)
				continue;
			*best_count = count;
			for (size_t f = 0; f < LAYOUT_FIELDS; f++) {
				if (layout_fields[f].structure == structure)
					best[f] = values[f];
			}
		}
	}
}

void layout_fill_from_dwarf(struct layout *layout, struct dwarf *python,
			    layout_module_opener *open_module, void *context)
{
	for (size_t s = 0; s < LAYOUT_STRUCTURES; s++) {
		const char *module = layout_structures[s].module;
		struct dwarf *own = *module ? open_module(module, context) : NULL;
		size_t count = 0;
		if (own)
			try_file(own, s, layout->at, &count);
		if (python)
			try_file(python, s, layout->at, &count);
	}
	for (size_t f = 0; f < LAYOUT_FIELDS; f++) {
		if (layout->at[f] != LAYOUT_NONE)
			layout->source[f] = HEAPSPY_LAYOUT_DWARF;
	}
	layout->id = "dwarf";
}
