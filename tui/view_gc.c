/* SPDX-License-Identifier: MIT */
/* The collector: how full its generations are, how often it runs, what that takes. */
#include "view.h"

#include <math.h>
#include <string.h>

#include "text.h"

/* Rows of the panel, one after the other. */
struct lines {
	struct grid *grid;
	const struct rect *rect;
	unsigned row;
};

static void draw_headings(struct lines *lines)
{
	struct grid *grid = lines->grid;
	const struct rect *rect = lines->rect;
	unsigned row = lines->row++;
	grid_text(grid, rect, row, 1, ROLE_HEADER, "g count/limit");
	grid_right(grid, rect, row, 27, ROLE_HEADER, "runs");
	grid_right(grid, rect, row, 34, ROLE_HEADER, "freed");
	grid_right(grid, rect, row, 39, ROLE_HEADER, "unc");
	grid_right(grid, rect, row, 46, ROLE_HEADER, "/min");
}

/* A generation without a threshold is collected by another rule. */
static void draw_generation(struct app *app, struct lines *lines, const struct heapspy_gc *gc,
			    unsigned number)
{
	const struct heapspy_generation *generation = &gc->generations[number];
	struct grid *grid = lines->grid;
	const struct rect *rect = lines->rect;
	unsigned row = lines->row++;
	char text[64], a[TEXT_SIZE];
	if (generation->threshold > 0)
		snprintf(text, sizeof(text), "%u %lld/%lld", number, (long long)generation->count,
			 (long long)generation->threshold);
	else
		snprintf(text, sizeof(text), "%u %lld", number, (long long)generation->count);
	grid_text(grid, rect, row, 1, ROLE_TEXT, text);
	if (generation->threshold > 0)
		grid_bar(grid, rect, row, 14, 6, ROLE_ACCENT,
			 (double)generation->count / (double)generation->threshold);
	grid_right(grid, rect, row, 27, ROLE_TEXT,
		   text_short_count(a, (uint64_t)generation->collections));
	grid_right(grid, rect, row, 34, ROLE_TEXT,
		   text_short_count(a, (uint64_t)generation->collected));
	grid_right(grid, rect, row, 39, generation->uncollectable ? ROLE_BAD : ROLE_TEXT,
		   text_short_count(a, (uint64_t)generation->uncollectable));
	double rate = model_collection_rate(&app->model, number);
	if (!isnan(rate)) {
		snprintf(text, sizeof(text), "%.1f", rate);
		grid_right(grid, rect, row, 46, ROLE_TEXT, text);
	}
}

/* The two shapes: three generations, or the incremental collector of 3.14.0 to 3.14.4. */
static void draw_state(struct app *app, struct lines *lines, const struct heapspy_gc *gc)
{
	bool incremental = gc->collector == HEAPSPY_COLLECTOR_INCREMENTAL;
	const struct model *model = &app->model;
	char a[TEXT_SIZE];
	grid_print(lines->grid, lines->rect, lines->row++, 1,
		   gc->enabled ? ROLE_TEXT : ROLE_WARN, "%s   %s   %s",
		   incremental ? "incremental" : "generational",
		   gc->enabled ? "enabled" : "DISABLED", gc->collecting ? "COLLECTING" : "idle");
	if (incremental)
		grid_text(lines->grid, lines->rect, lines->row++, 1, ROLE_DIM,
			  "each run: all of 0, a part of 1; then 1 and 2 swap");
	grid_print(lines->grid, lines->rect, lines->row++, 1, ROLE_TEXT, "debug %d   garbage %s",
		   gc->debug, text_count(a, gc->garbage));
	grid_print(lines->grid, lines->rect, lines->row++, 1, ROLE_TEXT,
		   "collecting in %.1f%% of %zu readings",
		   model->readings ? 100.0 * (double)model->collecting_seen /
					 (double)model->readings
				   : 0,
		   model->readings);
}

