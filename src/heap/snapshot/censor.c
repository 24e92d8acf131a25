/* SPDX-License-Identifier: MIT */
#include "heap/snapshot/censor.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/error.h"
#include "heap/snapshot/censor_private.h"
#include "heap/snapshot/scrub.h"

/* Py_TPFLAGS_BYTES_SUBCLASS of Include/object.h, 3.8 - 3.15. */
#define TYPE_BYTES_SUBCLASS (UINT64_C(1) << 27)

/* ---- objects ------------------------------------------------------------------ */

static enum censored look_at_type(struct censor *censor, const struct type *type)
{
	if (type->flags & TYPE_UNICODE_SUBCLASS)
		return CENSOR_STR;
	if (type->flags & TYPE_BYTES_SUBCLASS)
		return CENSOR_BYTES;
	if (type->flags & TYPE_TYPE_SUBCLASS)
		return CENSOR_TYPE;
	CLEANUP(freep) char *name = type_name(censor->python, type);
	return name && strcmp(name, "code") == 0 ? CENSOR_CODE : CENSOR_NOTHING;
}

enum censored censor_kind_of(struct censor *censor, uint32_t type)
{
	if (type >= censor->kind_capacity) {
		size_t capacity = ((size_t)type + 1) * 2;
		uint8_t *kinds = realloc(censor->kinds, capacity);
		if (!kinds) {
			censor->no_memory = true;
			return CENSOR_NOTHING;
		}
		memset(kinds + censor->kind_capacity, CENSOR_UNKNOWN,
		       capacity - censor->kind_capacity);
		censor->kinds = kinds;
		censor->kind_capacity = capacity;
	}
	if (censor->kinds[type] == CENSOR_UNKNOWN)
		censor->kinds[type] =
			(uint8_t)look_at_type(censor, types_get(censor->counter.types, type));
	return censor->kinds[type];
}

static unsigned bits(const uint8_t *bytes, int32_t first_bit, unsigned width)
{
	return bytes[first_bit / 8] >> (first_bit % 8) & ((1u << width) - 1);
}

static bool find_str(const struct layout *layout, const uint8_t *bytes, size_t length,
		     uint64_t address, struct censored_text *text)
{
	if (length < (size_t)SIZEOF(layout, ASCIIObject))
		return false;
	text->interned = bits(bytes, OFFSET(layout, ASCIIObject, state_interned), 2) != 0;
	bool compact = bits(bytes, OFFSET(layout, ASCIIObject, state_compact), 1);
	bool ascii = bits(bytes, OFFSET(layout, ASCIIObject, state_ascii), 1);
	text->width = bits(bytes, OFFSET(layout, ASCIIObject, state_kind), 3);
	text->count = object_word(bytes, (size_t)OFFSET(layout, ASCIIObject, length));
	if (compact)
		text->address = address + (uint64_t)(ascii ? SIZEOF(layout, ASCIIObject)
							   : SIZEOF(layout, CompactUnicodeObject));
	else if (length >= (size_t)OFFSET(layout, UnicodeObject, data) + 8)
		text->address = object_word(bytes, (size_t)OFFSET(layout, UnicodeObject, data));
	else
		return false;
	return text->width == 1 || text->width == 2 || text->width == 4;
}

bool censor_find_text(const struct censor *censor, enum censored kind, const uint8_t *bytes,
		      size_t length, uint64_t address, struct censored_text *ret_text)
{
	const struct layout *layout = &censor->python->layout;
	struct censored_text text = {.object = address, .width = 1};
	if (kind == CENSOR_STR) {
		if (!find_str(layout, bytes, length, address, &text))
			return false;
	} else {
		if (length < (size_t)SIZEOF(layout, VarObject))
			return false;
		text.address = address + (uint64_t)OFFSET(layout, BytesObject, ob_sval);
		text.count = object_word(bytes, (size_t)OFFSET(layout, VarObject, ob_size));
	}
	/* No more than there can be: what is torn says anything. */
	if (text.count == 0 || text.count > UINT64_C(1) << 40)
		return false;
	*ret_text = text;
	return true;
}

