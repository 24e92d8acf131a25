/* SPDX-License-Identifier: MIT */
/*
 * What memory of an allocator holds, told so far that things made in different places can
 * often be told from one another: the size of a block or chunk, and for the small blocks of
 * pymalloc the type of the object in it.
 */
#ifndef HEAP_RECORD_CONTENTS_H
#define HEAP_RECORD_CONTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "native/glibc.h"
#include "python/obmalloc.h"

struct content {
	uint32_t size; /* of the block or chunk, as it was given out; the largest for all beyond */
	uint64_t type; /* address of a Python type; 0: none was seen */
};

static inline bool content_equals(const struct content *a, const struct content *b)
{
	return a->size == b->size && a->type == b->type;
}

/* A place in memory that is in use. */
struct content_place {
	struct content content;
	bool moves;      /* the collector writes there */
	uint64_t word;   /* at the place: the 8 bytes that hold it */
};

/* Of a block of pymalloc's. False: it is not in use. */
bool contents_of_block(struct python *python, uint64_t address, struct content_place *ret_place);

/* Of a chunk of malloc's, one of those that begin at `boundary`, before the top of its
 * heap. False: it is not in use. */
bool contents_of_chunk(struct peek *peek, uint64_t boundary, uint64_t top, uint64_t address,
		       struct content_place *ret_place);

/* Whose place it is that was touched for the first time, when it was given out: the
 * allocators themselves do so, at the end of what they give. *ret_address: a place in it
 * that only changes when it is given back, or by whoever has it. False: nobody's. */
bool contents_touched_block(struct python *python, uint64_t address, uint64_t random,
			    uint64_t *ret_address);
bool contents_touched_chunk(struct peek *peek, uint64_t boundary, uint64_t top, uint64_t address,
			    uint64_t *ret_address);

/* Everything in use in some pools of an arena, drawn by lot, or in all chunks between two
 * boundaries. Weights are bytes. */
typedef void contents_visitor(void *context, const struct content *content, uint64_t weight);
void contents_visit_arena(struct python *python, const struct arena *arena, uint64_t random,
			  contents_visitor *visit, void *context);

/* Returns where it came to: `end`, unless there is something strange. */
uint64_t contents_visit_chunks(struct peek *peek, uint64_t boundary, uint64_t end,
			       contents_visitor *visit, void *context);

#endif
