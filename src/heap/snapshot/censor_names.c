/* SPDX-License-Identifier: MIT */
/* Before the censor begins: which texts are names, and which lie outside of pools. */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "heap/census/foreign_walk.h"
#include "heap/snapshot/censor_private.h"
#include "native/glibc.h"
#include "python/dict.h"

#define WINDOW (1u << 20)

#define FOREIGN_HEAD 64

static void add_name(struct censor *censor, uint64_t object)
{
	if (ARRAY_RESERVE(censor->names, censor->name_capacity, censor->name_count + 1))
		censor->names[censor->name_count++] = object;
	else
		censor->no_memory = true;
}

static void add_text(struct censor *censor, const struct censored_text *text)
{
	if (ARRAY_RESERVE(censor->texts, censor->text_capacity, censor->text_count + 1))
		censor->texts[censor->text_count++] = *text;
	else
		censor->no_memory = true;
}

static void add_kept(struct censor *censor, uint64_t address, uint64_t length)
{
	if (ARRAY_RESERVE(censor->kept, censor->kept_capacity, censor->kept_count + 1))
		censor->kept[censor->kept_count++] = (struct kept_text){address, length};
	else
		censor->no_memory = true;
}

#define LONGEST_TYPE_NAME 512

static void keep_c_text(struct censor *censor, uint64_t address)
{
	char text[LONGEST_TYPE_NAME];
	peek_string(censor->python->peek, address, text, sizeof(text));
	if (peek_take_fault(censor->python->peek) == FAULT_NONE)
		add_kept(censor, address, strlen(text));
}

/* A field of an object of which `length` bytes are at hand. */
static void add_field(struct censor *censor, const uint8_t *bytes, size_t length, int32_t offset)
{
	if (offset != LAYOUT_NONE && (size_t)offset + 8 <= length)
		add_name(censor, object_word(bytes, (size_t)offset));
}

