/* SPDX-License-Identifier: MIT */
/*
 * pymalloc, as sys._debugmallocstats() tells of it, and the C library's malloc.
 * Sizes are bytes.
 */
#ifndef HEAPSPY_ALLOCATOR_H
#define HEAPSPY_ALLOCATOR_H

#include <stddef.h>
#include <stdint.h>

#include <heapspy/api.h>

/* Blocks of one size. */
struct heapspy_size_class {
	uint32_t block;         /* size of a block */
	uint64_t pools;         /* pools that hold at least one */
	uint64_t blocks_in_use;
	uint64_t blocks_free;   /* in those pools */
};

#define HEAPSPY_SIZE_CLASSES 32

/* X(NAME, name in JSON): dead objects kept for the next of their kind. */
#define HEAPSPY_FREE_LISTS(X)                                                                      \
	X(FLOATS, "float")                                                                         \
	X(TUPLES, "tuple")                                                                         \
	X(LISTS_, "list")                                                                          \
	X(DICTS, "dict")                                                                           \
	X(DICT_KEYS, "dict keys")

enum heapspy_free_list {
#define X(name, json_name) HEAPSPY_FREE_##name,
	HEAPSPY_FREE_LISTS(X)
#undef X
	HEAPSPY_FREE_LIST_COUNT
};

/* Static text. */
HEAPSPY_API const char *heapspy_free_list_name(enum heapspy_free_list list);

/* pymalloc. arenas is 0 where it is not in use. */
struct heapspy_allocator {
	uint64_t arenas, arena_size;
	uint64_t arenas_allocated; /* since the start; HEAPSPY_UNKNOWN in stripped builds up to 3.11 */
	uint64_t arenas_highwater; /* the most there were at once; as above */
	uint64_t large_blocks;     /* blocks too large for it, handed on to malloc: with
	                              blocks_in_use what sys.getallocatedblocks() says; 3.9+, as above */
	uint64_t pools, pool_size; /* pools that are in use */
	uint64_t pools_free;
	uint64_t blocks_in_use, bytes_in_use;
	uint64_t bytes_free;         /* free blocks in pools in use */
	uint64_t bytes_pool_headers; /* lost to headers, */
	uint64_t bytes_quantization; /* to what is left behind the last block of a pool, */
	uint64_t bytes_alignment;    /* and to arenas that are not aligned to pools */
	uint64_t raw_blocks, raw_bytes; /* of those in use, blocks that hold no object: keys of
	                                   dicts, items of lists, and the like */
	uint64_t sparse_arenas; /* less than a tenth in use, and so kept from going back */
	uint64_t sparse_bytes;  /* what they hold */
	uint64_t free_lists[HEAPSPY_FREE_LIST_COUNT]; /* HEAPSPY_UNKNOWN for 3.8 and 3.9 */
	struct heapspy_size_class classes[HEAPSPY_SIZE_CLASSES];
};

/* The malloc of the program. Of glibc's the figures are as mallinfo2() counts; of others
 * no more than the name is known, and the account has one number for them. */
struct heapspy_malloc {
	const char *name; /* "glibc", "jemalloc", "tcmalloc", "mimalloc", "musl": static text; NULL
	                     where it is not known */
	uint64_t arenas;  /* 0: it is not glibc's, or was not found */
	uint64_t bytes_in_use, bytes_free;
	uint64_t mmapped; /* bytes of blocks with mappings of their own; not in bytes_in_use */
};

#endif
