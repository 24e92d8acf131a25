/* SPDX-License-Identifier: MIT */
/*
 * Text on its way out, decoded. How wide a character is, is asked of the C
 * library: setlocale(LC_CTYPE, "") comes first.
 */
#ifndef OUTPUT_UNICODE_H
#define OUTPUT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The text as it may be shown, whatever its bytes: see base/text.h; with `ascii`
 * the rest becomes \xNN, \uNNNN or \UNNNNNNNN as well. NULL where there is no
 * memory. The caller frees it. */
char *unicode_display(const char *text, bool ascii);

/* Of valid UTF-8: the code point at *text, which moves on behind it; 0 at the end. */
uint32_t unicode_next(const char **text);

/* Of valid UTF-8: the columns it takes on a terminal, and how many of its bytes
 * fit into so many columns. */
unsigned unicode_columns(const char *text);
size_t unicode_fit(const char *text, unsigned columns);

#endif
