/* SPDX-License-Identifier: MIT */
/*
 * What is to be on the screen: cells of a code point and a role. Roles say what a
 * cell means; terminal.c makes colours of them. Nothing here knows a terminal, so
 * that a test can read a frame as text.
 */
#ifndef TUI_GRID_H
#define TUI_GRID_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* X(NAME, letter in the dump of roles) */
#define ROLES(X)                                                                                   \
	X(TEXT, '.')                                                                               \
	X(DIM, 'd')                                                                                \
	X(ACCENT, 'a')                                                                             \
	X(GOOD, 'g')                                                                               \
	X(WARN, 'w')                                                                               \
	X(BAD, 'b')                                                                                \
	X(HEADER, 'h')                                                                             \
	X(SELECTION, 's')                                                                          \
	X(SELECTION_BAD, 'S')                                                                      \
	X(SERIES1, '1')                                                                            \
	X(SERIES2, '2')                                                                            \
	X(SERIES3, '3')

enum role {
#define X(name, letter) ROLE_##name,
	ROLES(X)
#undef X
	ROLE_COUNT
};

struct cell {
	uint32_t point; /* 0: the right half of a wide one */
	uint8_t role;
};

struct rect {
	unsigned row, column, rows, columns;
};

struct grid {
	unsigned rows, columns;
	struct cell *cells;
	unsigned cursor_row, cursor_column; /* where a reader's eyes should be */
	bool ascii;                         /* nothing else is drawn */
};

/* All blank. False without memory: then it is left as it was. */
bool grid_resize(struct grid *grid, unsigned rows, unsigned columns);
void grid_clear(struct grid *grid);
void grid_fini(struct grid *grid);

void grid_set(struct grid *grid, unsigned row, unsigned column, enum role role, uint32_t point);

/* A text in a row of a part of the grid; cut at its end. Returns the column behind it. */
unsigned grid_text(struct grid *grid, const struct rect *rect, unsigned row, unsigned column,
		   enum role role, const char *text);
unsigned grid_print(struct grid *grid, const struct rect *rect, unsigned row, unsigned column,
		    enum role role, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Ends before column `end`; nothing where it does not fit. Returns its first column. */
unsigned grid_right(struct grid *grid, const struct rect *rect, unsigned row, unsigned end,
		    enum role role, const char *text);

/* Cut in the middle, where it is longer than `columns`. */
unsigned grid_middle(struct grid *grid, const struct rect *rect, unsigned row, unsigned column,
		     unsigned columns, enum role role, const char *text);

/* A horizontal line with a title in it, NULL for none. */
void grid_rule(struct grid *grid, const struct rect *rect, unsigned row, const char *title);

/* Filled in proportion, 0 to 1. */
void grid_bar(struct grid *grid, const struct rect *rect, unsigned row, unsigned column,
	      unsigned columns, enum role role, double share);

/* The row gets this role, as far as it is not BAD or WARN: those are kept visible. */
void grid_select_row(struct grid *grid, const struct rect *rect, unsigned row);

/* The frame as lines of text, trailing blanks left out; the same of the roles. */
void grid_dump(const struct grid *grid, FILE *stream);
void grid_dump_roles(const struct grid *grid, FILE *stream);

#endif
