/* SPDX-License-Identifier: MIT */
/* The table of types. */
#include "view.h"

#include <math.h>
#include <string.h>

#include "text.h"

/* From the left to the right; those that there is no room for are left out, the one
 * with the highest number first. */
enum column {
	COLUMN_COUNT_,
	COLUMN_COUNT_CHANGE,
	COLUMN_SIZE,
	COLUMN_SIZE_CHANGE,
	COLUMN_MEAN,
	COLUMN_OWNED,
	COLUMN_TRACKED,
	COLUMN_PINNING,
	COLUMN_SHARE,
	COLUMNS
};

/* `dispensable`: of each set of columns; NEVER: it is not in it. */
enum { NEVER = 9 };

static const struct {
	const char *heading; /* NULL: what changes are since */
	unsigned width, dispensable[COLUMN_SETS];
} columns[COLUMNS] = {
	[COLUMN_COUNT_] = {"COUNT", 12, {0, 0}},   [COLUMN_COUNT_CHANGE] = {NULL, 10, {1, NEVER}},
	[COLUMN_SIZE] = {"SIZE", 9, {0, 0}},       [COLUMN_SIZE_CHANGE] = {NULL, 10, {2, NEVER}},
	[COLUMN_MEAN] = {"MEAN", 8, {NEVER, 1}},   [COLUMN_OWNED] = {"OWNED", 9, {NEVER, 3}},
	[COLUMN_TRACKED] = {"TRACKED", 12, {NEVER, 3}},
	[COLUMN_PINNING] = {"PINNING", 9, {NEVER, 2}}, [COLUMN_SHARE] = {"%", 6, {3, 4}},
};

enum { LEAST_NAME = 18 };

static const char *const headings[SORT_COUNT] = {
#define X(name, heading, column) heading,
	SORTS(X)
#undef X
};

/* Room for the name, and which columns are shown. */
static unsigned choose_columns(enum column_set set, unsigned width, bool shown[COLUMNS])
{
	for (unsigned most = 5; most > 0; most--) {
		unsigned taken = 0;
		for (unsigned i = 0; i < COLUMNS; i++) {
			shown[i] = columns[i].dispensable[set] < most;
			taken += shown[i] ? columns[i].width : 0;
		}
		if (taken + LEAST_NAME <= width || most == 1)
			return width > taken ? width - taken : 0;
	}
	return 0;
}

static void put_columns(struct grid *grid, const struct rect *rect, unsigned row, enum role role,
			const bool shown[COLUMNS], char texts[COLUMNS][TEXT_SIZE])
{
	unsigned end = rect->columns;
	for (unsigned i = COLUMNS; i-- > 0;) {
		if (!shown[i])
			continue;
		grid_right(grid, rect, row, end, role, texts[i]);
		end -= columns[i].width < end ? columns[i].width : end;
	}
}

static void draw_title(struct app *app, struct grid *grid, const struct rect *rect)
{
	char text[160];
	snprintf(text, sizeof(text), "sort %s %s  filter %s  %zu of %zu", headings[app->sort],
		 app->reverse != (app->sort == SORT_NAME) ? "^" : "v",
		 app->filter[0] ? app->filter : "none", app->row_count, app->source_count);
	if (app->growing)
		grid_text(grid, rect, 0, 6, ROLE_BAD, "growing (l)");
	grid_text(grid, rect, 0, 0, ROLE_HEADER, "Types");
	if (text_columns(text) + 8 <= rect->columns)
		grid_right(grid, rect, 0, rect->columns, ROLE_DIM, text);
}

static void draw_headings(struct app *app, struct grid *grid, const struct rect *rect,
			  const bool shown[COLUMNS])
{
	char texts[COLUMNS][TEXT_SIZE];
	grid_text(grid, rect, 1, 2, ROLE_HEADER, "TYPE");
	for (unsigned i = 0; i < COLUMNS; i++)
		snprintf(texts[i], TEXT_SIZE, "%s%s", columns[i].heading ? columns[i].heading : "+/-",
			 columns[i].heading ? "" : since_names[app->since]);
	put_columns(grid, rect, 1, ROLE_HEADER, shown, texts);
}

