/* SPDX-License-Identifier: MIT */
#include "heap/stack/tracemalloc_reading.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "python/tracemalloc/tracemalloc.h"

enum { ATTEMPTS = 3 };

DEFINE_CLEANUP(struct heapspy_tracemalloc *, heapspy_tracemalloc_free)

void heapspy_tracemalloc_free(struct heapspy_tracemalloc *tracemalloc)
{
	if (!tracemalloc)
		return;
	for (size_t i = 0; i < tracemalloc->line_count; i++)
		free((char *)tracemalloc->lines[i].file);
	free(tracemalloc->lines);
	free(tracemalloc);
}

static struct heapspy_error *off_error(struct python *python)
{
	struct heapspy_error *error =
		error_new(HEAPSPY_INCOMPLETE, "%s keeps no record of who allocated its memory",
			  target_name(python->target));
	error_why(error, "tracemalloc is not on in it");
	error_remedy(error, "PYTHONTRACEMALLOC=1 python3 ...   # or tracemalloc.start() in it");
	return error_remedy(error, "heapspy record %d -o growth.ndjson   # needs none",
			    (int)target_pid(python->target));
}

static struct heapspy_error *lost_error(struct python *python, enum fault fault)
{
	struct heapspy_error *error = error_from_fault(
		fault, 0, "cannot read what tracemalloc knows of %s", target_name(python->target));
	error->code = fault == FAULT_GONE ? error->code : HEAPSPY_INCOMPLETE;
	return error;
}

/* As Statistic._sort_key of Lib/tracemalloc.py, from the end: bytes, blocks, place. */
static int compare(const void *a, const void *b)
{
	const struct heapspy_tracemalloc_line *left = a, *right = b;
	if (left->bytes != right->bytes)
		return left->bytes < right->bytes ? 1 : -1;
	if (left->blocks != right->blocks)
		return left->blocks < right->blocks ? 1 : -1;
	int order = strcmp(right->file, left->file);
	return order ? order : (left->line < right->line) - (left->line > right->line);
}

static struct heapspy_error *name_lines(struct python *python,
					const struct tracemalloc_lines *lines,
					struct heapspy_tracemalloc *tracemalloc)
{
	tracemalloc->lines = calloc(lines->count + 1, sizeof(*tracemalloc->lines));
	if (!tracemalloc->lines)
		return error_no_memory();
	for (size_t i = 0; i < lines->count; i++) {
		const struct tracemalloc_line *line = &lines->items[i];
		char *file = tracemalloc_file(python, line->file) ?: strdup("?");
		if (!file)
			return error_no_memory();
		tracemalloc->lines[tracemalloc->line_count++] = (struct heapspy_tracemalloc_line){
			.file = file,
			.line = line->line,
			.bytes = line->bytes,
			.blocks = line->blocks,
		};
	}
	if (tracemalloc->line_count)
		qsort(tracemalloc->lines, tracemalloc->line_count, sizeof(*tracemalloc->lines),
		      compare);
	return NULL;
}

struct heapspy_error *tracemalloc_reading_take(struct python *python, bool live,
					       struct heapspy_tracemalloc **ret_tracemalloc)
{
	struct tracemalloc state;
	struct tracemalloc_lines lines = {0};
	enum fault fault = tracemalloc_find(python, &state);
	if (fault != FAULT_NONE)
		return lost_error(python, fault);
	if (!state.tracing)
		return off_error(python);
	if (!state.traces)
		return lost_error(python, FAULT_STRANGE);
	for (unsigned i = 0; i < ATTEMPTS && !lines.whole; i++) {
		tracemalloc_lines_fini(&lines);
		fault = tracemalloc_lines(python, &state, &lines);
		if (fault == FAULT_GONE || !live)
			break;
	}
	if (fault != FAULT_NONE)
		return lost_error(python, fault);
	CLEANUP(heapspy_tracemalloc_freep)
	struct heapspy_tracemalloc *tracemalloc = calloc(1, sizeof(*tracemalloc));
	struct heapspy_error *error =
		tracemalloc ? name_lines(python, &lines, tracemalloc) : error_no_memory();
	if (!error) {
		tracemalloc->frame_limit = state.frame_limit;
		tracemalloc->traced = state.traced;
		tracemalloc->peak = state.peak;
		tracemalloc->whole = lines.whole;
		tracemalloc->bytes = lines.bytes;
		tracemalloc->blocks = lines.blocks;
		*ret_tracemalloc = take_pointer(tracemalloc);
	}
	tracemalloc_lines_fini(&lines);
	return error;
}
