/* SPDX-License-Identifier: MIT */
/* The panels beside the table of types. Each is a list of lines that can be scrolled. */
#include "view.h"

#include <math.h>
#include <string.h>

#include "text.h"

/* What has no census says so. */
static const struct heapspy_dump *last_dump(struct app *app, struct grid *grid,
					    const struct rect *rect)
{
	const struct heapspy_sample *sample = app->model.sample;
	if (sample && sample->census)
		return sample->census->dump;
	grid_text(grid, rect, 0, 1, ROLE_DIM, "the heap has not been walked yet");
	return NULL;
}

/* ---- the collector ------------------------------------------------------------------------- */

static void draw_generation(struct app *app, struct grid *grid, const struct rect *rect,
			    unsigned row, const struct heapspy_gc *gc, unsigned number)
{
	const struct heapspy_generation *generation = &gc->generations[number];
	char text[64], a[TEXT_SIZE];
	snprintf(text, sizeof(text), "%u %lld/%lld", number, (long long)generation->count,
		 (long long)generation->threshold);
	grid_text(grid, rect, row, 1, ROLE_TEXT, text);
	grid_bar(grid, rect, row, 14, 8, ROLE_ACCENT,
		 generation->threshold > 0
		     ? (double)generation->count / (double)generation->threshold
		     : 0);
	grid_right(grid, rect, row, 32, ROLE_TEXT,
		   text_short_count(a, (uint64_t)generation->collections));
	grid_right(grid, rect, row, 41, ROLE_TEXT,
		   text_short_count(a, (uint64_t)generation->collected));
	grid_right(grid, rect, row, 47, generation->uncollectable ? ROLE_BAD : ROLE_TEXT,
		   text_short_count(a, (uint64_t)generation->uncollectable));
	double rate = model_collection_rate(&app->model, number);
	if (!isnan(rate) && rect->columns >= 56) {
		snprintf(text, sizeof(text), "%.1f", rate);
		grid_right(grid, rect, row, 56, ROLE_TEXT, text);
	}
}

void view_gc(struct app *app, struct grid *grid, const struct rect *rect, bool focused)
{
	const struct heapspy_sample *sample = app->model.sample;
	char a[TEXT_SIZE], text[64];
	unsigned row = 0;
	if (!sample || !sample->interpreter_count) {
		grid_text(grid, rect, 0, 1, ROLE_DIM, "the collector has not been read yet");
		return;
	}
	view_scroll(app, rect, 0, focused);
	const struct heapspy_gc *gc = &sample->interpreters[0].gc;
	bool incremental = gc->collector == HEAPSPY_COLLECTOR_INCREMENTAL;
	grid_text(grid, rect, row, 1, ROLE_HEADER, "g count/limit");
	grid_right(grid, rect, row, 32, ROLE_HEADER, "runs");
	grid_right(grid, rect, row, 41, ROLE_HEADER, "freed");
	grid_right(grid, rect, row, 47, ROLE_HEADER, "unc.");
	grid_right(grid, rect, row, 56, ROLE_HEADER, "runs/min");
	for (unsigned i = 0; i < HEAPSPY_GENERATIONS; i++)
		draw_generation(app, grid, rect, ++row, gc, i);
	row++;
	grid_print(grid, rect, row++, 1, ROLE_TEXT, "%s   %s   %s",
		   incremental ? "incremental: young, two old spaces" : "generational",
		   gc->enabled ? "enabled" : "DISABLED", gc->collecting ? "COLLECTING" : "idle");
	grid_print(grid, rect, row++, 1, ROLE_TEXT, "debug %d   garbage %s", gc->debug,
		   text_count(a, gc->garbage));
	grid_print(grid, rect, row++, 1, ROLE_TEXT, "collecting in %.1f%% of %zu readings",
		   app->model.readings
		       ? 100.0 * (double)app->model.collecting_seen / (double)app->model.readings
		       : 0,
		   app->model.readings);
	if (sample->census && sample->census->dump->interpreter_count) {
		const struct heapspy_gc *walked = &sample->census->dump->interpreters[0].gc;
		row++;
		grid_text(grid, rect, row++, 1, ROLE_HEADER, "objects, at the last heap walk");
		for (unsigned i = 0; i < HEAPSPY_GENERATIONS; i++) {
			snprintf(text, sizeof(text), "g%u", i);
			grid_text(grid, rect, row, 1, ROLE_DIM, text);
			grid_right(grid, rect, row++, 18, ROLE_TEXT,
				   text_count(a, walked->generations[i].objects));
		}
		grid_text(grid, rect, row, 1, ROLE_DIM, "frozen");
		grid_right(grid, rect, row++, 18, ROLE_TEXT, text_count(a, walked->frozen));
	}
	if (sample->interpreter_count > 1)
		grid_print(grid, rect, row, 1, ROLE_DIM, "of the main interpreter; there are %zu",
			   sample->interpreter_count);
}

