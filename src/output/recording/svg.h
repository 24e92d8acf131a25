/* SPDX-License-Identifier: MIT */
/*
 * Pictures as SVG that stand alone: no network, no fonts but the reader's, light or
 * dark as the reader likes it.
 */
#ifndef OUTPUT_RECORDING_SVG_H
#define OUTPUT_RECORDING_SVG_H

#include <stdbool.h>
#include <stdio.h>

#include "output/recording/selection.h"

enum {
	SVG_WIDTH = 1200,
	SVG_MARGIN = 24,
	SVG_HEAD = 74, /* pixels that title and subtitle take */
	SVG_SERIES = 8, /* colours of series: classes s0 to s7 */
};

struct svg {
	FILE *stream;
	bool no_memory;
};

/* Up to below the head: what it is, and of which recording. */
void svg_begin(struct svg *svg, const struct selection *selection, const char *title, double height,
	       const char *style);
void svg_end(struct svg *svg);

/* A text as it may stand in XML, sanitised; of at most so many columns, 0: all. */
void svg_text(struct svg *svg, const char *text, unsigned columns);

/* What stands on a mark, on lines of 1, 2 or 5 times a power of ten; for bytes, of a
 * power of two: the distance between two of them, with at most so many of them. */
double svg_step(double span, unsigned most, bool bytes);

/* As on a clock: 1, 2, 5, 10, 15, 30 seconds, minutes, and so on. */
double svg_time_step(double span, unsigned most);

#endif
