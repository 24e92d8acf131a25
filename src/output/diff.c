/* SPDX-License-Identifier: MIT */
#include "output/diff.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "output/parts.h"

/* ---- order --------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct heapspy_type_change *left = *(const struct heapspy_type_change *const *)a;
	const struct heapspy_type_change *right = *(const struct heapspy_type_change *const *)b;
	return strcmp(left->name, right->name);
}

static int by_objects(const void *a, const void *b)
{
	const struct heapspy_type_change *left = *(const struct heapspy_type_change *const *)a;
	const struct heapspy_type_change *right = *(const struct heapspy_type_change *const *)b;
	return heapspy_change_compare(&left->objects, &right->objects)
		?: heapspy_change_compare(&left->bytes, &right->bytes) ?: by_name(a, b);
}

static int by_bytes(const void *a, const void *b)
{
	const struct heapspy_type_change *left = *(const struct heapspy_type_change *const *)a;
	const struct heapspy_type_change *right = *(const struct heapspy_type_change *const *)b;
	return heapspy_change_compare(&left->bytes, &right->bytes)
		?: heapspy_change_compare(&left->objects, &right->objects) ?: by_name(a, b);
}

const struct sort_column diff_columns[] = {
	{"bytes", by_bytes}, {"objects", by_objects}, {"type", by_name}, {0},
};

/* ---- sides ---------------------------------------------------------------- */

static void emit_side(struct emitter *emitter, const char *name, const struct diff_side *side)
{
	static const char *const none[] = {NULL};
	emit_object(emitter, name, name);
	emit_time(emitter, "captured_at", "", side->dump->capture.time);
	emit_text(emitter, "source", "", side->source);
	emit_text(emitter, "path", side->path ? "" : NULL, side->path);
	if (side->target->pid)
		emit_id(emitter, "pid", "pid", side->target->pid);
	emit_command(emitter, "command", "", (const char *const *)side->target->command ?: none);
	emit_text(emitter, "python", "python", side->python);
	emit_end(emitter);
}

/* ---- memory ---------------------------------------------------------------- */

static void emit_sizes(struct emitter *emitter, const char *label, const char *kind,
		       uint64_t before, uint64_t after)
{
	if (before == HEAPSPY_UNKNOWN && after == HEAPSPY_UNKNOWN)
		return;
	emit_row(emitter);
	emit_text(emitter, "kind", label, kind);
	emit_bytes_change(emitter, "change", "change", before, after);
	emit_bytes(emitter, "before", "before", before);
	emit_bytes(emitter, "after", "after", after);
	emit_end(emitter);
}

static void emit_memory_changes(struct emitter *emitter, const struct heapspy_memory *before,
				const struct heapspy_memory *after)
{
	static const uint64_t unknown = HEAPSPY_UNKNOWN;
	emit_table(emitter, "memory", "");
	emit_sizes(emitter, "memory", "rss", before->rss, after->rss);
	emit_sizes(emitter, "memory", "pss", before->pss, after->pss);
	emit_sizes(emitter, "memory", "uss", before->uss, after->uss);
	emit_sizes(emitter, "memory", "swap", before->swap, after->swap);
	for (int i = 0; i < HEAPSPY_MEMORY_KIND_COUNT; i++)
		emit_sizes(emitter, "memory", heapspy_memory_kind_name(i),
			   before->has_account ? before->account[i] : unknown,
			   after->has_account ? after->account[i] : unknown);
	emit_end(emitter);
}

/* X(name, the allocator, what of it) */
#define ALLOCATOR_SIZES(X)                                                                         \
	X("pymalloc-in-use", allocator, bytes_in_use)                                              \
	X("pymalloc-raw", allocator, raw_bytes)                                                    \
	X("pymalloc-free", allocator, bytes_free)                                                  \
	X("malloc-in-use", malloc, bytes_in_use)                                                   \
	X("malloc-free", malloc, bytes_free)                                                       \
	X("malloc-mmapped", malloc, mmapped)

static const char *const allocator_kinds[] = {
	"pymalloc-arenas",
#define X(name, allocator, size) name,
	ALLOCATOR_SIZES(X)
#undef X
};

enum { ALLOCATOR_KINDS = sizeof(allocator_kinds) / sizeof(*allocator_kinds) };

/* Without arenas there is no such allocator. Files say what they like. */
static void allocator_sizes(const struct heapspy_dump *dump, uint64_t ret_sizes[ALLOCATOR_KINDS])
{
	const struct heapspy_allocator *pymalloc = &dump->allocator;
	bool sound = pymalloc->arenas && pymalloc->arenas <= UINT32_MAX &&
		     pymalloc->arena_size <= UINT32_MAX / 2;
	ret_sizes[0] = sound ? pymalloc->arenas * pymalloc->arena_size : HEAPSPY_UNKNOWN;
	size_t i = 1;
#define X(name, allocator, size)                                                                   \
	ret_sizes[i++] = dump->allocator.arenas ? dump->allocator.size : HEAPSPY_UNKNOWN;
	ALLOCATOR_SIZES(X)
#undef X
}

static void emit_allocator_changes(struct emitter *emitter, const struct heapspy_dump *before,
				   const struct heapspy_dump *after)
{
	uint64_t sizes[2][ALLOCATOR_KINDS];
	allocator_sizes(before, sizes[0]);
	allocator_sizes(after, sizes[1]);
	emit_table(emitter, "allocator", "");
	for (size_t i = 0; i < ALLOCATOR_KINDS; i++)
		emit_sizes(emitter, "allocator", allocator_kinds[i], sizes[0][i], sizes[1][i]);
	emit_end(emitter);
}