/* How long collections take is known where CPython writes it down. */
static void draw_durations(struct app *app, struct lines *lines, const struct heapspy_gc *gc)
{
	struct grid *grid = lines->grid;
	const struct rect *rect = lines->rect;
	char a[TEXT_SIZE];
	if (isnan(gc->generations[0].duration)) {
		grid_text(grid, rect, lines->row++, 1, ROLE_DIM,
			  "CPython records how long from 3.15 on");
		return;
	}
	double share = model_collecting_share(&app->model);
	unsigned row = lines->row++;
	grid_text(grid, rect, row, 1, ROLE_HEADER, "took");
	grid_right(grid, rect, row, 18, ROLE_HEADER, "all");
	grid_right(grid, rect, row, 26, ROLE_HEADER, "mean");
	grid_right(grid, rect, row, 34, ROLE_HEADER, "last");
	grid_right(grid, rect, row, 43, ROLE_HEADER, "longest");
	for (unsigned i = 0; i < HEAPSPY_GENERATIONS; i++) {
		const struct heapspy_generation *generation = &gc->generations[i];
		double runs = generation->collections > 0 ? (double)generation->collections : 1;
		row = lines->row++;
		grid_print(grid, rect, row, 1, ROLE_TEXT, "%u", i);
		grid_right(grid, rect, row, 18, ROLE_TEXT, text_pause(a, generation->duration));
		grid_right(grid, rect, row, 26, ROLE_TEXT,
			   text_pause(a, generation->duration / runs));
		grid_right(grid, rect, row, 34, ROLE_TEXT, text_pause(a, generation->last));
		grid_right(grid, rect, row, 43, ROLE_TEXT, text_pause(a, generation->longest));
	}
	if (!isnan(share))
		grid_print(grid, rect, lines->row++, 1, share > 0.05 ? ROLE_WARN : ROLE_TEXT,
			   "%.2f%% of the last minute", 100 * share);
}

static void draw_objects(struct app *app, struct lines *lines)
{
	const struct heapspy_sample *sample = app->model.sample;
	char text[64], a[TEXT_SIZE];
	if (!sample->census || !sample->census->dump->interpreter_count)
		return;
	const struct heapspy_gc *walked = &sample->census->dump->interpreters[0].gc;
	lines->row++;
	grid_text(lines->grid, lines->rect, lines->row++, 1, ROLE_HEADER,
		  "objects, at the last heap walk");
	for (unsigned i = 0; i < HEAPSPY_GENERATIONS; i++) {
		snprintf(text, sizeof(text), "g%u", i);
		grid_text(lines->grid, lines->rect, lines->row, 1, ROLE_DIM, text);
		grid_right(lines->grid, lines->rect, lines->row++, 18, ROLE_TEXT,
			   text_count(a, walked->generations[i].objects));
	}
	grid_text(lines->grid, lines->rect, lines->row, 1, ROLE_DIM, "frozen");
	grid_right(lines->grid, lines->rect, lines->row++, 18, ROLE_TEXT,
		   text_count(a, walked->frozen));
}

void view_gc(struct app *app, struct grid *grid, const struct rect *rect, bool focused)
{
	const struct heapspy_sample *sample = app->model.sample;
	struct lines lines = {grid, rect, 0};
	if (!sample || !sample->interpreter_count) {
		grid_text(grid, rect, 0, 1, ROLE_DIM, "the collector has not been read yet");
		return;
	}
	view_scroll(app, rect, 0, focused);
	const struct heapspy_gc *gc = &sample->interpreters[0].gc;
	draw_headings(&lines);
	for (unsigned i = 0; i < HEAPSPY_GENERATIONS; i++)
		draw_generation(app, &lines, gc, i);
	draw_state(app, &lines, gc);
	draw_durations(app, &lines, gc);
	draw_objects(app, &lines);
	if (sample->interpreter_count > 1)
		grid_print(grid, rect, lines.row, 1, ROLE_DIM,
			   "of the main interpreter; there are %zu", sample->interpreter_count);
}
