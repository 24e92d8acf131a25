/* SPDX-License-Identifier: MIT */
/*
 * Which part of the screen is for what: a pure function of its size and of what is
 * asked to be large. Parts lie within the screen and do not overlap; one that there
 * is no room for has no rows.
 */
#ifndef TUI_LAYOUT_H
#define TUI_LAYOUT_H

#include <stdbool.h>

#include "grid.h"

/* X(NAME, key, title) */
#define PANELS(X)                                                                                  \
	X(TYPES, '1', "Types")                                                                     \
	X(GC, '2', "GC")                                                                           \
	X(ALLOCATOR, '3', "Alloc")                                                                 \
	X(THREADS, '4', "Threads")                                                                 \
	X(MEMORY, '5', "Memory")                                                                   \
	X(LOG, '6', "Log")

enum panel {
#define X(name, key, title) PANEL_##name,
	PANELS(X)
#undef X
	PANEL_COUNT
};

extern const char *const panel_titles[PANEL_COUNT];

enum tier {
	TIER_NONE,   /* below 40x10: too small */
	TIER_SMALL,  /* header and one panel */
	TIER_NORMAL, /* from 80x24 on: plot as well */
	TIER_WIDE,   /* from 120x36 on: two panels at the right */
	TIER_FULL,   /* from 160x50 on: three */
};

enum { SIDES = 3 };

struct layout {
	enum tier tier;
	struct rect header, plot, tabs, main, status, footer;
	struct rect sides[SIDES];
	enum panel side_panels[SIDES];
	unsigned side_count;
	unsigned plots; /* curves, one above the other */
};

/* The panels at the side go: what is shown needs the whole width. */
void layout_widen(struct layout *layout, unsigned columns);

void layout_make(unsigned rows, unsigned columns, enum panel focus, bool zoom,
		 struct layout *ret_layout);

#endif