/* ---- types ------------------------------------------------------------------- */

static void emit_changes(struct emitter *emitter, const struct heapspy_change *bytes,
			 const struct heapspy_change *objects)
{
	emit_bytes_change(emitter, "bytes_change", "change", bytes->before, bytes->after);
	emit_bytes(emitter, "bytes_before", "before", bytes->before);
	emit_bytes(emitter, "bytes_after", "after", bytes->after);
	emit_change(emitter, "objects_change", "objects", objects->before, objects->after);
	emit_count(emitter, "objects_before", "from", objects->before);
	emit_count(emitter, "objects_after", "to", objects->after);
}

static void emit_type(struct emitter *emitter, const struct heapspy_type_change *type)
{
	emit_row(emitter);
	emit_text(emitter, "type", NULL, type->name);
	emit_changes(emitter, &type->bytes, &type->objects);
	emit_text(emitter, NULL, "type", type->name); /* last: as long as it likes */
	emit_end(emitter);
}

static void add(uint64_t *total, uint64_t number)
{
	bool known = *total <= INT64_MAX && number <= INT64_MAX;
	*total = known && *total + number <= INT64_MAX ? *total + number : HEAPSPY_UNKNOWN;
}

static void emit_omitted(struct emitter *emitter, const struct heapspy_type_change *const *types,
			 size_t count)
{
	struct heapspy_change bytes = {0}, objects = {0};
	for (size_t i = 0; i < count; i++) {
		add(&bytes.before, types[i]->bytes.before);
		add(&bytes.after, types[i]->bytes.after);
		add(&objects.before, types[i]->objects.before);
		add(&objects.after, types[i]->objects.after);
	}
	emit_object(emitter, "omitted", count ? "not shown" : NULL);
	emit_count(emitter, "types", "types", count);
	emit_changes(emitter, &bytes, &objects);
	emit_end(emitter);
}

/* Of what it was before; NaN where that is not known, or nothing. */
static double growth_of(const struct heapspy_change *bytes)
{
	if (bytes->before == HEAPSPY_UNKNOWN || bytes->after == HEAPSPY_UNKNOWN || !bytes->before)
		return NAN;
	return ((double)bytes->after - (double)bytes->before) / (double)bytes->before;
}

/* `types` are in order; the first `shown` of them are shown. */
static void emit_heap(struct emitter *emitter, const struct heapspy_diff *diff,
		      const struct heapspy_type_change *const *types, size_t shown)
{
	emit_object(emitter, "heap", "heap");
	emit_changes(emitter, &diff->bytes, &diff->objects);
	emit_ratio(emitter, "growth", "growth", growth_of(&diff->bytes));
	emit_count(emitter, NULL, "types", diff->type_count);
	emit_count(emitter, "types_changed", "changed", diff->changed);
	emit_table(emitter, "types", "");
	for (size_t i = 0; i < shown; i++)
		emit_type(emitter, types[i]);
	emit_end(emitter);
	emit_omitted(emitter, types + shown, diff->type_count - shown);
	emit_end(emitter);
}

static bool is_wanted(const struct heapspy_type_change *type, const struct diff_view *view)
{
	bool changed = type->bytes.before != type->bytes.after ||
		       type->objects.before != type->objects.after;
	return (changed || !view->changed) &&
	       (!view->filter || fnmatch(view->filter, type->name, 0) == 0);
}

/* Those that are wanted, in order, before the others: how many to show. */
static size_t arrange(const struct heapspy_diff *diff, const struct diff_view *view,
		      const struct heapspy_type_change **types)
{
	size_t taken = 0, left = diff->type_count;
	for (size_t i = 0; i < diff->type_count; i++) {
		const struct heapspy_type_change *type = &diff->types[i];
		if (is_wanted(type, view))
			types[taken++] = type;
		else
			types[--left] = type;
	}
	if (taken > 1)
		qsort(types, taken, sizeof(*types), view->sort ? view->sort->compare : by_bytes);
	return view->limit && view->limit < taken ? view->limit : taken;
}

struct heapspy_error *output_diff(struct emitter *emitter, const struct diff_side *before,
				  const struct diff_side *after, const struct heapspy_diff *diff,
				  const struct diff_view *view)
{
	CLEANUP(freep) const struct heapspy_type_change **types =
		calloc(diff->type_count + 1, sizeof(*types));
	if (!types)
		return error_no_memory();
	size_t shown = arrange(diff, view, types);
	bool complete = diff->incomplete_count == 0;
	const char *const *reasons = (const char *const *)diff->incomplete;

	emit_document_of(emitter, "heapspy.diff/1", 0);
	emit_flag(emitter, "complete", NULL, complete, "", "");
	emit_remarks(emitter, "incomplete", NULL, reasons, diff->incomplete_count);
	emit_side(emitter, "before", before);
	emit_side(emitter, "after", after);
	emit_seconds(emitter, "elapsed", "later by",
		     after->dump->capture.time - before->dump->capture.time);
	if (!complete) {
		emit_object(emitter, NULL, "missing");
		emit_remarks(emitter, NULL, "", reasons, diff->incomplete_count);
		emit_end(emitter);
	}
	emit_memory_changes(emitter, &before->dump->memory, &after->dump->memory);
	emit_allocator_changes(emitter, before->dump, after->dump);
	emit_heap(emitter, diff, types, shown);
	emit_end(emitter);
	return emitter_error(emitter);
}
