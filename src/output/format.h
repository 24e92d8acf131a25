/* SPDX-License-Identifier: MIT */
/* Numbers as people read them. */
#ifndef OUTPUT_FORMAT_H
#define OUTPUT_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

/* Enough for any of these. */
enum { FORMAT_SIZE = 40 };

void format_count(char text[FORMAT_SIZE], uint64_t count);   /* 1,234,567 */
void format_signed(char text[FORMAT_SIZE], int64_t number);  /* -1,234 */
void format_bytes(char text[FORMAT_SIZE], uint64_t bytes);   /* 118.4M, units of 1024 */
void format_change(char text[FORMAT_SIZE], int64_t change);       /* +1,234, -1, 0 */
void format_bytes_change(char text[FORMAT_SIZE], int64_t change); /* +118.4M, -1B, 0B */
void format_seconds(char text[FORMAT_SIZE], double seconds); /* 80 ms, 12.3 s, 2h 03m */
void format_ratio(char text[FORMAT_SIZE], double ratio);     /* 12.3%; 100% means all */

/* Local time to the millisecond, with or without the date. */
void format_time(char text[FORMAT_SIZE], double epoch, bool with_date);

/* RFC 3339 in UTC to the millisecond: 2026-11-21T06:52:59.123Z */
void format_timestamp(char text[FORMAT_SIZE], double epoch);

#endif
