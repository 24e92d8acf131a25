/* SPDX-License-Identifier: MIT */
/* One type: how it grows, and some of its objects. */
#include "view.h"

#include <string.h>

#include "text.h"

static const char *const order_titles[ORDER_COUNT] = {
#define X(name, title) [ORDER_##name] = title,
    ORDERS(X)
#undef X
};

/* In few columns: untracked ones have none. */
static const char *age_of(const struct heapspy_instance *instance)
{
	static const char *const names[] = {
	    [HEAPSPY_AGE_UNKNOWN] = "?",      [HEAPSPY_AGE_UNTRACKED] = "-",
	    [HEAPSPY_AGE_GENERATION_0] = "0", [HEAPSPY_AGE_GENERATION_1] = "1",
	    [HEAPSPY_AGE_GENERATION_2] = "2", [HEAPSPY_AGE_FROZEN] = "fr",
	};
	return names[instance->age];
}

/* ---- how it grows -------------------------------------------------------------------- */

static void draw_change(struct grid *grid, const struct rect *rect, unsigned row, unsigned *column,
			const char *name, double objects, double bytes)
{
	char text[100], a[TEXT_SIZE], b[TEXT_SIZE];
	snprintf(text, sizeof(text), "%s %s %s", name, text_change(a, objects),
		 text_bytes_change(b, bytes));
	if (*column + text_columns(text) + 2 > rect->columns)
		return;
	*column = grid_text(grid, rect, row, *column, ROLE_DIM, name);
	*column = grid_print(grid, rect, row, *column + 1, ROLE_TEXT, "%s %s", a, b) + 3;
}

/* Returns how many rows it took: few where there are few. */
static unsigned draw_numbers(struct app *app, struct grid *grid, const struct rect *rect,
			     const struct growth *growth)
{
	const struct heapspy_type *type = growth->type;
	bool suspect = growth_is_suspect(growth);
	char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE];
	unsigned row = 1, column = 2;
	uint64_t mean = type->objects && type->objects != HEAPSPY_UNKNOWN
			    ? type->bytes / type->objects
			    : HEAPSPY_UNKNOWN;
	column = grid_print(grid, rect, row, column, ROLE_HEADER, "%s objects  %s",
			    text_count(a, type->objects), text_bytes(b, type->bytes));
	column = grid_print(grid, rect, row, column + 2, ROLE_TEXT, "mean %s", text_bytes(c, mean));
	char grew[64];
	snprintf(grew, sizeof(grew), "! grew in each of the last %u walks", growth->streak);
	if (column + 2 + strlen(grew) > rect->columns)
		snprintf(grew, sizeof(grew), "! grew %ux", growth->streak);
	if (suspect)
		grid_text(grid, rect, row, column + (rect->columns < 50 ? 1 : 2), ROLE_BAD, grew);
	row++;
	column = 2;
	if (rect->rows < 10) {
		/* There is no plot above. */
		column = grid_text(grid, rect, row, column, ROLE_DIM, "growth") + 1;
		plot_type_line(&app->model, grid, rect, row, column, 12, type->address);
		column += 13;
		draw_change(grid, rect, row++, &column, "min", growth->minute_objects,
			    growth->minute_bytes);
		return row;
	}
	draw_change(grid, rect, row, &column, "per minute", growth->minute_objects,
		    growth->minute_bytes);
	draw_change(grid, rect, row, &column, "last walk", (double)growth->last_objects,
		    (double)growth->last_bytes);
	draw_change(grid, rect, row++, &column, "baseline", (double)growth->base_objects,
		    (double)growth->base_bytes);
	if (rect->rows < 12)
		return row;
	grid_print(grid, rect, row++, 2, ROLE_DIM,
		   "tracked %s  in hardly used arenas %s  type at 0x%llx",
		   text_count(a, type->gc_objects), text_count(b, type->pinning),
		   (unsigned long long)type->address);
	return row;
}

/* ---- objects ----------------------------------------------------------------------------- */

enum { ADDRESS = 15, SIZE = 8, REFERENCES = 6, AGE = 4, LEAST_PREVIEW = 20 };

/* Columns before the preview; addresses where there is room. */
static unsigned width_of(const struct rect *rect, bool *ret_addresses)
{
	unsigned rest = 1 + SIZE + REFERENCES + AGE + 2;
	*ret_addresses = rect->columns >= rest + ADDRESS + LEAST_PREVIEW;
	return rest + (*ret_addresses ? ADDRESS : 0);
}

static void draw_object(struct grid *grid, const struct rect *rect, unsigned row,
			const struct heapspy_instance *object, bool selected)
{
	char text[TEXT_SIZE];
	bool addresses;
	unsigned preview = width_of(rect, &addresses), end = preview - 2;
	grid_text(grid, rect, row, 0, ROLE_TEXT, selected ? ">" : " ");
	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)object->address);
	if (addresses)
		grid_text(grid, rect, row, 1, ROLE_TEXT, text);
	grid_right(grid, rect, row, end, ROLE_TEXT, age_of(object));
	if (object->immortal)
		strcpy(text, "imm.");
	else
		text_short_count(text, object->references);
	grid_right(grid, rect, row, end - AGE, ROLE_TEXT, text);
	grid_right(grid, rect, row, end - AGE - REFERENCES, ROLE_TEXT,
		   text_bytes(text, object->bytes));
	grid_text(grid, rect, row, preview, object->preview ? ROLE_TEXT : ROLE_DIM,
		  object->preview ?: "gone");
	if (selected)
		grid_select_row(grid, rect, row);
}

