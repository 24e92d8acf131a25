/* SPDX-License-Identifier: MIT */
#include "grid.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

bool grid_resize(struct grid *grid, unsigned rows, unsigned columns)
{
	struct cell *cells = calloc((size_t)rows * columns + 1, sizeof(*cells));
	if (!cells)
		return false;
	free(grid->cells);
	grid->cells = cells;
	grid->rows = rows;
	grid->columns = columns;
	grid_clear(grid);
	return true;
}

void grid_clear(struct grid *grid)
{
	for (size_t i = 0; i < (size_t)grid->rows * grid->columns; i++)
		grid->cells[i] = (struct cell){.point = ' ', .role = ROLE_TEXT};
	grid->cursor_row = grid->cursor_column = 0;
}

void grid_fini(struct grid *grid)
{
	free(grid->cells);
	*grid = (struct grid){0};
}

static struct cell *cell_at(struct grid *grid, unsigned row, unsigned column)
{
	return row < grid->rows && column < grid->columns
		   ? &grid->cells[(size_t)row * grid->columns + column]
		   : NULL;
}

void grid_set(struct grid *grid, unsigned row, unsigned column, enum role role, uint32_t point)
{
	struct cell *cell = cell_at(grid, row, column);
	if (cell)
		*cell = (struct cell){.point = point, .role = (uint8_t)role};
}

unsigned grid_text(struct grid *grid, const struct rect *rect, unsigned row, unsigned column,
		   enum role role, const char *text)
{
	if (row >= rect->rows)
		return column;
	for (uint32_t point; (point = text_next(&text));) {
		if (grid->ascii && point > 0x7e)
			point = '?';
		unsigned columns = text_point_columns(point);
		if (columns == 0)
			continue;
		if (column + columns > rect->columns)
			break;
		grid_set(grid, rect->row + row, rect->column + column, role, point);
		if (columns == 2)
			grid_set(grid, rect->row + row, rect->column + column + 1, role, 0);
		column += columns;
	}
	return column;
}

unsigned grid_print(struct grid *grid, const struct rect *rect, unsigned row, unsigned column,
		    enum role role, const char *format, ...)
{
	char text[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return grid_text(grid, rect, row, column, role, text);
}

unsigned grid_right(struct grid *grid, const struct rect *rect, unsigned row, unsigned end,
		    enum role role, const char *text)
{
	unsigned columns = text_columns(text);
	if (columns > end || end > rect->columns)
		return end;
	grid_text(grid, rect, row, end - columns, role, text);
	return end - columns;
}

unsigned grid_middle(struct grid *grid, const struct rect *rect, unsigned row, unsigned column,
		     unsigned columns, enum role role, const char *text)
{
	unsigned all = text_columns(text);
	struct rect part = *rect;
	if (column + columns < part.columns)
		part.columns = column + columns;
	if (all <= columns || columns < 5)
		return grid_text(grid, &part, row, column, role, text);
	unsigned head = (columns - 2) / 2, tail = columns - 2 - head;
	struct rect first = part;
	if (column + head < first.columns)
		first.columns = column + head;
	column = grid_text(grid, &first, row, column, role, text);
	column = grid_text(grid, &part, row, column, role, "..");
	for (unsigned left = all; left > tail;)
		left -= text_point_columns(text_next(&text));
	return grid_text(grid, &part, row, column, role, text);
}

void grid_rule(struct grid *grid, const struct rect *rect, unsigned row, const char *title)
{
	uint32_t line = grid->ascii ? '-' : 0x2500;
	if (row >= rect->rows)
		return;
	for (unsigned i = 0; i < rect->columns; i++)
		grid_set(grid, rect->row + row, rect->column + i, ROLE_DIM, line);
	if (title && rect->columns > 4) {
		struct rect inner = {rect->row, rect->column, rect->rows, rect->columns - 1};
		grid_print(grid, &inner, row, 1, ROLE_HEADER, " %s ", title);
	}
}

void grid_bar(struct grid *grid, const struct rect *rect, unsigned row, unsigned column,
	      unsigned columns, enum role role, double share)
{
	if (row >= rect->rows || column + columns > rect->columns)
		return;
	share = share > 0 ? share < 1 ? share : 1 : 0;
	unsigned filled = (unsigned)(share * columns + 0.5);
	for (unsigned i = 0; i < columns; i++) {
		uint32_t point = grid->ascii  ? i < filled ? '#' : '.'
				 : i < filled ? 0x2588
					      : 0x2591;
		grid_set(grid, rect->row + row, rect->column + column + i,
			 i < filled ? role : ROLE_DIM, point);
	}
}

void grid_select_row(struct grid *grid, const struct rect *rect, unsigned row)
{
	for (unsigned i = 0; i < rect->columns && row < rect->rows; i++) {
		struct cell *cell = cell_at(grid, rect->row + row, rect->column + i);
		if (cell)
			cell->role = cell->role == ROLE_BAD ? ROLE_SELECTION_BAD : ROLE_SELECTION;
	}
	grid->cursor_row = rect->row + row;
	grid->cursor_column = rect->column;
}

/* ---- as text -------------------------------------------------------------------------- */

static void put_point(FILE *stream, uint32_t point)
{
	if (point < 0x80) {
		putc((int)point, stream);
	} else if (point < 0x800) {
		putc((int)(0xc0 | point >> 6), stream);
		putc((int)(0x80 | (point & 0x3f)), stream);
	} else {
		if (point >= 0x10000) {
			putc((int)(0xf0 | point >> 18), stream);
			putc((int)(0x80 | (point >> 12 & 0x3f)), stream);
		} else {
			putc((int)(0xe0 | point >> 12), stream);
		}
		putc((int)(0x80 | (point >> 6 & 0x3f)), stream);
		putc((int)(0x80 | (point & 0x3f)), stream);
	}
}

static void dump(const struct grid *grid, FILE *stream, bool roles)
{
	static const char letters[] = {
#define X(name, letter) letter,
	    ROLES(X)
#undef X
	};
	for (unsigned row = 0; row < grid->rows; row++) {
		const struct cell *cells = grid->cells + (size_t)row * grid->columns;
		unsigned end = grid->columns;
		while (end > 0 && cells[end - 1].point == ' ' &&
		       (!roles || cells[end - 1].role == ROLE_TEXT))
			end--;
		for (unsigned column = 0; column < end; column++) {
			if (roles)
				putc(letters[cells[column].role], stream);
			else if (cells[column].point)
				put_point(stream, cells[column].point);
		}
		putc('\n', stream);
	}
}

void grid_dump(const struct grid *grid, FILE *stream)
{
	dump(grid, stream, false);
}

void grid_dump_roles(const struct grid *grid, FILE *stream)
{
	dump(grid, stream, true);
}
