/* SPDX-License-Identifier: MIT */
#include "heap/record/growth/contents.h"

#include <string.h>

/* Chunks that are walked over at once. */
enum { MOST_CHUNKS = 65536 };

/* Of an arena so many pools are looked at, and so many blocks of each. */
enum { POOLS = 16, BLOCKS = 8 };

#define SIZE_MASK (~UINT64_C(7))
#define PREV_INUSE 1

static bool is_type(struct python *python, uint64_t address)
{
	const struct layout *layout = &python->layout;
	struct peek *peek = python->peek;
	if (address < 4096 || address % 8 || address >> 47)
		return false;
	uint64_t type = peek_u64(peek, address + (uint64_t)OFFSET(layout, Object, ob_type));
	bool is_one = type == python->type_type;
	for (int i = 0; i < 3 && !is_one && type >= 4096 && type % 8 == 0 && !(type >> 47); i++) {
		type = peek_u64(peek, type + (uint64_t)OFFSET(layout, Object, ob_type));
		is_one = type == python->type_type;
	}
	return peek_take_fault(peek) == FAULT_NONE && is_one;
}

/* The type is the second word of an object, and PyGC_Head the two words before one. */
static struct content content_of(struct python *python, const uint8_t *block, uint32_t size,
				 bool *ret_tracked)
{
	uint64_t words[4] = {0};
	struct content content = {.size = size};
	memcpy(words, block, size < sizeof(words) ? size : sizeof(words));
	*ret_tracked = false;
	if (is_type(python, words[1])) {
		content.type = words[1];
	} else if (size >= 32 && is_type(python, words[3])) {
		content.type = words[3];
		*ret_tracked = true;
	}
	return content;
}

static bool is_free(const struct pool *pool, uint64_t block)
{
	return block >= pool->carved || pool->free[block / 64] >> block % 64 & 1;
}

/* The pool that holds an address. */
static bool read_pool(struct python *python, uint64_t address, uint8_t bytes[POOL_MAX_SIZE],
		      uint64_t *ret_address, struct pool *ret_pool)
{
	uint64_t size = obmalloc_pool_size(python);
	*ret_address = address & ~(size - 1);
	return target_read(peek_target(python->peek), *ret_address, bytes, size) == FAULT_NONE &&
	       pool_decode(python, bytes, *ret_address, size, ret_pool);
}

bool contents_of_block(struct python *python, uint64_t address, struct content_place *ret_place)
{
	uint8_t bytes[POOL_MAX_SIZE];
	uint64_t pool_address;
	struct pool pool;
	bool tracked;
	if (!read_pool(python, address, bytes, &pool_address, &pool))
		return false;
	uint64_t offset = address - pool_address - POOL_OVERHEAD;
	uint64_t block = offset / pool.block_size, within = offset % pool.block_size;
	if (is_free(&pool, block))
		return false;
	const uint8_t *start = bytes + POOL_OVERHEAD + block * pool.block_size;
	struct content_place place = {
		.content = content_of(python, start, pool.block_size, &tracked)};
	memcpy(&place.word, bytes + (address - pool_address), sizeof(place.word));
	place.moves = tracked && within < 16;
	*ret_place = place;
	return true;
}

static uint32_t bounded(uint64_t size)
{
	return size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
}

/* 0: there is no chunk. */
static uint64_t chunk_size(struct peek *peek, uint64_t chunk)
{
	uint64_t size = peek_u64(peek, chunk + 8) & SIZE_MASK;
	return peek_take_fault(peek) == FAULT_NONE && size >= 32 && size % 16 == 0 ? size : 0;
}

bool contents_of_chunk(struct peek *peek, uint64_t boundary, uint64_t top, uint64_t address,
		       struct content_place *ret_place)
{
	uint64_t chunk = boundary;
	for (unsigned i = 0; i < MOST_CHUNKS && chunk < top; i++) {
		uint64_t size = chunk_size(peek, chunk);
		if (!size)
			return false;
		uint64_t next = chunk + size;
		if (address < next + 8) {
			bool used = peek_u64(peek, next + 8) & PREV_INUSE;
			*ret_place = (struct content_place){
				.content = {.size = bounded(size)},
				.word = address == chunk + 8 ? size : peek_u64(peek, address)};
			return peek_take_fault(peek) == FAULT_NONE && used;
		}
		chunk = next;
	}
	return false;
}

