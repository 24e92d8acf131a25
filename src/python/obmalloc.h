/* SPDX-License-Identifier: MIT */
/*
 * pymalloc: its arenas, and what a pool says about its blocks.
 * Objects/obmalloc.c, Include/internal/pycore_obmalloc.h, 3.8 - 3.15.
 */
#ifndef PYTHON_OBMALLOC_H
#define PYTHON_OBMALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "python/runtime.h"

/* Where a pool's blocks begin, and how blocks are sized. 16 bytes on 64-bit
 * machines since 3.8. */
#define POOL_OVERHEAD 48
#define POOL_ALIGNMENT 16
#define POOL_CLASSES 32 /* 16, 32, ... 512 bytes */
#define POOL_MAX_SIZE 16384
#define POOL_MAX_BLOCKS ((POOL_MAX_SIZE - POOL_OVERHEAD) / POOL_ALIGNMENT)

/* 4 KiB before the radix tree of 3.10, 16 KiB since. */
uint64_t obmalloc_pool_size(const struct python *python);

struct arena {
	uint64_t mapped;      /* its first byte */
	uint64_t first;       /* its first pool */
	uint64_t carved_end;  /* where pools were never used yet */
	uint64_t end;         /* after its last pool */
	uint32_t free_pools;  /* pools that hold no block, never used ones among them */
	uint32_t total_pools;
};

/* What pymalloc counts itself. UINT64_MAX where its variables cannot be found: in
 * stripped builds up to 3.11. */
struct obmalloc_counters {
	uint64_t arenas_allocated; /* since the start */
	uint64_t arenas_highwater; /* the most there were at once */
	uint64_t large_blocks;     /* blocks handed on to malloc; 3.9+ */
};

struct arenas {
	struct arena *items; /* sorted by address */
	size_t count;
	struct obmalloc_counters counters; /* of all interpreters together */
};

/* All arenas of all interpreters. None (count 0) where pymalloc is not used. */
enum fault obmalloc_arenas(struct python *python, struct arenas *ret_arenas);

void arenas_fini(struct arenas *arenas);

/* The end of the arena that holds the address, 0 if none does. */
uint64_t arenas_end_at(const struct arenas *arenas, uint64_t address);

/* Where the first arena above the address begins, UINT64_MAX if there is none. */
uint64_t arenas_next(const struct arenas *arenas, uint64_t address);

/* Blocks in use and their size, from a copy of the header alone. False when it is no
 * pool in use. */
bool pool_peek(const struct python *python, const uint8_t *header, uint32_t *ret_used,
	       uint32_t *ret_block_size);

/* A pool, decoded from a copy of its bytes. */
struct pool {
	uint32_t block_size;
	uint32_t carved;     /* blocks that were ever given out: the first ones */
	uint32_t used;       /* ref.count */
	bool consistent;     /* carved - free == used */
	uint64_t free[(POOL_MAX_BLOCKS + 63) / 64]; /* bit i: block i is on the free chain */
};

/* False when it is no pool in use: never used, free, or torn beyond belief. */
bool pool_decode(const struct python *python, const uint8_t *bytes, uint64_t address,
		 uint64_t pool_size, struct pool *ret_pool);

#endif
