/* SPDX-License-Identifier: MIT */
/*
 * A heap without its text: what str and bytes objects say becomes x, and so does
 * text in memory of which nothing is known; what was freed becomes zeros. All
 * structure stays: the same objects, of the same sizes.
 *
 * Names stay: interned strings (identifiers, attributes, literals that look like
 * them), names of types, modules, functions and source files. Numbers stay. Text of
 * less than SCRUB_LEAST characters, or not of ASCII, stays where it is not in a str
 * or bytes object.
 */
#ifndef HEAP_CENSOR_H
#define HEAP_CENSOR_H

#include <stddef.h>
#include <stdint.h>

#include <heapspy/error.h>

#include "base/cleanup.h"
#include "python/runtime.h"

struct censor;

/* Goes over the heap to find the names. */
struct heapspy_error *censor_new(struct python *python, struct censor **ret_censor);
void censor_free(struct censor *censor);
DEFINE_CLEANUP(struct censor *, censor_free)

/* Censor a copy of a piece of private memory, no part of a program's file. A piece
 * never begins or ends within a pool: at multiples of 1 MiB, or where a mapping
 * does. */
void censor_piece(void *censor, uint64_t address, uint8_t *bytes, size_t length);

#endif