static int compare_words(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

bool censor_is_name(const struct censor *censor, const struct censored_text *text)
{
	return text->interned ||
	       (censor->name_count && bsearch(&text->object, censor->names, censor->name_count,
					      sizeof(*censor->names), compare_words));
}

static bool is_address(void *context, uint64_t word)
{
	const struct censor *censor = context;
	return maps_find(target_maps(censor->python->target), word) != NULL;
}

static void scrub(struct censor *censor, uint8_t *bytes, size_t length)
{
	scrub_text(bytes, length, is_address, censor);
}

/* ---- pools -------------------------------------------------------------------- */

static void censor_block(struct censor *censor, uint8_t *block, size_t size, uint64_t address)
{
	struct found_object found;
	struct censored_text text;
	if (!counter_find(&censor->counter, block, size, address, &found)) {
		scrub(censor, block, size);
		return;
	}
	enum censored kind = censor_kind_of(censor, found.type);
	uint64_t object = address + found.prefix;
	if ((kind != CENSOR_STR && kind != CENSOR_BYTES) ||
	    !censor_find_text(censor, kind, block + found.prefix, size - found.prefix, object,
			      &text) ||
	    censor_is_name(censor, &text))
		return;
	/* Text that lies elsewhere is among censor->texts. */
	uint64_t offset = text.address - address;
	if (offset >= size)
		return;
	uint64_t room = (size - offset) / text.width;
	scrub_characters(block + offset, text.count < room ? text.count : room, text.width);
}

/* What no block in use covers holds what was there before. */
static void censor_pool(struct censor *censor, uint8_t *bytes, uint64_t address, uint64_t pool_size)
{
	struct pool pool;
	if (!pool_decode(censor->python, bytes, address, pool_size, &pool)) {
		memset(bytes + POOL_OVERHEAD, 0, pool_size - POOL_OVERHEAD);
		return;
	}
	for (uint32_t i = 0; i < pool.carved; i++) {
		size_t offset = POOL_OVERHEAD + (size_t)i * pool.block_size;
		/* A free block begins with the address of the next. */
		if (pool.free[i / 64] >> i % 64 & 1)
			memset(bytes + offset + 8, 0, pool.block_size - 8);
		else
			censor_block(censor, bytes + offset, pool.block_size, address + offset);
	}
	size_t end = POOL_OVERHEAD + (size_t)pool.carved * pool.block_size;
	memset(bytes + end, 0, pool_size - end);
}

/* ---- pieces -------------------------------------------------------------------- */

static uint64_t censored_end(const struct censored_text *text)
{
	return text->address + text->count * text->width;
}

static void censor_texts(const struct censor *censor, uint64_t address, uint8_t *bytes,
			 size_t length)
{
	size_t low = BISECT(censor->text_count, at, censored_end(&censor->texts[at]) <= address);
	for (; low < censor->text_count && censor->texts[low].address < address + length; low++) {
		const struct censored_text *text = &censor->texts[low];
		uint64_t start = text->address, end = censored_end(text);
		uint64_t from = start < address ? address - start : 0;
		/* Whole characters: one may lie across the edge. */
		from -= from % text->width;
		for (uint64_t at = start + from; at < end && at < address + length;
		     at += text->width)
			for (unsigned i = 0; i < text->width; i++)
				if (at + i >= address && at + i < address + length)
					bytes[at + i - address] = i == 0 ? 'x' : 0;
	}
}

static void censor_all(struct censor *censor, uint64_t address, uint8_t *bytes, size_t length)
{
	uint64_t pool_size = obmalloc_pool_size(censor->python);
	size_t unknown = 0; /* where what is in no pool began */
	for (size_t at = 0; at < length;) {
		uint64_t in_pool = (address + at) % pool_size;
		bool is_pool = in_pool == 0 && length - at >= pool_size &&
			       pool_map_has(&censor->counter.pools, address + at);
		if (!is_pool) {
			uint64_t step = pool_size - in_pool;
			at += step < length - at ? step : length - at;
			continue;
		}
		scrub(censor, bytes + unknown, at - unknown);
		censor_pool(censor, bytes + at, address + at, pool_size);
		at += pool_size;
		unknown = at;
	}
	scrub(censor, bytes + unknown, length - unknown);
	censor_texts(censor, address, bytes, length);
}

/* Kept text in a piece: from `first` on, so many. */
static size_t find_kept(const struct censor *censor, uint64_t address, size_t length,
			size_t *ret_first)
{
	size_t low = BISECT(censor->kept_count, at, censor->kept[at].address < address);
	size_t end;
	/* One that begins before the piece goes on in it: a chance of one in thousands. */
	if (low && censor->kept[low - 1].address + censor->kept[low - 1].length > address)
		low--;
	for (end = low; end < censor->kept_count && censor->kept[end].address < address + length;
	     end++)
		;
	*ret_first = low;
	return end - low;
}

/* Copies what is in the piece between it and `aside`; without one nothing. Returns
 * how much that is. */
static size_t copy_kept(const struct kept_text *kept, size_t count, uint64_t address,
			uint8_t *bytes, size_t length, uint8_t *aside, bool back)
{
	size_t total = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t start = kept[i].address, end = start + kept[i].length;
		start = start > address ? start : address;
		end = end < address + length ? end : address + length;
		if (start >= end)
			continue;
		uint8_t *here = bytes + (start - address);
		if (aside)
			memcpy(back ? here : aside + total, back ? aside + total : here,
			       end - start);
		total += end - start;
	}
	return total;
}

void censor_piece(void *context, uint64_t address, uint8_t *bytes, size_t length)
{
	struct censor *censor = context;
	size_t first, count = find_kept(censor, address, length, &first);
	const struct kept_text *kept = censor->kept + first;
	/* Without memory more goes than should: better than that text stays. */
	CLEANUP(freep) uint8_t *aside =
		malloc(copy_kept(kept, count, address, bytes, length, NULL, false) + 1);
	copy_kept(kept, count, address, bytes, length, aside, false);
	censor_all(censor, address, bytes, length);
	copy_kept(kept, count, address, bytes, length, aside, true);
}

/* ---- the whole ------------------------------------------------------------------ */

void censor_free(struct censor *censor)
{
	if (!censor)
		return;
	counter_fini(&censor->counter);
	arenas_fini(&censor->arenas);
	free(censor->kinds);
	free(censor->names);
	free(censor->texts);
	free(censor->kept);
	free(censor);
}

struct heapspy_error *censor_new(struct python *python, struct censor **ret_censor)
{
	CLEANUP(censor_freep) struct censor *censor = calloc(1, sizeof(*censor));
	if (!censor)
		return error_no_memory();
	censor->python = python;
	enum fault fault = obmalloc_arenas(python, &censor->arenas);
	if (fault != FAULT_NONE)
		return error_from_fault(fault, 0, "cannot read the arenas of pymalloc");
	if (!counter_init(&censor->counter, python, &censor->arenas))
		return error_no_memory();
	fault = censor_learn(censor);
	if (censor->no_memory)
		return error_no_memory();
	if (fault != FAULT_NONE)
		return error_from_fault(fault, 0, "cannot read the heap of %s",
					target_name(python->target));
	*ret_censor = take_pointer(censor);
	return NULL;
}
