/* SPDX-License-Identifier: MIT */
/*
 * What an object looks like: a line that begins as its repr() would where that is
 * simple, and says how much there is of what does not fit.
 *
 * No code of the target runs for it: a __repr__ of a class is never asked. Whatever
 * the target holds, it ends: so many objects, levels and characters, and no more.
 * Objects/ of CPython 3.8 - 3.15, as each function says.
 */
#ifndef PYTHON_PREVIEW_H
#define PYTHON_PREVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "python/runtime.h"
#include "python/types.h"

struct preview_options {
	size_t length;     /* characters, at most; before escapes */
	bool without_text; /* of str, bytes and bytearray no more than their lengths */
};

/* Sanitised UTF-8 that the caller frees; NULL where there is no such object, or no
 * memory. Types are looked up in `types`. */
char *preview_make(struct python *python, struct types *types, uint64_t address,
		   const struct preview_options *options);

#endif
