/* SPDX-License-Identifier: MIT */
#include "plot.h"

#include <math.h>
#include <string.h>

#include "text.h"

enum { GUTTER = 8, MAX_BUCKETS = 2048 };

static const char *const titles[CURVE_COUNT] = {
#define X(name, title) [CURVE_##name] = title,
	CURVES(X)
#undef X
};

static const enum role roles[CURVE_COUNT] = {ROLE_SERIES1, ROLE_SERIES2, ROLE_SERIES3};

/* What a cell is divided into. */
static const struct {
	unsigned columns, levels;
} cells[GLYPHS_COUNT] = {
	[GLYPHS_BRAILLE] = {2, 4},
	[GLYPHS_BLOCKS] = {2, 2},
	[GLYPHS_ASCII] = {1, 2},
};

/* Filled to a level at the left and the right. */
static uint32_t glyph(enum glyphs glyphs, unsigned left, unsigned right)
{
	/* Unicode, "Braille Patterns": dots 1 2 3 7 and 4 5 6 8, from above. */
	static const uint8_t braille_left[] = {0, 0x40, 0x44, 0x46, 0x47};
	static const uint8_t braille_right[] = {0, 0x80, 0xa0, 0xb0, 0xb8};
	static const uint16_t blocks[3][3] = {
	    {' ', 0x2597, 0x2590},
	    {0x2596, 0x2584, 0x259f},
	    {0x258c, 0x2599, 0x2588},
	};
	switch (glyphs) {
	case GLYPHS_BRAILLE:
		return left || right ? 0x2800u | braille_left[left] | braille_right[right] : ' ';
	case GLYPHS_BLOCKS:
		return blocks[left][right];
	default:
		return (uint32_t) " .:"[left];
	}
}

/* ---- what is shown ---------------------------------------------------------------------- */

struct buckets {
	unsigned count;
	double width;		    /* seconds */
	double values[MAX_BUCKETS]; /* NaN: nothing was read then */
	double low, high;
};

static double value_of(const struct moment *moment, enum curve curve)
{
	uint64_t value = curve == CURVE_RSS    ? moment->rss
			 : curve == CURVE_HEAP ? moment->heap
					       : moment->live;
	return value == HEAPSPY_UNKNOWN ? NAN : (double)value;
}

/* Buckets lie at multiples of their width, so that a curve moves by whole ones. */
static long long bucket_of(const struct buckets *buckets, double time)
{
	return (long long)floor(time / buckets->width);
}

static void fill(struct buckets *buckets, const struct model *model, enum curve curve)
{
	const struct moment *now = model_moment(model, 0);
	for (unsigned i = 0; i < buckets->count; i++)
		buckets->values[i] = NAN;
	buckets->low = INFINITY;
	buckets->high = -INFINITY;
	for (size_t back = 0; back < model->moment_count; back++) {
		const struct moment *moment = model_moment(model, back);
		double value = value_of(moment, curve);
		long long age = bucket_of(buckets, now->time) - bucket_of(buckets, moment->time);
		if (age >= (long long)buckets->count)
			break;
		if (age < 0 || isnan(value))
			continue;
		double *there = &buckets->values[buckets->count - 1 - (unsigned)age];
		*there = isnan(*there) || value > *there ? value : *there;
		buckets->low = value < buckets->low ? value : buckets->low;
		buckets->high = value > buckets->high ? value : buckets->high;
	}
	/* A reading that came a little late leaves no hole. */
	for (unsigned i = 1; i + 1 < buckets->count; i++)
		if (isnan(buckets->values[i]) && !isnan(buckets->values[i + 1]))
			buckets->values[i] = buckets->values[i - 1];
}

/* Round limits around what there is, at least a fiftieth of it apart. */
static void adjust(struct scale *scale, const struct buckets *buckets, double now, double span)
{
	double least = fmax(buckets->high / 50, 65536);
	double range = fmax(buckets->high - buckets->low, least);
	double step = exp2(floor(log2(range / 2)));
	double low = floor(buckets->low / step) * step, high = ceil(buckets->high / step) * step;
	high = fmax(high, low + step);
	bool fits = scale->time && buckets->low >= scale->low && buckets->high <= scale->high;
	if (fits && now - scale->time < span)
		return;
	if (scale->time && !fits) {
		low = fmin(low, scale->low);
		high = fmax(high, scale->high);
	}
	*scale = (struct scale){.low = low, .high = high, .time = now};
}

