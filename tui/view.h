/* SPDX-License-Identifier: MIT */
/* What is drawn where. A view draws into its part of the grid and nowhere else. */
#ifndef TUI_VIEW_H
#define TUI_VIEW_H

#include "app.h"

/* Around the panels. */
void view_header(struct app *app, struct grid *grid, const struct rect *rect);
void view_tabs(struct app *app, struct grid *grid, const struct rect *rect);
void view_status(struct app *app, struct grid *grid, const struct rect *rect);
void view_footer(struct app *app, struct grid *grid, const struct rect *rect);
void view_help(struct app *app, struct grid *grid, const struct rect *rect);

/* Panels: the focused one can be scrolled. */
void view_types(struct app *app, struct grid *grid, const struct rect *rect, bool focused);
void view_gc(struct app *app, struct grid *grid, const struct rect *rect, bool focused);
void view_allocator(struct app *app, struct grid *grid, const struct rect *rect, bool focused);
void view_threads(struct app *app, struct grid *grid, const struct rect *rect, bool focused);
void view_memory(struct app *app, struct grid *grid, const struct rect *rect, bool focused);
void view_log(struct app *app, struct grid *grid, const struct rect *rect, bool focused);

/* The selected type. */
void view_type(struct app *app, struct grid *grid, const struct rect *rect);

/* A line of a name, bytes, and a bar of their share. */
void view_share(struct grid *grid, const struct rect *rect, unsigned row, const char *name,
		uint64_t bytes, uint64_t all, enum role role);

/* That of the last census; NULL, and a line that says so: there was none yet. */
const struct heapspy_dump *view_last_dump(struct app *app, struct grid *grid,
					  const struct rect *rect);

/* Of so many lines in a panel of so many rows: the first that is shown. */
size_t view_scroll(struct app *app, const struct rect *rect, size_t lines, bool focused);

#endif
