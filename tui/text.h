/* SPDX-License-Identifier: MIT */
/*
 * Numbers and texts as the dashboard shows them. Numbers are short: a table has
 * many of them. HEAPSPY_UNKNOWN is "-".
 */
#ifndef TUI_TEXT_H
#define TUI_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum { TEXT_SIZE = 32 };

const char *text_count(char text[TEXT_SIZE], uint64_t count);        /* 1,234,567 */
const char *text_short_count(char text[TEXT_SIZE], uint64_t count);  /* 2.31M, units of 1000 */
const char *text_change(char text[TEXT_SIZE], double change);        /* +1,234, -5, 0 */
const char *text_bytes(char text[TEXT_SIZE], uint64_t bytes);        /* 118.4M, units of 1024 */
const char *text_bytes_change(char text[TEXT_SIZE], double change);  /* +1.4M, -12K, 0 */
const char *text_seconds(char text[TEXT_SIZE], double seconds);      /* 12ms, 1.5s, 4m10s, 3h04m */
const char *text_pause(char text[TEXT_SIZE], double seconds);        /* 85us, 1.25ms, 12ms, 1.5s */
const char *text_clock(char text[TEXT_SIZE], double epoch);          /* 12:03:21, local time */

/* Words with a space between them; what does not fit is left out. NULL ends them, or is none. */
void text_words(char *text, size_t size, char *const *words);

/* The code point at *text, which moves on behind it; 0 at the end. What is no UTF-8
 * is U+FFFD, a byte each. */
uint32_t text_next(const char **text);

/* Columns that a code point takes: 1 or 2; what cannot be shown by itself takes 0. */
unsigned text_point_columns(uint32_t point);
unsigned text_columns(const char *text);

/* Does it match the pattern that a user types: a part of the text whatever its case;
 * "!x" is what does not match x, "~x" an extended regular expression. "" is all. */
int text_matches(const char *text, const char *pattern);

#endif
