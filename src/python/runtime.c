/* SPDX-License-Identifier: MIT */
#include "python/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "python/find.h"
#include "python/prove.h"

#define OLDEST PYTHON_VERSION(3, 8)
#define TOO_NEW PYTHON_VERSION(3, 16)

/* A process goes on while it is looked at: what does not hold together now may
 * hold in the next moment. */
#define ATTEMPTS 5

#define MAX_ROWS 16

void python_free(struct python *python)
{
	if (!python)
		return;
	peek_free(python->peek);
	elf_module_free(python->module);
	free(python->interpreters);
	free(python);
}

void python_retarget(struct python *python, struct target *target)
{
	python->target = target;
	peek_retarget(python->peek, target);
}

static const char *version_text(uint32_t hexversion, char buffer[16])
{
	snprintf(buffer, 16, "%u.%u", hexversion >> 24, hexversion >> 16 & 0xff);
	return buffer;
}

static struct heapspy_error *refuse(struct target *target, uint32_t hexversion, const char *why)
{
	char version[16] = "(unknown)";
	if (hexversion)
		version_text(hexversion, version);
	return error_why(error_new(HEAPSPY_REFUSED, "cannot read %s: it runs Python %s", target_name(target),
				   version),
			 "%s", why);
}

/* A Python that is known not to be readable, whatever its layout. */
static struct heapspy_error *refuse_by_kind(struct target *target, const struct candidate *candidate)
{
	if (candidate->free_threaded)
		return refuse(target, candidate->hexversion,
			      "free-threaded builds (--disable-gil) have another heap, which heapspy "
			      "does not read yet");
	if (!candidate->runtime || (candidate->hexversion && candidate->hexversion < OLDEST))
		return refuse(target, candidate->hexversion, "heapspy reads CPython 3.8 to 3.15");
	if (candidate->hexversion >= TOO_NEW)
		return refuse(target, candidate->hexversion,
			      "it is newer than what heapspy knows: CPython 3.8 to 3.15");
	return NULL;
}

/* ---- one attempt: a candidate with a layout ------------------------------ */

/* The most that _Py_DebugOffsets of any version has. */
#define DEBUG_OFFSETS_MAX 2048

/* The debug offsets of the runtime; 0 where there are none. */
static size_t read_debug_offsets(struct python *python, unsigned char bytes[DEBUG_OFFSETS_MAX])
{
	size_t length = layout_debug_offsets_size(python->hexversion);
	if (!length || length > DEBUG_OFFSETS_MAX)
		return 0;
	peek_bytes(python->peek, python->address, bytes, length);
	return peek_take_fault(python->peek) == FAULT_NONE ? length : 0;
}

static bool apply_debug_offsets(struct python *python)
{
	unsigned char bytes[DEBUG_OFFSETS_MAX];
	size_t length = read_debug_offsets(python, bytes);
	return length && layout_apply_debug_offsets(&python->layout, bytes, length);
}

/* Rows of the table for this version, the likeliest first. */
static size_t likely_rows(struct python *python, const struct layout_row *rows[MAX_ROWS])
{
	unsigned char bytes[DEBUG_OFFSETS_MAX];
	size_t length = read_debug_offsets(python, bytes);
	size_t count = layout_table_candidates(python->hexversion, rows, MAX_ROWS);
	if (length)
		layout_sort_by_debug_offsets(rows, count, bytes, length);
	return count;
}

static enum verdict try_row(struct python *python, const struct layout_row *row, bool debug_offsets,
			    const char **ret_reason)
{
	*ret_reason = "it has no debug offsets";
	layout_from_row(row, &python->layout);
	strcpy(python->layout_source, "table");
	if (debug_offsets && !apply_debug_offsets(python))
		return VERDICT_WRONG;
	if (debug_offsets)
		strcpy(python->layout_source, "debug-offsets+table");
	return prove_runtime(python, ret_reason);
}

static enum verdict try_tables(struct python *python, bool debug_offsets, const char **ret_reason)
{
	const struct layout_row *rows[MAX_ROWS];
	size_t count = likely_rows(python, rows);
	uint32_t hexversion = python->hexversion;
	enum verdict verdict = VERDICT_WRONG;
	*ret_reason = "there is no table for this version";
	for (size_t i = 0; i < count; i++) {
		const char *reason;
		python->hexversion = hexversion;
		enum verdict next = try_row(python, rows[i], debug_offsets, &reason);
		/* What the best row says counts, unless a later one is proven. */
		if (i == 0 || next == VERDICT_PROVEN) {
			verdict = next;
			*ret_reason = reason;
		}
		if (next == VERDICT_PROVEN)
			break;
	}
	return verdict;
}

