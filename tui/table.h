/* SPDX-License-Identifier: MIT */
/* Rows of a table for a file: for those who fill one. */
#ifndef TUI_TABLE_H
#define TUI_TABLE_H

#include "tui.h"

/* The next row, all zeros; NULL without memory. */
union tui_value *table_add_row(struct tui_table *table);

/* A row of these values, in the order of the columns. False without memory. */
#define ADD(table, ...)                                                                            \
	({                                                                                         \
		const union tui_value values_[] = {__VA_ARGS__};                                   \
		union tui_value *row_ = table_add_row(table);                                      \
		for (size_t i_ = 0; row_ && i_ < sizeof(values_) / sizeof(*values_); i_++)         \
			row_[i_] = values_[i_];                                                    \
		row_ != NULL;                                                                      \
	})
#define TEXT(value)                                                                                \
	{                                                                                          \
		.text = (value)                                                                    \
	}
#define NATURAL(value)                                                                             \
	{                                                                                          \
		.natural = (value)                                                                 \
	}
#define INTEGER(value)                                                                             \
	{                                                                                          \
		.integer = (value)                                                                 \
	}
#define REAL(value)                                                                                \
	{                                                                                          \
		.real = (value)                                                                    \
	}

#define COLUMNS_OF(table) (table), sizeof(table) / sizeof(*(table))

#endif
