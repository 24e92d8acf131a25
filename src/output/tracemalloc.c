/* SPDX-License-Identifier: MIT */
#include "output/tracemalloc.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

static void emit_line(struct emitter *emitter, const struct heapspy_tracemalloc_line *line)
{
	CLEANUP(freep) char *place = NULL;
	if (asprintf(&place, "%s:%u", line->file, line->line) < 0)
		place = NULL;
	emit_row(emitter);
	emit_text(emitter, "file", NULL, line->file);
	emit_count(emitter, "line", NULL, line->line);
	emit_bytes(emitter, "bytes", "size", line->bytes);
	emit_count(emitter, "blocks", "blocks", line->blocks);
	emit_bytes(emitter, "average", "average", line->blocks ? line->bytes / line->blocks : 0);
	emit_text(emitter, NULL, "line", place);
	emit_end(emitter);
}

void emit_tracemalloc(struct emitter *emitter, const struct heapspy_tracemalloc *tracemalloc,
		      size_t limit)
{
	if (!tracemalloc)
		return;
	size_t shown = limit && limit < tracemalloc->line_count ? limit : tracemalloc->line_count;
	uint64_t bytes = tracemalloc->bytes, blocks = tracemalloc->blocks;
	emit_object(emitter, "tracemalloc", "tracemalloc");
	emit_bytes(emitter, "bytes", "size", tracemalloc->bytes);
	emit_count(emitter, "blocks", "blocks", tracemalloc->blocks);
	emit_bytes(emitter, "traced", NULL, tracemalloc->traced);
	emit_bytes(emitter, "peak", "peak", tracemalloc->peak);
	emit_count(emitter, "frame_limit", NULL, (uint64_t)tracemalloc->frame_limit);
	emit_flag(emitter, "whole", "", tracemalloc->whole, "", "changed while it was read");
	emit_table(emitter, "lines", "");
	for (size_t i = 0; i < shown; i++) {
		emit_line(emitter, &tracemalloc->lines[i]);
		bytes -= tracemalloc->lines[i].bytes;
		blocks -= tracemalloc->lines[i].blocks;
	}
	emit_end(emitter);
	bool all = shown == tracemalloc->line_count;
	emit_object(emitter, "omitted", all ? NULL : "not shown");
	emit_count(emitter, "lines", "lines", tracemalloc->line_count - shown);
	emit_bytes(emitter, "bytes", "size", bytes);
	emit_count(emitter, "blocks", "blocks", blocks);
	emit_end(emitter);
	emit_end(emitter);
}
