/* SPDX-License-Identifier: MIT */
/*
 * Objects in the memory of a malloc whose structures are not known: jemalloc, tcmalloc,
 * mimalloc, musl's. Nothing says where its blocks begin or which are in use, so every
 * place where a block may begin is looked at. What was freed has a reference count of
 * zero, or the allocator's own link in its place: an object that realloc() moved away
 * may be counted once more, where it was.
 */
#ifndef HEAP_FOREIGN_WALK_H
#define HEAP_FOREIGN_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "python/obmalloc.h"
#include "target/target.h"

/* Where a block may begin: as much of it as is at hand, no less than what every rule of
 * an object's size looks at where the memory goes on so far. */
typedef void foreign_visitor(void *context, const uint8_t *bytes, size_t length, uint64_t address);

/* Every such place in anonymous memory but in pymalloc's arenas. False: no memory. */
bool foreign_walk(struct target *target, const struct arenas *arenas, foreign_visitor *visit, void *context);

#endif