/* Of a type, or of several summed up; `all` is the size of the heap. */
static void write_columns(const struct app *app, const struct growth *growth,
			  char texts[COLUMNS][TEXT_SIZE])
{
	const struct heapspy_type *type = growth->type;
	uint64_t all = app->shown->dump->total.bytes;
	uint64_t mean = type->objects && type->objects != HEAPSPY_UNKNOWN
				? type->bytes / type->objects
				: HEAPSPY_UNKNOWN;
	text_count(texts[COLUMN_COUNT_], type->objects);
	text_bytes(texts[COLUMN_SIZE], type->bytes);
	text_change(texts[COLUMN_COUNT_CHANGE], growth_objects(growth, app->since));
	text_bytes_change(texts[COLUMN_SIZE_CHANGE], growth_bytes(growth, app->since));
	text_bytes(texts[COLUMN_MEAN], mean);
	text_bytes(texts[COLUMN_OWNED], type->owned);
	text_count(texts[COLUMN_TRACKED], type->gc_objects);
	text_count(texts[COLUMN_PINNING], type->pinning);
	snprintf(texts[COLUMN_SHARE], TEXT_SIZE, "%.1f",
		 all ? 100.0 * (double)type->bytes / (double)all : 0);
}

static void draw_row(struct app *app, struct grid *grid, const struct rect *rect, unsigned row,
		     const struct growth *growth, bool selected, unsigned name,
		     const bool shown[COLUMNS])
{
	char texts[COLUMNS][TEXT_SIZE];
	const struct heapspy_type *type = growth->type;
	bool suspect = growth_is_suspect(growth);
	enum role role = suspect ? ROLE_BAD : ROLE_TEXT;
	grid_text(grid, rect, row, 0, ROLE_TEXT, selected ? ">" : " ");
	grid_text(grid, rect, row, 1, role, suspect ? "!" : type->gc_objects == 0 ? "~" : " ");
	if (name > 3)
		grid_middle(grid, rect, row, 2, name - 3, role, type->name);
	write_columns(app, growth, texts);
	put_columns(grid, rect, row, role, shown, texts);
	if (selected)
		grid_select_row(grid, rect, row);
}

/* What the rows that are not on the screen come to. */
static void draw_rest(struct app *app, struct grid *grid, const struct rect *rect, unsigned row,
		      size_t first, size_t end, unsigned name, const bool shown[COLUMNS])
{
	struct heapspy_type rest = {0};
	struct growth growth = {.type = &rest};
	char title[TEXT_SIZE], texts[COLUMNS][TEXT_SIZE];
	for (size_t i = 0; i < app->row_count; i++) {
		const struct growth *one = &app->rows[i];
		if (i >= first && i < end)
			continue;
		rest.objects += one->type->objects == HEAPSPY_UNKNOWN ? 0 : one->type->objects;
		rest.bytes += one->type->bytes == HEAPSPY_UNKNOWN ? 0 : one->type->bytes;
		rest.owned += one->type->owned;
		rest.gc_objects += one->type->gc_objects;
		rest.pinning += one->type->pinning;
		growth.minute_objects += one->minute_objects;
		growth.minute_bytes += one->minute_bytes;
		growth.last_objects += one->last_objects;
		growth.last_bytes += one->last_bytes;
		growth.base_objects += one->base_objects;
		growth.base_bytes += one->base_bytes;
	}
	snprintf(title, sizeof(title), "(%zu more types)", app->row_count - (end - first));
	if (name > 3)
		grid_middle(grid, rect, row, 2, name - 3, ROLE_DIM, title);
	write_columns(app, &growth, texts);
	put_columns(grid, rect, row, ROLE_DIM, shown, texts);
}

void view_types(struct app *app, struct grid *grid, const struct rect *rect, bool focused)
{
	bool shown[COLUMNS];
	unsigned name = choose_columns(app->column_set, rect->columns, shown);
	(void)focused;
	draw_title(app, grid, rect);
	draw_headings(app, grid, rect, shown);
	if (rect->rows < 3)
		return;
	if (!app->shown) {
		grid_text(grid, rect, 2, 2, ROLE_DIM, "the heap has not been walked yet");
		return;
	}
	unsigned rows = rect->rows - 2;
	bool all = app->row_count <= rows;
	rows -= !all && rows > 1;
	size_t selected = app_selected(app);
	if (selected < app->top)
		app->top = selected;
	if (selected >= app->top + rows)
		app->top = selected - rows + 1;
	if (app->top + rows > app->row_count)
		app->top = app->row_count > rows ? app->row_count - rows : 0;
	app->page = rows;
	app->length = app->row_count;
	app->first_row = 2;
	app->top_row = app->top;
	size_t end = app->top + rows < app->row_count ? app->top + rows : app->row_count;
	for (size_t i = app->top; i < end; i++)
		draw_row(app, grid, rect, 2 + (unsigned)(i - app->top), &app->rows[i],
			 i == selected, name, shown);
	if (!all && rows < rect->rows - 2)
		draw_rest(app, grid, rect, 2 + rows, app->top, end, name, shown);
}