/* ---- drawing ----------------------------------------------------------------------------- */

static unsigned level_in(double value, const struct scale *scale, unsigned levels, unsigned row,
			 unsigned rows)
{
	if (isnan(value))
		return 0;
	double share = (value - scale->low) / (scale->high - scale->low);
	/* What there is is seen. */
	double level = fmax(ceil(share * rows * levels), 1) - (double)(rows - 1 - row) * levels;
	return level <= 0 ? 0 : level < levels ? (unsigned)level : levels;
}

static void fill_type(struct buckets *buckets, const struct model *model, uint64_t address)
{
	const struct moment *now = model_moment(model, 0);
	buckets->low = INFINITY;
	buckets->high = -INFINITY;
	for (unsigned i = 0; i < buckets->count; i++)
		buckets->values[i] = NAN;
	/* From the newest back: each holds until the next one. */
	unsigned end = buckets->count;
	for (size_t back = 0; back < model->walk_count && end > 0; back++) {
		double time, bytes;
		const struct heapspy_type *type = model_type_ago(model, back, address, &time);
		bytes = type && type->bytes != HEAPSPY_UNKNOWN ? (double)type->bytes : 0;
		long long age = bucket_of(buckets, now->time) - bucket_of(buckets, time);
		age = age < 0 ? 0 : age;
		unsigned from = age < (long long)buckets->count
				    ? buckets->count - 1 - (unsigned)age
				    : 0;
		for (unsigned i = from; i < end; i++)
			buckets->values[i] = bytes;
		end = from < end ? from : end;
		buckets->low = bytes < buckets->low ? bytes : buckets->low;
		buckets->high = bytes > buckets->high ? bytes : buckets->high;
	}
}

/* What fills the buckets, and how it is called. */
struct series {
	enum curve curve; /* CURVE_COUNT: */
	uint64_t type;
	const char *title;
	enum role role;
	struct scale *scale;
};

static void draw_series(struct plot *plot, const struct model *model, struct grid *grid,
			const struct rect *rect, const struct series *series, double width)
{
	static struct buckets buckets;
	enum glyphs glyphs = grid->ascii ? GLYPHS_ASCII : plot->glyphs;
	unsigned columns = cells[glyphs].columns, levels = cells[glyphs].levels;
	char text[TEXT_SIZE];
	uint32_t line = grid->ascii ? '|' : 0x2502;
	struct rect gutter = {rect->row, rect->column, rect->rows, GUTTER - 1};
	for (unsigned i = 0; i < rect->rows; i++)
		grid_set(grid, rect->row + i, rect->column + GUTTER - 1, ROLE_DIM, line);
	grid_right(grid, &gutter, rect->rows > 2 ? rect->rows / 2 : 1, GUTTER - 2, series->role,
		   series->title);
	buckets.count = (rect->columns - GUTTER) * columns;
	if (buckets.count > MAX_BUCKETS)
		buckets.count = MAX_BUCKETS / columns * columns;
	buckets.width = width / columns;
	if (series->curve < CURVE_COUNT)
		fill(&buckets, model, series->curve);
	else if (model_moment(model, 0))
		fill_type(&buckets, model, series->type);
	else
		return;
	if (!(buckets.low <= buckets.high))
		return;
	struct scale *scale = series->scale;
	adjust(scale, &buckets, model_moment(model, 0)->time, plot->span);
	grid_right(grid, &gutter, 0, GUTTER - 1, ROLE_DIM, text_bytes(text, (uint64_t)scale->high));
	if (rect->rows > 2)
		grid_right(grid, &gutter, rect->rows - 1, GUTTER - 1, ROLE_DIM,
			   text_bytes(text, (uint64_t)scale->low));
	for (unsigned row = 0; row < rect->rows; row++) {
		for (unsigned i = 0; i < buckets.count; i += columns) {
			unsigned left = level_in(buckets.values[i], scale, levels, row, rect->rows);
			unsigned right = level_in(buckets.values[i + columns - 1], scale, levels,
						  row, rect->rows);
			if (left || right)
				grid_set(grid, rect->row + row, rect->column + GUTTER + i / columns,
					 series->role, glyph(glyphs, left, right));
		}
	}
}

