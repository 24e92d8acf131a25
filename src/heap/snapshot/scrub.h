/* SPDX-License-Identifier: MIT */
/* Text in memory of which nothing is known, made unreadable. */
#ifndef HEAP_SCRUB_H
#define HEAP_SCRUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many characters in a row are text. Fewer may be a number or a pointer: of
 * those at least two of eight bytes are zeros. */
enum { SCRUB_LEAST = 8 };

typedef bool scrub_is_address(void *context, uint64_t word);

/* Each run of printable ASCII characters of one, two or four bytes each becomes a
 * run of x of the same length. `bytes` is of an address that eight divides. The last
 * few bytes of a run stay if with those behind them they are an address, or a number
 * below 2^32, such as the size of the next chunk of malloc. */
void scrub_text(uint8_t *bytes, size_t length, scrub_is_address *is_address, void *context);

/* `count` characters of `width` bytes each become x. */
void scrub_characters(uint8_t *bytes, size_t count, unsigned width);

#endif