/* ---- allocators ---------------------------------------------------------------------------- */

static void draw_share(struct grid *grid, const struct rect *rect, unsigned row, const char *name,
		       uint64_t bytes, uint64_t all, enum role role)
{
	char a[TEXT_SIZE];
	double share = all ? (double)bytes / (double)all : 0;
	unsigned bar = rect->columns > 40 ? rect->columns - 34 : 0;
	bar = bar > 40 ? 40 : bar;
	grid_text(grid, rect, row, 1, ROLE_TEXT, name);
	grid_right(grid, rect, row, 24, ROLE_TEXT, text_bytes(a, bytes));
	grid_bar(grid, rect, row, 25, bar, role, share);
	grid_print(grid, rect, row, 26 + bar, ROLE_TEXT, "%.1f%%", 100 * share);
}

static unsigned draw_malloc(struct grid *grid, const struct rect *rect, unsigned row,
			    const struct heapspy_malloc *malloc)
{
	char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE];
	if (!malloc->arenas) {
		if (malloc->name)
			grid_print(grid, rect, row++, 1, ROLE_TEXT, "malloc is %s", malloc->name);
		return row;
	}
	grid_print(grid, rect, row++, 1, ROLE_TEXT, "malloc %s in use, %s free, %s mmapped",
		   text_bytes(a, malloc->bytes_in_use), text_bytes(b, malloc->bytes_free),
		   text_bytes(c, malloc->mmapped));
	return row;
}

void view_allocator(struct app *app, struct grid *grid, const struct rect *rect, bool focused)
{
	const struct heapspy_dump *dump = last_dump(app, grid, rect);
	if (!dump)
		return;
	const struct heapspy_allocator *allocator = &dump->allocator;
	char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE];
	unsigned row = 0;
	if (!allocator->arenas) {
		grid_print(grid, rect, row++, 1, ROLE_TEXT, "%s: no pymalloc",
			   app->model.python->allocator ?: "allocator not known");
		draw_malloc(grid, rect, row, &dump->malloc);
		return;
	}
	uint64_t heap = allocator->arenas * allocator->arena_size;
	unsigned column =
	    grid_print(grid, rect, row, 1, ROLE_TEXT, "arenas %s x %s",
		       text_count(a, allocator->arenas), text_bytes(b, allocator->arena_size));
	if (allocator->arenas_highwater != HEAPSPY_UNKNOWN)
		grid_print(grid, rect, row, column + 3, ROLE_TEXT, "peak %s",
			   text_count(a, allocator->arenas_highwater));
	row++;
	grid_print(grid, rect, row++, 1, ROLE_TEXT, "pools  %s in use, %s free, of %s",
		   text_count(a, allocator->pools), text_count(b, allocator->pools_free),
		   text_bytes(c, allocator->pool_size));
	uint64_t slack = heap > allocator->bytes_in_use ? heap - allocator->bytes_in_use : 0;
	draw_share(grid, rect, row++, "live", allocator->bytes_in_use, heap, ROLE_GOOD);
	draw_share(grid, rect, row++, "slack", slack, heap, ROLE_WARN);
	draw_share(grid, rect, row++, " free pools", allocator->pools_free * allocator->pool_size,
		   heap, ROLE_WARN);
	draw_share(grid, rect, row++, " holes", allocator->bytes_free, heap, ROLE_WARN);
	grid_print(grid, rect, row++, 1, ROLE_TEXT, "sparse arenas %s: %s in use keep them",
		   text_count(a, allocator->sparse_arenas), text_bytes(b, allocator->sparse_bytes));
	row = draw_malloc(grid, rect, row, &dump->malloc);
	if (row + 2 > rect->rows)
		return;
	struct rect rest = {rect->row + row + 1, rect->column, rect->rows - row - 1, rect->columns};
	grid_text(grid, rect, row, 1, ROLE_HEADER, "block");
	grid_right(grid, rect, row, 16, ROLE_HEADER, "in use");
	grid_right(grid, rect, row, 27, ROLE_HEADER, "free");
	grid_right(grid, rect, row, 36, ROLE_HEADER, "holes");
	grid_right(grid, rect, row, 43, ROLE_HEADER, "fill%");
	size_t count = 0;
	for (unsigned i = 0; i < HEAPSPY_SIZE_CLASSES; i++)
		count += allocator->classes[i].pools > 0;
	size_t first = view_scroll(app, &rest, count, focused), number = 0;
	for (unsigned i = 0; i < HEAPSPY_SIZE_CLASSES; i++) {
		const struct heapspy_size_class *class = &allocator->classes[i];
		if (!class->pools || number++ < first)
			continue;
		unsigned at = (unsigned)(number - 1 - first);
		uint64_t blocks = class->blocks_in_use + class->blocks_free;
		uint64_t block = (i + 1) * 16; /* Objects/obmalloc.c: ALIGNMENT of 64-bit builds */
		snprintf(a, sizeof(a), "%u", (unsigned)block);
		grid_right(grid, &rest, at, 6, ROLE_DIM, a);
		grid_right(grid, &rest, at, 16, ROLE_TEXT, text_count(a, class->blocks_in_use));
		grid_right(grid, &rest, at, 27, ROLE_TEXT, text_count(a, class->blocks_free));
		grid_right(grid, &rest, at, 36, ROLE_TEXT,
			   text_bytes(a, class->blocks_free * block));
		snprintf(a, sizeof(a), "%.0f",
			 blocks ? 100.0 * (double)class->blocks_in_use / (double)blocks : 0);
		grid_right(grid, &rest, at, 43, ROLE_TEXT, a);
	}
}

