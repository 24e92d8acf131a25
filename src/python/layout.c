/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "python/layout_private.h"

const struct layout_structure_spec layout_structures[] = {
#define STRUCT(name, dwarf_names, module) [S_##name] = {dwarf_names, module},
#define SIZE(name, debug_name)
#define FIELD(name, field, dwarf_paths, debug_name)
#include "python/layout_fields.def"
};

const struct layout_field_spec layout_fields[] = {
#define STRUCT(name, dwarf_names, module)
#define SIZE(name, debug_name) [L_##name##_sizeof] = {S_##name, "sizeof", NULL, debug_name, false},
#define FIELD(name, field, dwarf_paths, debug_name)                                                \
	[L_##name##_##field] = {S_##name, #field, dwarf_paths, debug_name, false},
#define BITS(name, field, dwarf_paths)                                                             \
	[L_##name##_##field] = {S_##name, #field, dwarf_paths, "", true},
#include "python/layout_fields.def"
#undef BITS
};

/* The first of the names that C knows each structure by. */
static char names[LAYOUT_STRUCTURES][48];

static void cut_names(void)
{
	for (size_t i = 0; i < LAYOUT_STRUCTURES; i++) {
		const char *all = layout_structures[i].dwarf_names;
		snprintf(names[i], sizeof(names[i]), "%.*s", (int)strcspn(all, "|"), all);
	}
}

const char *layout_structure_name(enum layout_field field)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, cut_names);
	return names[layout_fields[field].structure];
}

const char *layout_field_name(enum layout_field field)
{
	return layout_fields[field].name;
}

void layout_clear(struct layout *ret_layout)
{
	memset(ret_layout, 0, sizeof(*ret_layout));
	for (size_t i = 0; i < LAYOUT_FIELDS; i++)
		ret_layout->at[i] = LAYOUT_NONE;
}

void layout_from_row(const struct layout_row *row, struct layout *ret_layout)
{
	memcpy(ret_layout->at, row->at, sizeof(ret_layout->at));
	memset(ret_layout->source, HEAPSPY_LAYOUT_TABLE, sizeof(ret_layout->source));
	ret_layout->id = row->id;
}