/* The last free block of a pool is given out with the one behind it made free: its first
 * word is written then. Objects/obmalloc.c, pymalloc_pool_extend(). */
bool contents_touched_block(struct python *python, uint64_t address, uint64_t random,
			    uint64_t *ret_address)
{
	uint8_t bytes[POOL_MAX_SIZE];
	uint64_t pool_address;
	struct pool pool;
	if (!read_pool(python, address, bytes, &pool_address, &pool))
		return false;
	uint64_t first = pool_address + POOL_OVERHEAD;
	uint64_t offset = address < first ? 0 : address - first;
	uint64_t block = offset / pool.block_size;
	bool ahead = block && offset % pool.block_size < sizeof(uint64_t);
	block -= ahead;
	if (is_free(&pool, block))
		return false;
	bool tracked;
	const uint8_t *start = bytes + POOL_OVERHEAD + block * pool.block_size;
	content_of(python, start, pool.block_size, &tracked);
	/* Reference counts change, and what the collector has. */
	uint64_t words = pool.block_size / 8, header = tracked ? 4 : 2;
	if (header >= words)
		header = words - 1;
	*ret_address = first + block * pool.block_size + 8 * (header + random % (words - header));
	return true;
}

/* What remains behind a chunk that is given out gets its own size. */
bool contents_touched_chunk(struct peek *peek, uint64_t boundary, uint64_t top, uint64_t address,
			    uint64_t *ret_address)
{
	uint64_t chunk = boundary;
	for (unsigned i = 0; i < MOST_CHUNKS && chunk < top && address > chunk + 8; i++) {
		uint64_t size = chunk_size(peek, chunk);
		if (!size)
			return false;
		uint64_t next = chunk + size;
		if (address < next + 16) {
			bool inside = address >= chunk + 16 && address < next + 8;
			*ret_address = inside ? address & ~UINT64_C(7) : chunk + 8;
			return true;
		}
		chunk = next;
	}
	return false;
}

uint64_t contents_visit_chunks(struct peek *peek, uint64_t boundary, uint64_t end,
			       contents_visitor *visit, void *context)
{
	uint64_t chunk = boundary;
	for (unsigned i = 0; i < MOST_CHUNKS && chunk < end; i++) {
		uint64_t size = chunk_size(peek, chunk);
		if (!size || size > end - chunk)
			break;
		uint64_t after = peek_u64(peek, chunk + size + 8);
		if (peek_take_fault(peek) != FAULT_NONE)
			break;
		struct content content = {.size = bounded(size)};
		if (after & PREV_INUSE)
			visit(context, &content, size);
		chunk += size;
	}
	return chunk;
}

static void visit_pool(struct python *python, const uint8_t *bytes, uint64_t address, uint64_t size,
		       uint64_t random, contents_visitor *visit, void *context)
{
	struct pool pool;
	uint64_t used[BLOCKS];
	size_t count = 0;
	if (!pool_decode(python, bytes, address, size, &pool) || pool.carved == 0)
		return;
	for (unsigned i = 0; i < 2 * BLOCKS && count < BLOCKS; i++) {
		uint64_t block = (random + i * UINT64_C(0x9e3779b97f4a7c15) / 64 % pool.carved) %
				 pool.carved;
		if (!is_free(&pool, block))
			used[count++] = block;
	}
	for (size_t i = 0; i < count; i++) {
		bool tracked;
		const uint8_t *start = bytes + POOL_OVERHEAD + used[i] * pool.block_size;
		struct content content = content_of(python, start, pool.block_size, &tracked);
		visit(context, &content, (uint64_t)pool.used * pool.block_size / count);
	}
}

void contents_visit_arena(struct python *python, const struct arena *arena, uint64_t random,
			  contents_visitor *visit, void *context)
{
	uint64_t pool_size = obmalloc_pool_size(python);
	uint64_t pools = (arena->carved_end - arena->first) / pool_size;
	uint8_t bytes[POOL_MAX_SIZE];
	for (uint64_t i = 0; i < POOLS && i < pools; i++) {
		/* As far apart from one another as they can be. */
		uint64_t at = pools <= POOLS ? i : (random % pools + i * pools / POOLS) % pools;
		uint64_t address = arena->first + at * pool_size;
		if (target_read(python->target, address, bytes, pool_size) == FAULT_NONE)
			visit_pool(python, bytes, address, pool_size, random >> 8, visit, context);
	}
}