/* ---- where the memory is -------------------------------------------------------------------- */

void view_memory(struct app *app, struct grid *grid, const struct rect *rect, bool focused)
{
	const struct heapspy_dump *dump = last_dump(app, grid, rect);
	if (!dump)
		return;
	const struct heapspy_memory *memory = &dump->memory;
	const struct {
		const char *name;
		uint64_t bytes;
	} sums[] = {
	    {"resident", memory->rss},
	    {"proportional", memory->pss},
	    {"private", memory->uss},
	    {"swapped out", memory->swap},
	    {"resident peak", memory->rss_peak},
	    {"address space", memory->virt},
	    {"cgroup limit", memory->limit},
	    {"up to it", memory->headroom},
	};
	enum { SUMS = sizeof(sums) / sizeof(*sums) };
	size_t kinds = memory->has_account ? HEAPSPY_MEMORY_KIND_COUNT : 0;
	size_t first = view_scroll(app, rect, kinds + 1 + SUMS, focused);
	for (unsigned row = 0; row < rect->rows; row++) {
		size_t line = first + row;
		char a[TEXT_SIZE];
		if (line < kinds) {
			draw_share(grid, rect, row,
				   heapspy_memory_kind_name((enum heapspy_memory_kind)line),
				   memory->account[line], memory->rss, ROLE_ACCENT);
		} else if (line > kinds && line - kinds - 1 < SUMS) {
			grid_text(grid, rect, row, 1, ROLE_DIM, sums[line - kinds - 1].name);
			grid_right(grid, rect, row, 24, ROLE_TEXT,
				   text_bytes(a, sums[line - kinds - 1].bytes));
		}
	}
}

/* ---- what happened --------------------------------------------------------------------------- */

void view_log(struct app *app, struct grid *grid, const struct rect *rect, bool focused)
{
	const struct model *model = &app->model;
	size_t first = view_scroll(app, rect, model->event_count, focused);
	char clock[TEXT_SIZE];
	if (!model->event_count)
		grid_text(grid, rect, 0, 1, ROLE_DIM, "nothing has happened yet");
	for (unsigned row = 0; row < rect->rows; row++) {
		const struct event *event = model_event(model, first + row);
		if (!event)
			break;
		grid_print(grid, rect, row, 1, event->bad ? ROLE_BAD : ROLE_TEXT, "%s %s %s",
			   text_clock(clock, event->time), event->bad ? "!" : " ", event->text);
	}
}