static void draw_headings(struct grid *grid, const struct rect *rect, unsigned row)
{
	bool addresses;
	unsigned preview = width_of(rect, &addresses), end = preview - 2;
	if (addresses)
		grid_text(grid, rect, row, 1, ROLE_HEADER, "ADDRESS");
	grid_right(grid, rect, row, end, ROLE_HEADER, "GEN");
	grid_right(grid, rect, row, end - AGE, ROLE_HEADER, "REFS");
	grid_right(grid, rect, row, end - AGE - REFERENCES, ROLE_HEADER, "SIZE");
	grid_text(grid, rect, row, preview, ROLE_HEADER, "PREVIEW");
}

/* All of the preview, in as many lines as it needs and there are. */
static void draw_whole(struct grid *grid, const struct rect *rect,
		       const struct heapspy_instance *object)
{
	const char *at = object->preview ?: "it has gone, or became something else";
	grid_print(grid, rect, 0, 1, ROLE_HEADER, "0x%llx  %llu bytes",
		   (unsigned long long)object->address, (unsigned long long)object->bytes);
	unsigned row = 1, column = 1;
	for (uint32_t point; (point = text_next(&at)) && row < rect->rows;) {
		unsigned columns = text_point_columns(point);
		if (column + columns > rect->columns) {
			row++;
			column = 1;
		}
		if (!columns || row >= rect->rows)
			continue;
		grid_set(grid, rect->row + row, rect->column + column, ROLE_TEXT,
			 grid->ascii && point > 0x7e ? '?' : point);
		if (columns == 2)
			grid_set(grid, rect->row + row, rect->column + column + 1, ROLE_TEXT, 0);
		column += columns;
	}
}

static void draw_objects(struct app *app, struct grid *grid, const struct rect *rect)
{
	const struct heapspy_look *look = app_look(app);
	char clock[TEXT_SIZE], text[160];
	app_list_objects(app);
	if (!look || !look->instances) {
		const char *why = app->replay		  ? "a recording has no objects"
				  : look && look->trouble ? look->trouble
							  : "looking at its objects";
		grid_text(grid, rect, 0, 2, look ? ROLE_BAD : ROLE_DIM, why);
		app->page = 1;
		return;
	}
	struct rect list = *rect, whole = {0};
	if (app->object && app->chosen < app->object_count && rect->rows >= 6) {
		const char *preview = app->objects[app->chosen]->preview;
		unsigned lines = 2 + (preview ? text_columns(preview) /
						    (rect->columns > 2 ? rect->columns - 2 : 1)
					      : 0);
		whole = *rect;
		whole.rows = lines < rect->rows / 2 ? lines : rect->rows / 2;
		whole.row += rect->rows - whole.rows;
		list.rows -= whole.rows;
	}
	unsigned rows = list.rows > 2 ? list.rows - 2 : 0;
	size_t first = rows && app->chosen >= rows ? app->chosen - rows + 1 : 0;
	size_t end = first + rows < app->object_count ? first + rows : app->object_count;
	app->page = rows;
	snprintf(text, sizeof(text), "objects %zu-%zu of %zu, %s (o)", end ? first + 1 : 0, end,
		 app->object_count, order_titles[app->order]);
	unsigned column = grid_text(grid, rect, 0, 2, ROLE_HEADER, text);
	snprintf(text, sizeof(text), "looked at %s (F5)",
		 text_clock(clock, look->instances->capture.time));
	if (column + text_columns(text) + 2 < rect->columns)
		grid_right(grid, rect, 0, rect->columns, ROLE_DIM, text);
	draw_headings(grid, &list, 1);
	app->first_row = rect->row - app->layout.main.row + 2;
	app->top_row = first;
	for (size_t i = first; i < end; i++)
		draw_object(grid, &list, 2 + (unsigned)(i - first), app->objects[i],
			    i == app->chosen);
	if (whole.rows)
		draw_whole(grid, &whole, app->objects[app->chosen]);
}

void view_type(struct app *app, struct grid *grid, const struct rect *rect)
{
	const struct growth *growth = app_opened(app);
	char title[200];
	grid->cursor_row = rect->row;
	if (!growth) {
		grid_text(grid, rect, 0, 0, ROLE_DIM,
			  "Types > there are no objects of it any more   Esc up");
		app->object_count = 0;
		return;
	}
	snprintf(title, sizeof(title), "Types > %s", growth->type->name);
	grid_middle(grid, rect, 0, 0, rect->columns > 10 ? rect->columns - 9 : 0, ROLE_HEADER,
		    title);
	grid_right(grid, rect, 0, rect->columns, ROLE_ACCENT, "Esc up");
	unsigned row = draw_numbers(app, grid, rect, growth);
	if (row >= rect->rows)
		return;
	struct rect rest = {rect->row + row, rect->column, rect->rows - row, rect->columns};
	draw_objects(app, grid, &rest);
}
