/* SPDX-License-Identifier: MIT */
#include "output/dump.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "output/memory.h"
#include "output/parts.h"
#include "output/stack.h"
#include "output/tracemalloc.h"

/* ---- order --------------------------------------------------------------- */

/* Two classes of one name are told apart by their addresses. */
static int by_name(const void *a, const void *b)
{
	const struct heapspy_type *left = *(const struct heapspy_type *const *)a;
	const struct heapspy_type *right = *(const struct heapspy_type *const *)b;
	int order = strcmp(left->name, right->name);
	return order ?: (left->address > right->address) - (left->address < right->address);
}

#define BY_NUMBER(number)                                                              \
	static int by_##number(const void *a, const void *b)                           \
	{                                                                              \
		const struct heapspy_type *left = *(const struct heapspy_type *const *)a;  \
		const struct heapspy_type *right = *(const struct heapspy_type *const *)b; \
		int order = SORT_LARGER_FIRST(left->number, right->number, HEAPSPY_UNKNOWN); \
		return order ?: by_name(a, b);                                         \
	}

BY_NUMBER(objects)
BY_NUMBER(bytes)
BY_NUMBER(gc_objects)
BY_NUMBER(gc_bytes)

const struct sort_column dump_columns[] = {
	{"bytes", by_bytes},       {"objects", by_objects}, {"gc_bytes", by_gc_bytes},
	{"gc_objects", by_gc_objects}, {"type", by_name},   {0},
};

/* ---- totals -------------------------------------------------------------- */

static bool is_known(uint64_t number)
{
	return number != HEAPSPY_UNKNOWN;
}

static void add(uint64_t *total, uint64_t number)
{
	*total = is_known(*total) && is_known(number) ? *total + number : HEAPSPY_UNKNOWN;
}

/* Of some types of a dump: what is not known of all is not known of none either. */
static struct heapspy_type total_of(const struct heapspy_type *const *types, size_t count,
				    const struct heapspy_type *all)
{
	struct heapspy_type total = {
		.objects = is_known(all->objects) ? 0 : HEAPSPY_UNKNOWN,
		.bytes = is_known(all->bytes) ? 0 : HEAPSPY_UNKNOWN,
	};
	for (size_t i = 0; i < count; i++) {
		add(&total.objects, types[i]->objects);
		add(&total.bytes, types[i]->bytes);
		add(&total.gc_objects, types[i]->gc_objects);
		add(&total.gc_bytes, types[i]->gc_bytes);
	}
	return total;
}

/* ---- pieces -------------------------------------------------------------- */

void emit_capture(struct emitter *emitter, const struct heapspy_capture *capture)
{
	emit_object(emitter, "capture", "capture");
	emit_time(emitter, NULL, "", capture->time);
	emit_text(emitter, "mode", "", heapspy_capture_mode_name(capture->mode));
	emit_seconds(emitter, "pause", capture->pause > 0 ? "pause" : NULL, capture->pause);
	emit_seconds(emitter, "duration", "took", capture->duration);
	emit_bytes(emitter, "bytes_read", "read", capture->bytes_read);
	emit_count(emitter, "torn_reads", "torn reads", capture->torn_reads);
	emit_ratio(emitter, "coverage", "coverage", capture->coverage);
	emit_end(emitter);
}

static void emit_type(struct emitter *emitter, const struct heapspy_type *type,
		      const struct heapspy_type *total, const struct dump_view *view)
{
	/* Of what the heap is shared by: of all bytes where they are known. */
	bool all = is_known(total->bytes);
	uint64_t part = all ? type->bytes : type->gc_bytes;
	uint64_t whole = all ? total->bytes : total->gc_bytes;

	emit_row(emitter);
	emit_text(emitter, "type", NULL, type->name);
	emit_bytes(emitter, "bytes", "size", type->bytes);
	emit_ratio(emitter, NULL, "share", whole ? (double)part / (double)whole : 0);
	emit_count(emitter, "objects", "objects", type->objects);
	emit_bytes(emitter, "owned_bytes", view->addresses ? "owned" : NULL,
		   is_known(type->bytes) ? type->owned : HEAPSPY_UNKNOWN);
	emit_bytes(emitter, "gc_bytes", "gc size", type->gc_bytes);
	emit_count(emitter, "gc_objects", "gc objects", type->gc_objects);
	emit_address(emitter, "address", view->addresses ? "address" : NULL, type->address);
	emit_text(emitter, NULL, "type", type->name); /* last: as long as it likes */
	emit_end(emitter);
}

