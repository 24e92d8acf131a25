/* SPDX-License-Identifier: MIT */
/* Numbers over time, drawn with characters. */
#ifndef OUTPUT_PLOT_H
#define OUTPUT_PLOT_H

#include <stdbool.h>
#include <stddef.h>

struct emitter_style;

/* A number from a time on, until the next. */
struct plot_series {
	const char *name;
	const double *times, *values; /* rising; NaN: not known */
	size_t count;
	bool bytes; /* else a count */
};

/* The first series is drawn large, the others as a line each. */
struct plot {
	double from, to; /* seconds */
	const struct plot_series *series;
	size_t count;
};

/* As wide as the terminal, 80 columns where it is none. Nothing where there is nothing
 * to draw. False: out of memory. */
bool plot_print(const struct plot *plot, const struct emitter_style *style);

#endif
