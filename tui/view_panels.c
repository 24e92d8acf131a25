/* SPDX-License-Identifier: MIT */
/* The panels beside the table of types. Each is a list of lines that can be scrolled. */
#include "view.h"

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