/* Numbers that are not known stay out of the line altogether. */
static void emit_total(struct emitter *emitter, const struct heapspy_type *total)
{
	bool all = is_known(total->bytes);
	emit_bytes(emitter, "bytes", all ? "size" : NULL, total->bytes);
	emit_count(emitter, "objects", all ? "objects" : NULL, total->objects);
	emit_bytes(emitter, "gc_bytes", "gc size", total->gc_bytes);
	emit_count(emitter, "gc_objects", "gc objects", total->gc_objects);
}

/* `types` are in order; the first `count` of `all` are shown. */
static void emit_heap(struct emitter *emitter, const struct heapspy_type *const *types,
		      size_t shown, size_t all, const struct heapspy_dump *dump,
		      const struct dump_view *view)
{
	emit_object(emitter, "heap", "heap");
	emit_count(emitter, NULL, "types", dump->type_count);
	emit_total(emitter, &dump->total);
	emit_table(emitter, "types", "");
	for (size_t i = 0; i < shown; i++)
		emit_type(emitter, types[i], &dump->total, view);
	emit_end(emitter);

	struct heapspy_type omitted = total_of(types + shown, all - shown, &dump->total);
	emit_object(emitter, "omitted", all > shown ? "not shown" : NULL);
	emit_count(emitter, "types", "types", all - shown);
	emit_total(emitter, &omitted);
	emit_end(emitter);
	emit_end(emitter);
}

/* ---- all ------------------------------------------------------------------ */

/* Those that the filter takes, in order, before those it leaves out: how many. */
static size_t arrange(const struct heapspy_dump *dump, const struct dump_view *view,
		      const struct heapspy_type **types)
{
	size_t taken = 0, left = dump->type_count;
	for (size_t i = 0; i < dump->type_count; i++) {
		const struct heapspy_type *type = &dump->types[i];
		if (!view->filter || fnmatch(view->filter, type->name, 0) == 0)
			types[taken++] = type;
		else
			types[--left] = type;
	}
	bool all = is_known(dump->total.bytes);
	if (taken > 1)
		qsort(types, taken, sizeof(*types),
		      view->sort ? view->sort->compare : all ? by_bytes : by_gc_bytes);
	return view->limit && view->limit < taken ? view->limit : taken;
}

struct heapspy_error *output_dump(struct emitter *emitter,
				  const struct heapspy_target_info *target,
				  const struct heapspy_python_info *python,
				  const struct heapspy_dump *dump, const struct dump_view *view)
{
	CLEANUP(freep) const struct heapspy_type **types =
		calloc(dump->type_count + 1, sizeof(*types));
	if (!types)
		return error_no_memory();
	size_t shown = arrange(dump, view, types);
	bool complete = dump->incomplete_count == 0;

	emit_document_of(emitter, "heapspy.dump/1", dump->capture.time);
	emit_flag(emitter, "complete", NULL, complete, "", "");
	emit_remarks(emitter, "incomplete", NULL, dump->incomplete, dump->incomplete_count);
	emit_target(emitter, target, true);
	emit_python(emitter, python, true);
	emit_capture(emitter, &dump->capture);
	if (!complete) {
		emit_object(emitter, NULL, "missing");
		emit_remarks(emitter, NULL, "", dump->incomplete, dump->incomplete_count);
		emit_end(emitter);
	}
	emit_memory(emitter, &dump->memory);
	emit_mappings(emitter, &dump->mappings, view->addresses);
	emit_interpreters(emitter, dump->interpreters, dump->interpreter_count);
	emit_heap(emitter, types, shown, dump->type_count, dump, view);
	emit_tracemalloc(emitter, dump->tracemalloc, view->limit);
	emit_allocator(emitter, dump, view->addresses);
	emit_malloc(emitter, &dump->malloc);
	emit_threads(emitter, &dump->threads);
	emit_end(emitter);
	return emitter_error(emitter);
}