/* Marks of censuses and of full collections, and the time in between. */
static void draw_axis(const struct model *model, struct grid *grid, const struct rect *rect,
		      double width)
{
	const struct moment *now = model_moment(model, 0);
	struct rect inner = {rect->row, rect->column + GUTTER, 1, rect->columns - GUTTER};
	char text[TEXT_SIZE];
	grid_rule(grid, &inner, 0, NULL);
	grid_set(grid, rect->row, rect->column + GUTTER - 1, ROLE_DIM, grid->ascii ? '+' : 0x2514);
	for (size_t back = 0; now && back < model->moment_count; back++) {
		const struct moment *moment = model_moment(model, back);
		double age = floor(now->time / width) - floor(moment->time / width);
		if (age >= inner.columns)
			break;
		unsigned column = inner.column + inner.columns - 1 - (unsigned)fmax(age, 0);
		if (moment->full)
			grid_set(grid, inner.row, column, ROLE_WARN, 'G');
		else if (moment->census)
			grid_set(grid, inner.row, column, ROLE_DIM, grid->ascii ? '+' : 0x2534);
	}
	for (unsigned part = 2; part > 0; part--) {
		unsigned column = inner.columns - inner.columns * part / 2;
		grid_print(grid, &inner, 0, column, ROLE_DIM, " -%s ",
			   text_seconds(text, width * (inner.columns - column)));
	}
	grid_right(grid, &inner, 0, inner.columns, ROLE_DIM, " now");
}

/* Seconds that a column stands for: not finer than there are readings. */
static double column_width(const struct plot *plot, const struct model *model,
			   const struct grid *grid, const struct rect *rect)
{
	unsigned columns = cells[grid->ascii ? GLYPHS_ASCII : plot->glyphs].columns;
	return fmax(plot->span / (rect->columns - GUTTER), model->interval * columns);
}

void plot_draw(struct plot *plot, const struct model *model, struct grid *grid,
	       const struct rect *rect, enum curve first, unsigned count)
{
	if (rect->rows < 2 || rect->columns < 2 * GUTTER || !count)
		return;
	double width = column_width(plot, model, grid, rect);
	struct rect left = *rect;
	left.rows--;
	for (unsigned i = 0; i < count; i++) {
		struct rect part = left;
		part.rows = left.rows / (count - i);
		left.row += part.rows;
		left.rows -= part.rows;
		enum curve curve = (enum curve)((first + i) % CURVE_COUNT);
		struct series series = {curve, 0, titles[curve], roles[curve], &plot->scales[curve]};
		if (part.rows)
			draw_series(plot, model, grid, &part, &series, width);
	}
	struct rect axis = {rect->row + rect->rows - 1, rect->column, 1, rect->columns};
	draw_axis(model, grid, &axis, width);
}

void plot_type(struct plot *plot, const struct model *model, struct grid *grid,
	       const struct rect *rect, uint64_t type)
{
	if (rect->rows < 2 || rect->columns < 2 * GUTTER)
		return;
	if (plot->type != type)
		plot->type_scale = (struct scale){0};
	plot->type = type;
	double width = column_width(plot, model, grid, rect);
	struct rect part = *rect;
	part.rows--;
	struct series series = {CURVE_COUNT, type, "size", ROLE_SERIES1, &plot->type_scale};
	draw_series(plot, model, grid, &part, &series, width);
	struct rect axis = {rect->row + rect->rows - 1, rect->column, 1, rect->columns};
	draw_axis(model, grid, &axis, width);
}

void plot_type_line(const struct model *model, struct grid *grid, const struct rect *rect,
		    unsigned row, unsigned column, unsigned columns, uint64_t type)
{
	enum { LEVELS = 8 };
	static const char ascii[] = "_.,-=+*#";
	double values[WALKS], low = INFINITY, high = -INFINITY;
	unsigned count = 0;
	for (; count < WALKS && count < columns; count++) {
		double time;
		const struct heapspy_type *found = model_type_ago(model, count, type, &time);
		if (isnan(time))
			break;
		values[count] = found ? (double)found->bytes : 0;
		low = fmin(low, values[count]);
		high = fmax(high, values[count]);
	}
	for (unsigned i = 0; i < count; i++) {
		double share = high > low ? (values[count - 1 - i] - low) / (high - low) : 0;
		unsigned level = (unsigned)(share * (LEVELS - 1) + 0.5);
		/* Unicode, "Block Elements": lower one eighth, two eighths, ... */
		uint32_t point = grid->ascii ? (uint32_t)ascii[level] : 0x2581 + level;
		if (row < rect->rows && column + i < rect->columns)
			grid_set(grid, rect->row + row, rect->column + column + i, ROLE_SERIES1,
				 point);
	}
}
