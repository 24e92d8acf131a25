/* SPDX-License-Identifier: MIT */
/* str objects of the target. Objects/unicodeobject.c, 3.8 - 3.15. */
#ifndef PYTHON_UNICODE_H
#define PYTHON_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "python/layout.h"
#include "target/peek.h"

/* Longest text that is taken from a target: longer ones are cut. */
#define UNICODE_MAX 4096

/* The text of a str as sanitised UTF-8; the caller frees it. NULL (and a fault
 * raised in `peek`) when it is not a str or contradicts itself. */
char *unicode_read(struct peek *peek, const struct layout *layout, uint64_t object);

/* Its first code points, `most` at most, as they are, and how many there are in all.
 * False (and a fault raised in `peek`) as above. */
bool unicode_points(struct peek *peek, const struct layout *layout, uint64_t object,
		    uint32_t *points, size_t most, size_t *ret_count, uint64_t *ret_length);

/* Is this str exactly `ascii`? Reads no more than it must. */
bool unicode_equals(struct peek *peek, const struct layout *layout, uint64_t object, const char *ascii);

#endif