/* What says where a program is: also the tables of line numbers, and the code. */
static void add_code(struct censor *censor, const uint8_t *bytes, size_t length)
{
	const struct layout *layout = &censor->python->layout;
	const int32_t fields[] = {
		OFFSET(layout, CodeObject, co_filename), OFFSET(layout, CodeObject, co_name),
		OFFSET(layout, CodeObject, co_qualname), OFFSET(layout, CodeObject, co_linetable),
		OFFSET(layout, CodeObject, co_code),
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		add_field(censor, bytes, length, fields[i]);
}

static void add_type(struct censor *censor, const uint8_t *bytes, size_t length)
{
	struct python *python = censor->python;
	const struct layout *layout = &python->layout;
	size_t flags = (size_t)OFFSET(layout, TypeObject, tp_flags);
	if (length < flags + 8 || !(object_word(bytes, flags) & TYPE_HEAPTYPE))
		return;
	add_field(censor, bytes, length, OFFSET(layout, HeapTypeObject, ht_name));
	add_field(censor, bytes, length, OFFSET(layout, HeapTypeObject, ht_qualname));
	size_t name = (size_t)OFFSET(layout, TypeObject, tp_name);
	if (length >= name + 8)
		keep_c_text(censor, object_word(bytes, name));
	size_t dict = (size_t)OFFSET(layout, TypeObject, tp_dict);
	if (length < dict + 8 || !object_word(bytes, dict))
		return;
	uint64_t module = dict_find(python->peek, layout, object_word(bytes, dict), "__module__");
	if (peek_take_fault(python->peek) == FAULT_NONE && module)
		add_name(censor, module);
}

/* Learn what an object says of names; true if it is one that has text. */
static bool look_at(struct censor *censor, const struct found_object *found, const uint8_t *bytes,
		    size_t length, uint64_t address, struct censored_text *ret_text)
{
	enum censored kind = censor_kind_of(censor, found->type);
	switch (kind) {
	case CENSOR_CODE:
		add_code(censor, bytes, length);
		return false;
	case CENSOR_TYPE:
		add_type(censor, bytes, length);
		return false;
	case CENSOR_STR:
	case CENSOR_BYTES:
		return censor_find_text(censor, kind, bytes, length, address, ret_text);
	case CENSOR_UNKNOWN:
	case CENSOR_NOTHING:
		break;
	}
	return false;
}

static void look_at_block(struct censor *censor, const uint8_t *block, size_t size,
			  uint64_t address)
{
	struct found_object found;
	struct censored_text text;
	if (counter_find(&censor->counter, block, size, address, &found) &&
	    look_at(censor, &found, block + found.prefix, size - found.prefix,
		    address + found.prefix, &text) &&
	    text.address - address >= size)
		add_text(censor, &text);
}

/* Of a chunk of malloc nothing is known later: what is an object stays, but for its
 * text. */
static void look_at_chunk(struct censor *censor, const uint8_t *bytes, size_t length,
			  uint64_t address, uint64_t size)
{
	struct found_object found;
	struct censored_text text;
	if (!counter_find(&censor->counter, bytes, length, address, &found))
		return;
	bool has_text = look_at(censor, &found, bytes + found.prefix, length - found.prefix,
				address + found.prefix, &text);
	if (has_text)
		add_text(censor, &text);
	bool is_inside = has_text && text.address - address < size;
	add_kept(censor, address, is_inside ? text.address - address : size);
}

/* ---- going over the heap --------------------------------------------------------- */

static void look_at_pool(struct censor *censor, const uint8_t *bytes, uint64_t address,
			 uint64_t pool_size)
{
	struct pool pool;
	if (!pool_decode(censor->python, bytes, address, pool_size, &pool))
		return;
	for (uint32_t i = 0; i < pool.carved; i++) {
		size_t offset = POOL_OVERHEAD + (size_t)i * pool.block_size;
		if (!(pool.free[i / 64] >> i % 64 & 1))
			look_at_block(censor, bytes + offset, pool.block_size, address + offset);
	}
}

static enum fault look_at_pools(struct censor *censor)
{
	uint64_t pool_size = obmalloc_pool_size(censor->python);
	CLEANUP(freep) uint8_t *buffer = malloc(WINDOW);
	if (!buffer)
		return FAULT_ABSENT;
	for (size_t i = 0; i < censor->arenas.count; i++) {
		const struct arena *arena = &censor->arenas.items[i];
		for (uint64_t at = arena->first; at < arena->carved_end; at += WINDOW) {
			uint64_t left = arena->carved_end - at;
			size_t length = left < WINDOW ? left : WINDOW, covered;
			enum fault fault = target_read_some(censor->python->target, at, buffer,
							    length, &covered);
			if (fault != FAULT_NONE)
				return fault;
			for (size_t offset = 0; offset + pool_size <= length; offset += pool_size)
				look_at_pool(censor, buffer + offset, at + offset, pool_size);
		}
	}
	return FAULT_NONE;
}

static void visit(void *context, const struct glibc_chunk *chunk)
{
	struct censor *censor = context;
	look_at_chunk(censor, chunk->bytes, chunk->length, chunk->address, chunk->size);
	/* The header of the raw domain of the debug hooks may be before that of the object. */
	if (censor->python->hook_bytes && chunk->length > 16)
		look_at_chunk(censor, chunk->bytes + 16, chunk->length - 16, chunk->address + 16,
			      chunk->size - 16);
}

static uint64_t skip_arena(void *context, uint64_t address)
{
	return arenas_end_at(&((struct censor *)context)->arenas, address);
}

/* Where blocks end is not known: of what holds no text the head is enough to be known. */
static void visit_foreign(void *context, const uint8_t *bytes, size_t length, uint64_t address)
{
	look_at_chunk(context, bytes, length, address, FOREIGN_HEAD);
}

static void look_at_chunks(struct censor *censor)
{
	struct peek *peek = censor->python->peek;
	struct glibc glibc = {0};
	struct glibc_totals totals = {0};
	if (glibc_find(peek, &glibc)) {
		glibc_walk(&glibc, peek, visit, censor, &totals);
		glibc_walk_mmapped(&glibc, peek, skip_arena, visit, censor, &totals);
	} else if (!foreign_walk(censor->python->target, &censor->arenas, visit_foreign, censor)) {
		censor->no_memory = true;
	}
	glibc_fini(&glibc);
}

static int compare_words(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

static int compare_kept(const void *a, const void *b)
{
	const struct kept_text *left = a, *right = b;
	return left->address < right->address ? -1 : left->address > right->address;
}

static int compare_texts(const void *a, const void *b)
{
	const struct censored_text *left = a, *right = b;
	return left->address < right->address ? -1 : left->address > right->address;
}

enum fault censor_learn(struct censor *censor)
{
	enum fault fault = look_at_pools(censor);
	if (fault != FAULT_NONE)
		return fault;
	look_at_chunks(censor);
	if (censor->name_count)
		qsort(censor->names, censor->name_count, sizeof(*censor->names), compare_words);
	/* Only now all names are known. */
	size_t count = 0;
	for (size_t i = 0; i < censor->text_count; i++) {
		const struct censored_text *text = &censor->texts[i];
		if (censor_is_name(censor, text))
			add_kept(censor, text->address, text->count * text->width);
		else
			censor->texts[count++] = *text;
	}
	censor->text_count = count;
	if (count)
		qsort(censor->texts, count, sizeof(*censor->texts), compare_texts);
	if (censor->kept_count)
		qsort(censor->kept, censor->kept_count, sizeof(*censor->kept), compare_kept);
	return FAULT_NONE;
}
