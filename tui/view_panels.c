/* SPDX-License-Identifier: MIT */
/* The panels beside the table of types. Each is a list of lines that can be scrolled. */
#include "view.h"

#include <math.h>
#include <string.h>

#include "text.h"

/* What has no census says so. */
const struct heapspy_dump *view_last_dump(struct app *app, struct grid *grid,
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
