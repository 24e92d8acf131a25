/* SPDX-License-Identifier: MIT */
/*
 * Rows of cells, put under headings and aligned. Columns appear as cells name
 * them; one in which nothing is known is not printed.
 *
 * The rows are held until they are printed; what columns there are, and how wide
 * they became, outlasts that, so that rows printed later stand under the same
 * heading.
 */
#ifndef OUTPUT_TABLE_H
#define OUTPUT_TABLE_H

#include <stdbool.h>

#include "output/emitter.h"

#define STYLE_NONE "\033[0m"
#define STYLE_BOLD "\033[1m"
#define STYLE_DIM "\033[2m"
#define STYLE_ALARM "\033[1;31m"

struct table;

/* NULL where there is no memory. */
struct table *table_new(void);
void table_free(struct table *table);

/* The next cell of the row under way. `text` is copied, NULL is unknown; numbers
 * stand on the right. */
void table_add(struct table *table, const char *heading, const char *text, bool number,
	       bool alarming);
void table_end_row(struct table *table);

/* Print the rows there are and drop them; the heading only where it is new. With
 * `apart` a free line comes first. False where there was nothing to print. */
bool table_print(struct table *table, const struct emitter_style *style, bool apart);

/* Has a heading been printed that still stands? */
bool table_is_headed(const struct table *table);

/* Forget rows and columns. */
void table_reset(struct table *table);

/* Ran out of memory: cells are missing. */
bool table_failed(const struct table *table);

#endif