/* Now that the exact version and flavour are known, is there a better row? A pydebug
 * build may have been proven with the row of a release build. */
static void settle_on_exact_row(struct python *python, bool debug_offsets)
{
	const struct layout_row *rows[MAX_ROWS];
	size_t count = likely_rows(python, rows);
	enum layout_flavour flavour = python->debug ? LAYOUT_PYDEBUG : LAYOUT_RELEASE;
	struct layout proven = python->layout;
	for (size_t i = 0; i < count; i++) {
		const char *reason;
		if (rows[i]->flavour != flavour)
			continue;
		if (strcmp(rows[i]->id, proven.id) == 0 ||
		    try_row(python, rows[i], debug_offsets, &reason) == VERDICT_PROVEN)
			break;
		python->layout = proven;
	}
	if (strcmp(python->layout.id, proven.id) == 0)
		python->layout = proven;
}

static enum verdict try_dwarf(struct python *python, const char **ret_reason,
			      struct heapspy_error **ret_error)
{
	*ret_reason = "there is no debug information";
	if (!python->module)
		return VERDICT_WRONG;
	struct heapspy_error *error = layout_from_dwarf(python->target, python->module, &python->layout);
	if (error) {
		if (ret_error)
			*ret_error = error;
		else
			heapspy_error_free(error);
		return VERDICT_WRONG;
	}
	strcpy(python->layout_source, "dwarf");
	return prove_runtime(python, ret_reason);
}

static enum verdict try_layouts(struct python *python, enum heapspy_layout_source source,
				const char **ret_reason, struct heapspy_error **ret_error)
{
	enum verdict verdict = VERDICT_WRONG;
	bool has_debug_offsets = layout_debug_offsets_size(python->hexversion) != 0;
	switch (source) {
	case HEAPSPY_LAYOUT_DWARF:
		return try_dwarf(python, ret_reason, ret_error);
	case HEAPSPY_LAYOUT_TABLE:
	case HEAPSPY_LAYOUT_DEBUG_OFFSETS:
		has_debug_offsets = source == HEAPSPY_LAYOUT_DEBUG_OFFSETS;
		break;
	case HEAPSPY_LAYOUT_AUTO:
		break;
	}
	verdict = try_tables(python, has_debug_offsets, ret_reason);
	if (verdict == VERDICT_PROVEN)
		settle_on_exact_row(python, has_debug_offsets);
	if (verdict == VERDICT_WRONG && source == HEAPSPY_LAYOUT_AUTO) {
		const char *reason;
		if (try_dwarf(python, &reason, NULL) == VERDICT_PROVEN)
			return VERDICT_PROVEN;
	}
	return verdict;
}

/* The versions a candidate may have that does not say: all that have no Py_Version. */
static size_t versions_to_try(const struct candidate *candidate, uint32_t versions[4])
{
	if (candidate->hexversion) {
		versions[0] = candidate->hexversion;
		return 1;
	}
	for (unsigned i = 0; i < 4; i++)
		versions[i] = PYTHON_VERSION(3, 8 + i);
	return 4;
}

static enum verdict try_candidate(struct python *python, const struct candidate *candidate,
				  enum heapspy_layout_source source, const char **ret_reason,
				  struct heapspy_error **ret_error)
{
	uint32_t versions[4];
	size_t count = versions_to_try(candidate, versions);
	enum verdict verdict = VERDICT_WRONG;
	for (size_t i = 0; i < count; i++) {
		python->module = candidate->module;
		python->address = candidate->runtime;
		python->hexversion = versions[i];
		verdict = try_layouts(python, source, ret_reason, ret_error);
		if (verdict != VERDICT_WRONG)
			break;
	}
	return verdict;
}

/* ---- after the proof ------------------------------------------------------ */

/* The debug hooks put 16 bytes before a block: its size, 'o' for the object
 * domain, seven times 0xfd. sys.modules is an object that is always there. */
static unsigned find_hook_bytes(struct python *python)
{
	static const unsigned char forbidden[7] = {0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd};
	uint64_t modules = peek_u64(python->peek, python->interpreters[0].address +
							  OFFSET(&python->layout, InterpreterState, modules));
	unsigned char before[16];
	peek_bytes(python->peek, modules - 16 - 16, before, sizeof(before));
	if (peek_take_fault(python->peek) != FAULT_NONE)
		return 0;
	return before[8] == 'o' && memcmp(before + 9, forbidden, sizeof(forbidden)) == 0 ? 16 : 0;
}

