/* SPDX-License-Identifier: MIT */
#include "output/table.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "output/unicode.h"

enum {
	INDENT_COLUMNS = 2,
	GAP_COLUMNS = 2,
	MOST_COLUMNS = 64,
};

struct column {
	char *heading;
	unsigned width;
	bool number;
	bool known; /* some cell has a value */
};

struct cell {
	char *text; /* NULL: unknown */
	bool alarming;
};

struct row {
	struct cell *cells;
	unsigned count;
};

struct table {
	struct column columns[MOST_COLUMNS];
	unsigned column_count;
	struct row *rows;
	size_t row_count, row_space;
	struct row under_way;
	unsigned next;   /* column that the next cell is likely to be of */
	uint64_t headed; /* columns under the heading that was printed, a bit each */
	bool failed;
};

_Static_assert(MOST_COLUMNS <= 64, "a bit of `headed` for each");

struct table *table_new(void)
{
	return calloc(1, sizeof(struct table));
}

static void row_fini(struct row *row)
{
	for (unsigned i = 0; i < row->count; i++)
		free(row->cells[i].text);
	free(row->cells);
	*row = (struct row){0};
}

static void drop_rows(struct table *table)
{
	for (size_t i = 0; i < table->row_count; i++)
		row_fini(&table->rows[i]);
	table->row_count = 0;
	row_fini(&table->under_way);
}

void table_reset(struct table *table)
{
	drop_rows(table);
	for (unsigned i = 0; i < table->column_count; i++)
		free(table->columns[i].heading);
	table->column_count = 0;
	table->headed = 0;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	table_reset(table);
	free(table->rows);
	free(table);
}

bool table_failed(const struct table *table)
{
	return table->failed;
}

bool table_is_headed(const struct table *table)
{
	return table->headed != 0;
}

/* NULL where there is no room for it. */
static struct column *find_column(struct table *table, const char *heading, bool number)
{
	for (unsigned i = 0; i < table->column_count; i++) {
		unsigned at = (table->next + i) % table->column_count;
		if (strcmp(table->columns[at].heading, heading) == 0)
			return &table->columns[at];
	}
	char *copy = strdup(heading);
	if (!copy || table->column_count == MOST_COLUMNS) {
		free(copy);
		return NULL;
	}
	struct column *column = &table->columns[table->column_count++];
	*column = (struct column){
		.heading = copy,
		.width = unicode_columns(heading),
		.number = number,
	};
	return column;
}

void table_add(struct table *table, const char *heading, const char *text, bool number,
	       bool alarming)
{
	struct row *row = &table->under_way;
	struct column *column = heading ? find_column(table, heading, number) : NULL;
	unsigned at = column ? (unsigned)(column - table->columns) : 0;
	if (column && at >= row->count) {
		struct cell *cells = reallocarray(row->cells, table->column_count, sizeof(*cells));
		if (cells) {
			memset(cells + row->count, 0,
			       (table->column_count - row->count) * sizeof(*cells));
			row->cells = cells;
			row->count = table->column_count;
		}
	}
	char *copy = text ? strdup(text) : NULL;
	if (!column || at >= row->count || (text && !copy)) {
		free(copy);
		table->failed = true;
		return;
	}
	free(row->cells[at].text);
	row->cells[at] = (struct cell){.text = copy, .alarming = alarming};
	if (text) {
		unsigned width = unicode_columns(text);
		column->known = true;
		column->width = width > column->width ? width : column->width;
	}
	table->next = at + 1;
}

void table_end_row(struct table *table)
{
	if (!ARRAY_RESERVE(table->rows, table->row_space, table->row_count + 1)) {
		table->failed = true;
		row_fini(&table->under_way);
		return;
	}
	table->rows[table->row_count++] = table->under_way;
	table->under_way = (struct row){0};
	table->next = 0;
}

/* ---- printing ---------------------------------------------------------- */

/* A line under way. */
struct line {
	const struct emitter_style *style;
	unsigned column;
	unsigned spaces; /* owed: written only if something follows */
};

static void put_cell(struct line *line, const char *text, const struct column *column,
		     const char *sequence)
{
	FILE *stream = line->style->stream;
	unsigned wide = unicode_columns(text);
	unsigned pad = column->width > wide ? column->width - wide : 0;
	line->spaces += column->number ? pad : 0;
	line->column += line->spaces;
	if (line->style->width && line->column >= line->style->width)
		return;

	size_t bytes = strlen(text);
	unsigned room = line->style->width ? line->style->width - line->column : wide;
	bool cut = wide > room;
	/* A number that lost digits would still look like one. */
	if (cut)
		bytes = column->number ? 0 : unicode_fit(text, room - 1);
	fprintf(stream, "%*s", (int)line->spaces, "");
	if (line->style->colour && *sequence)
		fputs(sequence, stream);
	fwrite(text, 1, bytes, stream);
	if (cut)
		fputs(line->style->ascii ? "~" : "\xe2\x80\xa6", stream);
	if (line->style->colour && *sequence)
		fputs(STYLE_NONE, stream);
	line->column += cut ? room : wide;
	line->spaces = column->number ? 0 : pad;
}

static void put_upper(struct line *line, const struct column *column)
{
	char heading[64];
	snprintf(heading, sizeof(heading), "%s", column->heading);
	for (char *at = heading; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	put_cell(line, heading, column, STYLE_BOLD);
}

static void put_row(const struct table *table, const struct row *row, uint64_t shown,
		    const struct emitter_style *style)
{
	struct line line = {.style = style, .spaces = INDENT_COLUMNS};
	for (unsigned i = 0; i < table->column_count; i++) {
		const struct column *column = &table->columns[i];
		if (!(shown >> i & 1))
			continue;
		const struct cell *cell = row && i < row->count ? &row->cells[i] : NULL;
		if (!row)
			put_upper(&line, column);
		else
			put_cell(&line, cell && cell->text ? cell->text : "-", column,
				 cell && cell->alarming ? STYLE_ALARM : "");
		line.spaces += GAP_COLUMNS;
	}
	putc_unlocked('\n', style->stream);
}

bool table_print(struct table *table, const struct emitter_style *style, bool apart)
{
	if (table->row_count == 0)
		return false;
	uint64_t shown = 0;
	for (unsigned i = 0; i < table->column_count; i++)
		shown |= (uint64_t)table->columns[i].known << i;
	if (apart)
		putc_unlocked('\n', style->stream);
	if (shown != table->headed)
		put_row(table, NULL, shown, style);
	table->headed = shown;
	for (size_t i = 0; i < table->row_count; i++)
		put_row(table, &table->rows[i], shown, style);
	drop_rows(table);
	return true;
}
