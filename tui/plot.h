/* SPDX-License-Identifier: MIT */
/*
 * Curves over time, filled below. A column stands for a span of time and shows the
 * highest value in it, so that a spike of one reading stays visible at any width.
 */
#ifndef TUI_PLOT_H
#define TUI_PLOT_H

#include "grid.h"
#include "model.h"

/* X(NAME, title) */
#define CURVES(X)                                                                                  \
	X(RSS, "RSS")                                                                              \
	X(HEAP, "heap")                                                                            \
	X(LIVE, "live")

enum curve {
#define X(name, title) CURVE_##name,
	CURVES(X)
#undef X
	CURVE_COUNT
};

enum glyphs { GLYPHS_BRAILLE, GLYPHS_BLOCKS, GLYPHS_ASCII, GLYPHS_COUNT };

/* Of a curve: grows at once, shrinks only after a whole span, so that it does not jump. */
struct scale {
	double low, high;
	double time; /* when it was set, 0: never */
};

struct plot {
	enum glyphs glyphs;
	double span; /* seconds */
	struct scale scales[CURVE_COUNT];
	struct scale type_scale; /* of plot_type() */
	uint64_t type;
};

/* So many curves from `first` on, one above the other, and the axis of time below. */
void plot_draw(struct plot *plot, const struct model *model, struct grid *grid,
	       const struct rect *rect, enum curve first, unsigned count);

/* The bytes of the objects of a type, from census to census, and the axis of time. */
void plot_type(struct plot *plot, const struct model *model, struct grid *grid,
	       const struct rect *rect, uint64_t type);

/* The same in a line, as levels, the newest at the right. */
void plot_type_line(const struct model *model, struct grid *grid, const struct rect *rect,
		    unsigned row, unsigned column, unsigned columns, uint64_t type);

/* How the axis shows that a heap was walked. */
static inline const char *plot_walk_mark(const struct grid *grid)
{
	return grid->ascii ? "+" : "\xe2\x94\xb4";
}

#endif
