/* SPDX-License-Identifier: MIT */
#include "layout.h"

#include <string.h>

const char *const panel_titles[PANEL_COUNT] = {
#define X(name, key, title) [PANEL_##name] = title,
	PANELS(X)
#undef X
};

/* By tier. */
static const struct {
	unsigned rows, columns; /* from here on */
	unsigned header, plot, curves, side, sides, footer;
} tiers[] = {
	[TIER_NONE] = {0, 0, 0, 0, 0, 0, 0, 0},	 [TIER_SMALL] = {10, 40, 2, 0, 0, 0, 0, 1},
	[TIER_NORMAL] = {24, 80, 4, 6, 1, 0, 0, 1},	 [TIER_WIDE] = {36, 120, 4, 10, 3, 48, 2, 1},
	[TIER_FULL] = {50, 160, 4, 16, 3, 60, 3, 2},
};

/* What is beside the main panel, the first first. */
static const enum panel beside[] = {PANEL_GC, PANEL_THREADS, PANEL_ALLOCATOR, PANEL_MEMORY};

static enum tier tier_of(unsigned rows, unsigned columns)
{
	unsigned tier = TIER_FULL;
	while (rows < tiers[tier].rows || columns < tiers[tier].columns)
		tier--;
	return (enum tier)tier;
}

/* The first rows of what is left. */
static struct rect take_rows(struct rect *left, unsigned rows)
{
	rows = rows < left->rows ? rows : left->rows;
	struct rect taken = {left->row, left->column, rows, left->columns};
	left->row += rows;
	left->rows -= rows;
	return taken;
}

static void add_sides(struct layout *layout, struct rect column, enum panel focus, unsigned count)
{
	for (unsigned i = 0; layout->side_count < count; i++)
		if (beside[i] != focus)
			layout->side_panels[layout->side_count++] = beside[i];
	for (unsigned i = 0; i < count; i++)
		layout->sides[i] = take_rows(&column, column.rows / (count - i));
}

void layout_make(unsigned rows, unsigned columns, enum panel focus, bool zoom,
		 struct layout *ret_layout)
{
	enum tier tier = tier_of(rows, columns);
	struct layout layout = {.tier = tier};
	struct rect left = {0, 0, rows, columns};
	if (tier != TIER_NONE) {
		layout.header = take_rows(&left, tiers[tier].header);
		struct rect bottom = {left.row + left.rows - tiers[tier].footer, 0,
				      tiers[tier].footer, columns};
		left.rows -= tiers[tier].footer;
		layout.footer = bottom;
		if (tier >= TIER_NORMAL) {
			layout.status = (struct rect){left.row + left.rows - 1, 0, 1, columns};
			left.rows--;
		}
		if (tiers[tier].sides && !zoom) {
			unsigned side = tiers[tier].side;
			struct rect column = {left.row, columns - side, left.rows, side};
			left.columns -= side + 1;
			add_sides(&layout, column, focus, tiers[tier].sides);
		}
		if (!zoom) {
			layout.plot = take_rows(&left, tiers[tier].plot);
			layout.plots = tiers[tier].curves;
		}
		if (tier >= TIER_NORMAL)
			layout.tabs = take_rows(&left, 1);
		layout.main = left;
	}
	*ret_layout = layout;
}

void layout_widen(struct layout *layout, unsigned columns)
{
	if (!layout->side_count)
		return;
	layout->side_count = 0;
	memset(layout->sides, 0, sizeof(layout->sides));
	layout->plot.columns = layout->tabs.columns = layout->main.columns = columns;
}
