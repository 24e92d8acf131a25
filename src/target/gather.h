/* SPDX-License-Identifier: MIT */
/*
 * Many small reads put off, then done together: sorted by address, neighbours
 * in one piece, pieces in few system calls. What costs a microsecond alone costs
 * a tenth of one here.
 */
#ifndef TARGET_GATHER_H
#define TARGET_GATHER_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/fault.h"

struct target;
struct gather;

/* Called for each read with its bytes, or with the fault and zeros. */
typedef void gather_function(void *context, uint64_t cookie, const uint8_t *bytes, enum fault fault);

/* All reads of a gather have the same length, at most 256 bytes. NULL without
 * memory. The target must outlive it. */
struct gather *gather_new(struct target *target, size_t length, gather_function *function, void *context);
void gather_free(struct gather *gather);
DEFINE_CLEANUP(struct gather *, gather_free)

/* Put off a read. Now and then this does those that are waiting. */
void gather_add(struct gather *gather, uint64_t address, uint64_t cookie);

/* Do all that are waiting. */
void gather_flush(struct gather *gather);

#endif