struct trial {
	enum verdict verdict;
	const char *reason;
	struct heapspy_error *error;
};

static struct heapspy_error *explain(struct target *target, const struct candidates *candidates,
				     const struct trial *trial)
{
	int pid = (int)target_pid(target);
	const char *name = target_name(target);
	char version[16] = "?";
	if (candidates->count && candidates->items[0].hexversion)
		version_text(candidates->items[0].hexversion, version);
	switch (trial->verdict) {
	case VERDICT_NOT_READY:
		return error_remedy(error_why(error_new(HEAPSPY_NOT_READY,
							"cannot read %s: its Python %s is not "
							"initialised", name, version),
					      "%s", trial->reason),
				    "heapspy dump %d   # once it has started", pid);
	case VERDICT_FINALIZING:
		return error_why(error_new(HEAPSPY_NOT_READY,
					   "cannot read %s: its Python %s is coming to its end",
					   name, version), "%s", trial->reason);
	case VERDICT_UNREADABLE:
		return error_why(error_new(HEAPSPY_INCOMPLETE,
					   "cannot read %s: its Python %s is out of reach", name,
					   version), "%s", trial->reason);
	case VERDICT_PROVEN:
	case VERDICT_WRONG:
		break;
	}
	return error_remedy(error_why(error_new(HEAPSPY_REFUSED,
						"cannot read %s: its Python %s is a build that "
						"no known layout fits", name, version),
				      "%s", trial->reason),
			    "heapspy doctor -v %d", pid);
}

static struct heapspy_error *nothing_found(struct target *target, const struct candidates *candidates)
{
	if (candidates->other_python)
		return error_why(error_new(HEAPSPY_REFUSED, "cannot read %s: it runs PyPy", target_name(target)),
				 "heapspy reads CPython 3.8 to 3.15");
	return error_remedy(error_why(error_new(HEAPSPY_NOT_PYTHON, "%s is not a Python process", target_name(target)),
				      "no file it maps holds a CPython runtime"),
			    "heapspy ps");
}

static struct heapspy_error *try_all(struct python *python, struct candidates *candidates,
				     enum heapspy_layout_source source)
{
	struct trial best = {VERDICT_WRONG, "", NULL};
	struct heapspy_error *refusal = NULL;
	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		peek_forget(python->peek);
		for (size_t i = 0; i < candidates->count; i++) {
			struct candidate *candidate = &candidates->items[i];
			struct heapspy_error *by_kind = refuse_by_kind(python->target, candidate);
			if (by_kind) {
				heapspy_error_free(refusal);
				refusal = by_kind;
				continue;
			}
			struct trial trial = {0};
			trial.verdict = try_candidate(python, candidate, source, &trial.reason, &trial.error);
			if (trial.verdict == VERDICT_PROVEN) {
				candidate->module = NULL; /* the runtime owns it now */
				heapspy_error_free(refusal);
				heapspy_error_free(best.error);
				return NULL;
			}
			python->module = NULL;
			if (i == 0 || best.verdict == VERDICT_WRONG) {
				heapspy_error_free(best.error);
				best = trial;
			} else {
				heapspy_error_free(trial.error);
			}
		}
		if (best.error || best.verdict != VERDICT_WRONG || refusal)
			break;
	}
	if (best.error) {
		heapspy_error_free(refusal);
		return best.error;
	}
	if (refusal && best.verdict == VERDICT_WRONG)
		return refusal;
	heapspy_error_free(refusal);
	return explain(python->target, candidates, &best);
}

struct heapspy_error *python_open(struct target *target, enum heapspy_layout_source source,
				  struct python **ret_python)
{
	CLEANUP(python_freep) struct python *python = calloc(1, sizeof(*python));
	if (!python || !(python->peek = peek_new(target)))
		return error_no_memory();
	python->target = target;

	struct candidates candidates;
	struct heapspy_error *error = find_candidates(target, &candidates);
	if (error)
		return error;
	error = candidates.count && (candidates.items[0].runtime || !candidates.other_python)
			? try_all(python, &candidates, source)
			: nothing_found(target, &candidates);
	candidates_fini(&candidates);
	if (error)
		return error;
	python->hook_bytes = find_hook_bytes(python);
	*ret_python = take_pointer(python);
	return NULL;
}
