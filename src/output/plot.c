/* SPDX-License-Identifier: MIT */
#include "output/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "output/emitter.h"
#include "output/format.h"
#include "output/table.h"

enum {
	NAME_COLUMNS = 11,  /* as the titles of lines */
	LABEL_COLUMNS = 11, /* numbers on the left */
	RIGHT_COLUMNS = 12, /* numbers on the right */
	ROWS = 8,
	EIGHTHS = 8,
	FEWEST_COLUMNS = 10,
	MOST_COLUMNS = 1000,
	PIPED_COLUMNS = 80,
};

#define STYLE_BAR "\033[36m"

static const char *const blocks[EIGHTHS + 1] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const ascii_blocks[EIGHTHS + 1] = {" ", ".", ".", ":", ":", "+", "+", "#", "#"};

/* What is drawn of a series: a number for each column, and where they lie. */
struct columns {
	double *values;
	unsigned count;
	double first, last, least, most;
	bool known;
};

static void columns_fini(struct columns *columns)
{
	free(columns->values);
}

/* The last number in each column's time; where there is none, the one before goes on. */
static bool columns_init(struct columns *columns, const struct plot *plot,
			 const struct plot_series *series, unsigned count)
{
	columns->values = calloc(count, sizeof(*columns->values));
	if (!columns->values)
		return false;
	columns->count = count;
	double value = NAN;
	size_t next = 0;
	for (unsigned i = 0; i < count; i++) {
		double end = plot->from + (plot->to - plot->from) * (i + 1) / count;
		for (; next < series->count && (series->times[next] <= end || i + 1 == count);
		     next++) {
			double one = series->values[next];
			if (!isfinite(one))
				continue;
			if (!columns->known || one < columns->least)
				columns->least = one;
			if (!columns->known || one > columns->most)
				columns->most = one;
			if (!columns->known)
				columns->first = one;
			columns->last = value = one;
			columns->known = true;
		}
		columns->values[i] = value;
	}
	return true;
}

static void format_value(char text[FORMAT_SIZE], const struct plot_series *series, double value)
{
	uint64_t number = value < 1e18 ? (uint64_t)value : (uint64_t)1e18;
	if (series->bytes)
		format_bytes(text, number);
	else
		format_count(text, number);
}

static void put(const struct emitter_style *style, const char *sequence, const char *text)
{
	bool styled = style->colour && *text;
	if (styled)
		fputs(sequence, style->stream);
	fputs(text, style->stream);
	if (styled)
		fputs(STYLE_NONE, style->stream);
}

static void put_bars(const struct emitter_style *style, const struct columns *columns, double least,
		     double most, int row, int rows)
{
	const char *const *steps = style->ascii ? ascii_blocks : blocks;
	double scale = most > least ? rows * EIGHTHS / (most - least) : 0;
	if (style->colour)
		fputs(STYLE_BAR, style->stream);
	for (unsigned i = 0; i < columns->count; i++) {
		if (!isfinite(columns->values[i])) {
			putc(' ', style->stream);
			continue;
		}
		/* What is known is seen, however little it is. */
		int height = (int)lround((columns->values[i] - least) * scale);
		height = height < 1 ? 1 : height;
		int here = height - row * EIGHTHS;
		fputs(steps[here < 0 ? 0 : here > EIGHTHS ? EIGHTHS : here], style->stream);
	}
	if (style->colour)
		fputs(STYLE_NONE, style->stream);
}

static void print_large(const struct emitter_style *style, const struct plot *plot,
			const struct plot_series *series, const struct columns *columns)
{
	FILE *stream = style->stream;
	char text[FORMAT_SIZE];
	/* From zero on, unless that would leave nothing to be seen of what changes. */
	double least = columns->least < columns->most * 0.6 ? 0 : columns->least;
	least -= least > 0 ? fmin(least, (columns->most - least) * 0.1) : 0;
	double most = columns->most > least ? columns->most : least + 1;
	for (int row = ROWS - 1; row >= 0; row--) {
		const char *name = row == ROWS - 1 ? series->name : "";
		put(style, STYLE_BOLD, name);
		fprintf(stream, "%*s", (int)(NAME_COLUMNS - strlen(name)), "");
		bool marked = row == ROWS - 1 || row == 0;
		if (marked)
			format_value(text, series, row ? most : least);
		fprintf(stream, "%*s %s", LABEL_COLUMNS - 2, marked ? text : "",
			style->ascii ? "|" : marked ? "┤" : "│");
		put_bars(style, columns, least, most, row, ROWS);
		putc('\n', stream);
	}
	fprintf(stream, "%*s%s", NAME_COLUMNS + LABEL_COLUMNS - 1, "", style->ascii ? "+" : "└");
	for (unsigned i = 0; i < columns->count; i++)
		fputs(style->ascii ? "-" : "─", stream);
	char from[FORMAT_SIZE], to[FORMAT_SIZE];
	format_seconds(from, plot->from);
	format_seconds(to, plot->to);
	fprintf(stream, "\n%*s%-*s%s\n", NAME_COLUMNS + LABEL_COLUMNS, "",
		(int)(columns->count > strlen(to) ? columns->count - strlen(to) : 1), from, to);
}

static void print_small(const struct emitter_style *style, const struct plot_series *series,
			const struct columns *columns)
{
	char first[FORMAT_SIZE], last[FORMAT_SIZE];
	format_value(first, series, columns->first);
	format_value(last, series, columns->last);
	put(style, STYLE_BOLD, series->name);
	fprintf(style->stream, "%*s%*s ", (int)(NAME_COLUMNS - strlen(series->name)), "",
		LABEL_COLUMNS - 1, first);
	put_bars(style, columns, columns->least, columns->most, 0, 1);
	fprintf(style->stream, " %s\n", last);
}

bool plot_print(const struct plot *plot, const struct emitter_style *style)
{
	unsigned width = style->width ?: PIPED_COLUMNS, edges = NAME_COLUMNS + LABEL_COLUMNS;
	unsigned count = width > edges + RIGHT_COLUMNS ? width - edges - RIGHT_COLUMNS : 0;
	if (count < FEWEST_COLUMNS || !(plot->to > plot->from))
		return true;
	count = count < MOST_COLUMNS ? count : MOST_COLUMNS;
	for (size_t i = 0; i < plot->count; i++) {
		CLEANUP(columns_fini) struct columns columns = {0};
		if (!columns_init(&columns, plot, &plot->series[i], count))
			return false;
		if (!columns.known)
			continue;
		if (i == 0)
			print_large(style, plot, &plot->series[i], &columns);
		else
			print_small(style, &plot->series[i], &columns);
	}
	return true;
}
