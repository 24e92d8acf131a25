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

static void draw_curve(struct plot *plot, const struct model *model, struct grid *grid,
		       const struct rect *rect, enum curve curve, double width)
{
	static struct buckets buckets;
	enum glyphs glyphs = grid->ascii ? GLYPHS_ASCII : plot->glyphs;
	unsigned columns = cells[glyphs].columns, levels = cells[glyphs].levels;
	char text[TEXT_SIZE];
	uint32_t line = grid->ascii ? '|' : 0x2502;
	struct rect gutter = {rect->row, rect->column, rect->rows, GUTTER - 1};
	for (unsigned i = 0; i < rect->rows; i++)
		grid_set(grid, rect->row + i, rect->column + GUTTER - 1, ROLE_DIM, line);
	grid_right(grid, &gutter, rect->rows > 2 ? rect->rows / 2 : 1, GUTTER - 2, roles[curve],
		   titles[curve]);
	buckets.count = (rect->columns - GUTTER) * columns;
	if (buckets.count > MAX_BUCKETS)
		buckets.count = MAX_BUCKETS / columns * columns;
	buckets.width = width / columns;
	fill(&buckets, model, curve);
	if (!(buckets.low <= buckets.high))
		return;
	struct scale *scale = &plot->scales[curve];
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
					 roles[curve], glyph(glyphs, left, right));
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

void plot_draw(struct plot *plot, const struct model *model, struct grid *grid,
	       const struct rect *rect, enum curve first, unsigned count)
{
	if (rect->rows < 2 || rect->columns < 2 * GUTTER || !count)
		return;
	unsigned columns = cells[grid->ascii ? GLYPHS_ASCII : plot->glyphs].columns;
	double width = plot->span / (rect->columns - GUTTER);
	/* Not finer than there are readings. */
	width = fmax(width, model->interval * columns);
	struct rect left = *rect;
	left.rows--;
	for (unsigned i = 0; i < count; i++) {
		struct rect part = left;
		part.rows = left.rows / (count - i);
		left.row += part.rows;
		left.rows -= part.rows;
		if (part.rows)
			draw_curve(plot, model, grid, &part,
				   (enum curve)((first + i) % CURVE_COUNT), width);
	}
	struct rect axis = {rect->row + rect->rows - 1, rect->column, 1, rect->columns};
	draw_axis(model, grid, &axis, width);
}
