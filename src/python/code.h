/* SPDX-License-Identifier: MIT */
/*
 * Code objects of the target: what they are called, and their line tables.
 * Include/cpython/code.h, 3.8 - 3.15.
 */
#ifndef PYTHON_CODE_H
#define PYTHON_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "python/lines.h"
#include "python/runtime.h"

/* Longest line table that is read: that of a module of some hundred thousand lines. */
#define CODE_TABLE_MAX (UINT64_C(16) << 20)

/* Objects of it that tell one code object from another which took its place. */
enum { CODE_PARTS = 3 };

struct code {
	uint64_t address;
	uint64_t parts[CODE_PARTS]; /* name, file name, line table */
	char *function;             /* qualified name from 3.11 on, else the name; sanitised */
	char *file;                 /* sanitised */
	int32_t first_line;
	enum line_format format;
	uint8_t *table;
	size_t length;
};

/* Those that were read; each is read once, as long as it stays what it was. */
struct codes;

/* NULL without memory. */
struct codes *codes_new(struct python *python);
void codes_free(struct codes *codes);

/* Is there an object of type `code`? Leaves faults in the peek. */
bool codes_is_code(struct codes *codes, uint64_t address);

/* What lives as long as `codes`. FAULT_STRANGE when it contradicts itself. */
enum fault codes_find(struct codes *codes, uint64_t address, const struct code **ret_code);

/* LINE_NONE where it cannot be told. */
int32_t code_line(const struct code *code, int64_t position);

#endif
