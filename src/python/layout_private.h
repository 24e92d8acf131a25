/* SPDX-License-Identifier: MIT */
/* layout_fields.def as tables, for the files that fill layouts. */
#ifndef PYTHON_LAYOUT_PRIVATE_H
#define PYTHON_LAYOUT_PRIVATE_H

#include "python/layout.h"

enum layout_structure {
#define STRUCT(name, dwarf_names, module) S_##name,
#define SIZE(name, debug_name)
#define FIELD(name, field, dwarf_paths, debug_name)
#include "python/layout_fields.def"
	LAYOUT_STRUCTURES
};

struct layout_structure_spec {
	const char *dwarf_names; /* separated by '|' */
	const char *module;      /* "" for the interpreter */
};

struct layout_field_spec {
	enum layout_structure structure;
	const char *name;        /* "sizeof" for a size */
	const char *dwarf_paths; /* separated by '|'; NULL for a size */
	const char *debug_name;  /* "" if _Py_DebugOffsets has it not */
	bool in_bits;
};

extern const struct layout_structure_spec layout_structures[LAYOUT_STRUCTURES];
extern const struct layout_field_spec layout_fields[LAYOUT_FIELDS];

/* All fields LAYOUT_NONE, no name. */
void layout_clear(struct layout *ret_layout);

/* The debug information of an extension module, NULL if there is none. It stays
 * the giver's. */
struct dwarf;
typedef struct dwarf *layout_module_opener(const char *module, void *context);

/* What the debug information says of each field, into a cleared layout. */
void layout_fill_from_dwarf(struct layout *layout, struct dwarf *python,
			    layout_module_opener *open_module, void *context);

#endif
