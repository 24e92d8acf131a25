/* SPDX-License-Identifier: MIT */
/*
 * Layouts as data: where each field of each CPython structure lies.
 *
 * layout_fields.def names every (structure, field) that heapspy ever reads,
 * once. A `struct layout` holds one number for each: an offset in bytes (in bits
 * for bit fields), a size, or LAYOUT_NONE where the build has no such thing.
 */
#ifndef PYTHON_LAYOUT_H
#define PYTHON_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/attach.h>
#include <heapspy/error.h>

enum layout_field {
#define STRUCT(name, dwarf_names, module)
#define SIZE(name, debug_name) L_##name##_sizeof,
#define FIELD(name, field, dwarf_paths, debug_name) L_##name##_##field,
#include "python/layout_fields.def"
	LAYOUT_FIELDS
};

#define LAYOUT_NONE (-1)

struct layout {
	int32_t at[LAYOUT_FIELDS];
	uint8_t source[LAYOUT_FIELDS]; /* enum heapspy_layout_source, per field */
	const char *id;                /* of the table row, "dwarf" if there is none */
};

/* Offset of a field, size of a structure; LAYOUT_NONE if the build has it not. */
#define OFFSET(layout, name, field) ((layout)->at[L_##name##_##field])
#define SIZEOF(layout, name) ((layout)->at[L_##name##_sizeof])
#define HAS(layout, name, field) (OFFSET(layout, name, field) != LAYOUT_NONE)

/* Names of a field for people: "PyDictObject", "ma_keys" (or "sizeof"). */
const char *layout_structure_name(enum layout_field field);
const char *layout_field_name(enum layout_field field);

/* ---- the built-in tables (generated: layouts/) ------------------------- */

enum layout_flavour {
	LAYOUT_RELEASE,
	LAYOUT_PYDEBUG,
};

struct layout_row {
	const char *id;           /* "cpython-3.11", "cpython-3.14.5", "cpython-3.13-debian" */
	uint32_t first, last;     /* range of sys.hexversion it was made for, both included */
	enum layout_flavour flavour;
	const char *origin;       /* the builds it was generated from */
	const int32_t *at;        /* LAYOUT_FIELDS numbers */
};

/* Rows that may fit a version, best first: exact range, then the nearest of the
 * same minor version; of those made for the same range, release builds before
 * others. Returns how many were written to `rows`. */
size_t layout_table_candidates(uint32_t hexversion, const struct layout_row **rows, size_t max);

/* All of them, for the comparer and for the message that names the nearest. */
const struct layout_row *layout_table(size_t *ret_count);

void layout_from_row(const struct layout_row *row, struct layout *ret_layout);

/* The target turns out to have a structure in another size: take all its fields
 * from a row of the same minor version in which the size fits. False if none does. */
bool layout_adopt_structure(struct layout *layout, enum layout_field size_field, int32_t size,
			    uint32_t hexversion);

/* ---- _Py_DebugOffsets (3.13+) ------------------------------------------ */

/* Size of the struct in this minor version, 0 if it has none. */
size_t layout_debug_offsets_size(uint32_t hexversion);

/* Overlay what the struct says on `layout`; `bytes` is the whole struct,
 * cookie first. Members that by its sizes lie outside of their structure become
 * LAYOUT_NONE. False, and the layout as it was, if the cookie, the version or
 * a number is wrong. */
bool layout_apply_debug_offsets(struct layout *layout, const void *bytes, size_t length);

/* Patch releases move what the struct does not tell, and with it the sizes that
 * it tells: put those rows first that agree with it in the most fields. Rows that
 * agree equally stay in order. */
void layout_sort_by_debug_offsets(const struct layout_row **rows, size_t count, const void *bytes,
				  size_t length);

/* ---- DWARF ------------------------------------------------------------- */

struct target;
struct elf_module;

/* From the debug information of `python` and of the extension modules that are
 * loaded in the target. Fields that only an extension module not loaded here
 * would define are LAYOUT_NONE. */
struct heapspy_error *layout_from_dwarf(struct target *target, struct elf_module *python,
					struct layout *ret_layout);

#endif
