/* SPDX-License-Identifier: MIT */
/*
 * Text that came from outside, made safe: valid UTF-8 without control bytes
 * (C0, DEL, C1 and bidirectional overrides become \xNN or \uNNNN), so that it
 * can go to a terminal, a log or JSON as it is; and text of our own. All results
 * belong to the caller; NULL means there is no memory.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that should be UTF-8; what is not becomes \xNN. */
char *text_from_bytes(const char *bytes, size_t length);

/* Unicode code points; surrogates and what is above U+10FFFF become \uNNNN, \UNNNNNNNN. */
char *text_from_code_points(const uint32_t *points, size_t count);

/* As vprintf(3) would print it. */
__attribute__((format(printf, 1, 0))) char *text_format(const char *format, va_list arguments);

#endif
