/* SPDX-License-Identifier: MIT */
/*
 * The heap of glibc's malloc: where its pieces lie, and every chunk in them.
 *
 * Found without symbols: the bins of the main arena are a long run of pairs that
 * point at themselves or at chunks that point back. malloc/malloc.c and
 * malloc/arena.c of glibc 2.27 - 2.43, x86-64.
 */
#ifndef NATIVE_GLIBC_H
#define NATIVE_GLIBC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "target/peek.h"

/* Heaps of thread arenas are aligned to this: HEAP_MAX_SIZE of malloc/arena.c. */
#define GLIBC_HEAP_MAX_SIZE (UINT64_C(64) << 20)

/* Chunks lie one behind the other from `start` to `end`. */
struct glibc_segment {
	uint64_t start, end;
};

struct glibc {
	struct glibc_segment *segments; /* of all arenas, without the free top of each */
	size_t segment_count;
	struct glibc_segment *mmapped; /* chunks with mappings of their own, once walked */
	size_t mmapped_count;
	size_t arena_count;
	uint64_t top_bytes;  /* the free tops */
	uint64_t fast_bytes; /* chunks in fastbins: free, though they look in use */
};

/* False where the target has no glibc heap, or one that cannot be found. */
bool glibc_find(struct peek *peek, struct glibc *ret_glibc);
void glibc_fini(struct glibc *glibc);

/* A chunk in use: what malloc() returned, its usable size, and the first bytes of
 * it. At least 1536 of them are at hand where the chunk is so large. */
struct glibc_chunk {
	uint64_t address;
	uint64_t size;
	const uint8_t *bytes;
	size_t length;
};
typedef void glibc_visitor(void *context, const struct glibc_chunk *chunk);

/* As mallinfo2() counts: bytes with headers, what the thread caches hold is in use. */
struct glibc_totals {
	uint64_t in_use, free;
	uint64_t chunks;       /* in use */
	uint64_t mmapped;      /* bytes of chunks with a mapping of their own */
	uint64_t mmapped_chunks;
	uint64_t wanted, covered; /* bytes to be read, and read */
	bool damaged;          /* a walk did not come to the end of its segment */
};

/* Every chunk of the segments. */
void glibc_walk(const struct glibc *glibc, struct peek *peek, glibc_visitor *visit, void *context,
		struct glibc_totals *totals);

/* Chunks with mappings of their own. `skip` may be NULL; it returns the end of
 * what is known to be something else at an address, or 0. */
typedef uint64_t glibc_skip(void *context, uint64_t address);
void glibc_walk_mmapped(struct glibc *glibc, struct peek *peek, glibc_skip *skip, glibc_visitor *visit, void *context,
			struct glibc_totals *totals);

/* Where malloc counts what it has from the kernel, in bytes. */
struct glibc_counters {
	uint64_t main;    /* address of main_arena */
	uint64_t system;  /* of main_arena.system_mem: the heap that brk() made */
	uint64_t mmapped; /* of mp_.mmapped_mem: chunks with mappings of their own; 0: not found */
	unsigned next_offset, system_offset, top_offset; /* in every arena */
};

/* False where the target has no glibc heap, or one that cannot be found. */
bool glibc_find_counters(struct peek *peek, struct glibc_counters *ret_counters);

/* Sizes of the arenas of threads, in the order of the ring. Returns how many there are,
 * `max` at most. */
struct glibc_arena {
	uint64_t address, system;
};
size_t glibc_list_arenas(const struct glibc_counters *counters, struct peek *peek,
			 struct glibc_arena *arenas, size_t max);

/* Bytes of a chunk of malloc's that has the mapping at this page to itself; 0: it is none. */
uint64_t glibc_mmapped_size(struct peek *peek, uint64_t page, uint64_t end);

#endif
