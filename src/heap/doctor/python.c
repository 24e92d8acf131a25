/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "heap/doctor/diagnose.h"
#include "python/find.h"
#include "python/layout.h"
#include "python/runtime.h"

enum {
	MOST_ROWS = 16,
	MOST_DEBUG_OFFSETS = 4096, /* bytes; it has about 1,000 in 3.15 */
};

/* ---- offsets ------------------------------------------------------------- */

/* A layout in which no source has said anything yet. */
static void clear(struct layout *layout)
{
	memset(layout, 0, sizeof(*layout));
	for (size_t i = 0; i < LAYOUT_FIELDS; i++)
		layout->at[i] = LAYOUT_NONE;
}

static void from_table(const struct python *python, struct layout *layout)
{
	const struct layout_row *rows[MOST_ROWS], *best = NULL;
	size_t count = layout_table_candidates(python->hexversion, rows, MOST_ROWS);
	enum layout_flavour flavour = python->debug ? LAYOUT_PYDEBUG : LAYOUT_RELEASE;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i]->id, python->layout.id) == 0) {
			best = rows[i];
			break;
		}
		if (!best && rows[i]->flavour == flavour)
			best = rows[i];
	}
	clear(layout);
	if (best)
		layout_from_row(best, layout);
}

static void from_dwarf(const struct python *python, struct layout *layout)
{
	struct heapspy_error *error =
		python->module ? layout_from_dwarf(python->target, python->module, layout) : NULL;
	if (error || !python->module)
		clear(layout);
	heapspy_error_free(error);
}

static void from_debug_offsets(const struct python *python, struct layout *layout)
{
	char bytes[MOST_DEBUG_OFFSETS];
	size_t length = layout_debug_offsets_size(python->hexversion);
	clear(layout);
	if (length == 0 || length > sizeof(bytes) ||
	    target_read(python->target, python->address, bytes, length) != FAULT_NONE)
		return;
	if (!layout_apply_debug_offsets(layout, bytes, length))
		clear(layout);
}

static const char *source_name(const struct layout *layout, enum layout_field field)
{
	static const char *const names[] = {
		[HEAPSPY_LAYOUT_AUTO] = "table",
		[HEAPSPY_LAYOUT_DWARF] = "dwarf",
		[HEAPSPY_LAYOUT_DEBUG_OFFSETS] = "debug-offsets",
		[HEAPSPY_LAYOUT_TABLE] = "table",
	};
	return layout->at[field] == LAYOUT_NONE ? "none" : names[layout->source[field]];
}

struct sources {
	struct layout table, dwarf, debug_offsets;
};

static void list_offsets(struct heapspy_diagnosis *diagnosis, const struct python *python)
{
	CLEANUP(freep) struct sources *sources = malloc(sizeof(*sources));
	struct heapspy_offset *offsets = calloc(LAYOUT_FIELDS, sizeof(*offsets));
	if (!sources || !offsets) {
		free(offsets);
		diagnosis->error = diagnosis->error ?: error_no_memory();
		return;
	}
	from_table(python, &sources->table);
	from_dwarf(python, &sources->dwarf);
	from_debug_offsets(python, &sources->debug_offsets);
	for (size_t i = 0; i < LAYOUT_FIELDS; i++)
		offsets[i] = (struct heapspy_offset){
			.structure = layout_structure_name(i),
			.field = layout_field_name(i),
			.used = python->layout.at[i],
			.source = source_name(&python->layout, i),
			.table = sources->table.at[i],
			.dwarf = sources->dwarf.at[i],
			.debug_offsets = sources->debug_offsets.at[i],
		};
	diagnosis->offsets = offsets;
	diagnosis->offset_count = LAYOUT_FIELDS;
}

/* ---- checks -------------------------------------------------------------- */

static void add_version(struct heapspy_diagnosis *diagnosis, uint32_t hexversion, bool exact)
{
	if (exact)
		diagnosis_add(diagnosis, "version", true, "%u.%u.%u (hexversion 0x%08" PRIx32 ")",
			      hexversion >> 24, hexversion >> 16 & 0xff, hexversion >> 8 & 0xff, hexversion);
	else
		diagnosis_add(diagnosis, "version", true, "%u.%u", hexversion >> 24,
			      hexversion >> 16 & 0xff);
}

static void add_interpreter(struct heapspy_diagnosis *diagnosis, const struct elf_module *module,
			    uint64_t runtime)
{
	const char *path = module ? elf_module_path(module) : "no file";
	CLEANUP(freep) char *clean = text_from_bytes(path, strlen(path));
	if (runtime)
		diagnosis_add(diagnosis, "interpreter", true, "%s, _PyRuntime at 0x%" PRIx64,
			      clean ?: "?", runtime);
	else
		diagnosis_add(diagnosis, "interpreter", true, "%s", clean ?: "?");
}

static void describe(struct heapspy_diagnosis *diagnosis, const struct python *python)
{
	add_interpreter(diagnosis, python->module, python->address);
	add_version(diagnosis, python->hexversion, true);
	diagnosis_add(diagnosis, "layout", true, "%s, from %s%s", python->layout.id, python->layout_source,
		      python->debug ? " (pydebug build)" : "");
	diagnosis_add(diagnosis, "runtime", true, "proven, with %zu interpreter%s",
		      python->interpreter_count, python->interpreter_count == 1 ? "" : "s");
}

/* How far it came before it failed. */
static void describe_failure(struct heapspy_diagnosis *diagnosis, struct target *target)
{
	const char *why = diagnosis->error->why ?: diagnosis->error->what;
	struct candidates candidates = {0};
	struct heapspy_error *error = find_candidates(target, &candidates);
	if (error || candidates.count == 0) {
		heapspy_error_free(error);
		diagnosis_add(diagnosis, "interpreter", false, "%s", why);
		return;
	}
	const struct candidate *best = &candidates.items[0];
	add_interpreter(diagnosis, best->module, best->runtime);

	const struct layout_row *row;
	bool known = best->runtime && !best->free_threaded &&
		     (best->hexversion == 0 || layout_table_candidates(best->hexversion, &row, 1));
	if (!known && diagnosis->error->code == HEAPSPY_REFUSED) {
		diagnosis_add(diagnosis, "version", false, "%s", why);
	} else {
		if (best->hexversion)
			add_version(diagnosis, best->hexversion, best->exact);
		bool fits = diagnosis->error->code != HEAPSPY_REFUSED;
		diagnosis_add(diagnosis, fits ? "runtime" : "layout", false, "%s", why);
	}
	candidates_fini(&candidates);
}

void diagnose_python(struct heapspy_diagnosis *diagnosis, struct target *target, bool with_offsets)
{
	CLEANUP(python_freep) struct python *python = NULL;
	struct heapspy_error *error = python_open(target, HEAPSPY_LAYOUT_AUTO, &python);
	if (error && target_verify(target) != FAULT_NONE) {
		heapspy_error_free(error);
		error = error_from_fault(FAULT_GONE, 0, "process %d is gone", (int)target_pid(target));
	}
	if (error) {
		heapspy_error_free(diagnosis->error);
		diagnosis->error = error;
		if (error->code != HEAPSPY_LIMIT)
			describe_failure(diagnosis, target);
		return;
	}
	describe(diagnosis, python);
	if (with_offsets)
		list_offsets(diagnosis, python);
}
