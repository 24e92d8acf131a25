/* SPDX-License-Identifier: MIT */
/*
 * The line tables of code objects: which line an instruction belongs to.
 *
 * Pure functions over bytes that came from a target: a table may be cut off, or
 * nonsense.
 */
#ifndef PYTHON_LINES_H
#define PYTHON_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum line_format {
	LINES_LNOTAB,    /* co_lnotab: Objects/lnotab_notes.txt of 3.8 and 3.9 */
	LINES_RANGES,    /* co_linetable: Objects/lnotab_notes.txt of 3.10 */
	LINES_LOCATIONS, /* co_linetable: Objects/locations.md, 3.11 - 3.15 */
};

/* What a frame has whose instruction comes from no line. */
#define LINE_NONE (-1)

enum line_format lines_format(uint32_t hexversion);

/* The line of the instruction at `position`, in bytes from the first one; negative:
 * nothing was executed yet, which is the first line. False if the table is damaged
 * or does not reach so far. */
bool lines_find(enum line_format format, const uint8_t *table, size_t length, int32_t first_line,
		int64_t position, int32_t *ret_line);

#endif
