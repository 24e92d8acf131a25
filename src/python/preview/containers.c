/* SPDX-License-Identifier: MIT */
/* Previews of containers: their first items, and how many more there are. */
#include "python/preview/private.h"

#include "python/dict.h"

/* What a container is written as: "[" its items "]", or, where it is not opened,
 * "list(14)". */
struct brackets {
	const char *name, *open, *close, *empty;
};

/* False: it is only named, or lies in itself, as repr() shows it. */
static bool open_container(struct preview *preview, const struct subject *subject,
			   const struct brackets *brackets, uint64_t length)
{
	for (unsigned i = 0; i < preview->open_count; i++) {
		if (preview->open[i] != subject->address)
			continue;
		preview_print(preview, "%s...%s", brackets->open, brackets->close);
		return false;
	}
	if (!length) {
		preview_ascii(preview, brackets->empty);
		return false;
	}
	if (subject->depth >= PREVIEW_DEPTH) {
		preview_print(preview, "%s(%llu)", brackets->name, (unsigned long long)length);
		return false;
	}
	preview->open[preview->open_count++] = subject->address;
	preview_ascii(preview, brackets->open);
	return true;
}

static void close_container(struct preview *preview, const struct brackets *brackets,
			    uint64_t shown, uint64_t length)
{
	if (shown < length)
		preview_print(preview, "%s... %llu more", shown ? ", " : "",
			      (unsigned long long)(length - shown));
	preview_ascii(preview, brackets->close);
	preview->open_count--;
}

static void show_items(struct preview *preview, const struct subject *subject,
		       const struct brackets *brackets, uint64_t items, uint64_t length)
{
	if (!open_container(preview, subject, brackets, length))
		return;
	uint64_t shown = 0;
	for (; shown < length && shown < PREVIEW_ITEMS && !preview_is_full(preview); shown++) {
		uint64_t item = preview_word(preview, items + 8 * shown);
		if (peek_take_fault(preview->python->peek) != FAULT_NONE)
			break;
		if (shown)
			preview_ascii(preview, ", ");
		/* 3.14 and later mark references that are not counted in the lowest bits of
		 * frames, not of containers. */
		preview_object(preview, item, subject->depth + 1);
	}
	close_container(preview, brackets, shown, length);
}

/* PyListObject, Include/cpython/listobject.h. */
void preview_list(struct preview *preview, const struct subject *subject)
{
	static const struct brackets brackets = {"list", "[", "]", "[]"};
	uint64_t length = PREVIEW_FIELD(preview, subject->address, VarObject, ob_size);
	uint64_t items = PREVIEW_FIELD(preview, subject->address, ListObject, ob_item);
	show_items(preview, subject, &brackets, items, length);
}

/* PyTupleObject, Include/cpython/tupleobject.h. */
void preview_tuple(struct preview *preview, const struct subject *subject)
{
	static const struct brackets brackets = {"tuple", "(", ")", "()"};
	static const struct brackets single = {"tuple", "(", ",)", "()"};
	uint64_t length = PREVIEW_FIELD(preview, subject->address, VarObject, ob_size);
	uint64_t items =
	    subject->address + (uint64_t)OFFSET(&preview->python->layout, TupleObject, ob_item);
	show_items(preview, subject, length == 1 ? &single : &brackets, items, length);
}

struct entries {
	struct preview *preview;
	unsigned depth;
	uint64_t shown;
};

static bool show_entry(void *context, uint64_t key, uint64_t value)
{
	struct entries *entries = context;
	struct preview *preview = entries->preview;
	if (entries->shown == PREVIEW_ITEMS || preview_is_full(preview))
		return false;
	if (entries->shown++)
		preview_ascii(preview, ", ");
	preview_object(preview, key, entries->depth + 1);
	preview_ascii(preview, ": ");
	preview_object(preview, value, entries->depth + 1);
	return true;
}

void preview_dict(struct preview *preview, const struct subject *subject)
{
	static const struct brackets brackets = {"dict", "{", "}", "{}"};
	/* Of a dict from which much was taken, the first entries are empty. */
	enum { LOOKED_AT = 4096 };
	uint64_t length = PREVIEW_FIELD(preview, subject->address, DictObject, ma_used);
	if (!open_container(preview, subject, &brackets, length))
		return;
	struct entries entries = {preview, subject->depth, 0};
	dict_visit(preview->python->peek, &preview->python->layout, subject->address, LOOKED_AT,
		   show_entry, &entries);
	peek_take_fault(preview->python->peek);
	close_container(preview, &brackets, entries.shown, length);
}

/* PySetObject: a table of keys with their hashes, -1 for what was removed; no hash is
 * -1. Include/cpython/setobject.h. */
void preview_set(struct preview *preview, const struct subject *subject)
{
	static const struct brackets brackets = {"set", "{", "}", "set()"};
	static const struct brackets frozen = {"frozenset", "frozenset({", "})", "frozenset()"};
	enum { LOOKED_AT = 4096 };
	uint64_t length = PREVIEW_FIELD(preview, subject->address, SetObject, used);
	uint64_t mask = PREVIEW_FIELD(preview, subject->address, SetObject, mask);
	uint64_t table = PREVIEW_FIELD(preview, subject->address, SetObject, table);
	bool is_frozen = preview_type_is(preview, subject->type->address, "frozenset");
	const struct brackets *which = is_frozen ? &frozen : &brackets;
	if (!open_container(preview, subject, which, length))
		return;
	uint64_t shown = 0;
	for (uint64_t i = 0; i <= mask && i < LOOKED_AT && shown < PREVIEW_ITEMS; i++) {
		uint64_t key = preview_word(preview, table + 16 * i);
		uint64_t hash = preview_word(preview, table + 16 * i + 8);
		if (peek_take_fault(preview->python->peek) != FAULT_NONE ||
		    preview_is_full(preview))
			break;
		if (!key || hash == UINT64_MAX)
			continue;
		if (shown++)
			preview_ascii(preview, ", ");
		preview_object(preview, key, subject->depth + 1);
	}
	close_container(preview, which, shown, length);
}

/* dequeobject: blocks of a link, 64 items and a link. Modules/_collectionsmodule.c. */
void preview_deque(struct preview *preview, const struct subject *subject)
{
	static const struct brackets brackets = {"deque", "deque([", "])", "deque([])"};
	enum { BLOCK = 64, DATA = 8, RIGHT = DATA + 8 * BLOCK };
	const struct layout *layout = &preview->python->layout;
	uint64_t length = PREVIEW_FIELD(preview, subject->address, VarObject, ob_size);
	if (!HAS(layout, DequeObject, leftblock) || !HAS(layout, DequeObject, leftindex)) {
		preview_print(preview, "deque(%llu)", (unsigned long long)length);
		return;
	}
	uint64_t block = PREVIEW_FIELD(preview, subject->address, DequeObject, leftblock);
	uint64_t index = PREVIEW_FIELD(preview, subject->address, DequeObject, leftindex) % BLOCK;
	if (!open_container(preview, subject, &brackets, length))
		return;
	uint64_t shown = 0;
	for (; shown < length && shown < PREVIEW_ITEMS && !preview_is_full(preview); shown++) {
		uint64_t item = preview_word(preview, block + DATA + 8 * index);
		if (++index == BLOCK) {
			index = 0;
			block = preview_word(preview, block + RIGHT);
		}
		if (peek_take_fault(preview->python->peek) != FAULT_NONE)
			break;
		if (shown)
			preview_ascii(preview, ", ");
		preview_object(preview, item, subject->depth + 1);
	}
	close_container(preview, &brackets, shown, length);
}

/* arrayobject: its descriptor begins with the type code. Modules/arraymodule.c. */
void preview_array(struct preview *preview, const struct subject *subject)
{
	const struct layout *layout = &preview->python->layout;
	uint64_t length = PREVIEW_FIELD(preview, subject->address, VarObject, ob_size);
	uint64_t descriptor = HAS(layout, ArrayObject, ob_descr)
				  ? PREVIEW_FIELD(preview, subject->address, ArrayObject, ob_descr)
				  : 0;
	uint8_t code = descriptor ? peek_u8(preview->python->peek, descriptor) : 0;
	bool known =
	    peek_take_fault(preview->python->peek) == FAULT_NONE && code > ' ' && code < 0x7f;
	preview_print(preview, "array('%c', %llu items)", known ? code : '?',
		      (unsigned long long)length);
}

/* PyMemoryViewObject: behind its buffer a hash, flags and a count of exports, then the
 * Py_buffer: where, whose, how long. Include/cpython/memoryobject.h. */
void preview_memory(struct preview *preview, const struct subject *subject)
{
	enum { OWNER = 40, LENGTH = 48 };
	const struct layout *layout = &preview->python->layout;
	if (!HAS(layout, MemoryViewObject, mbuf)) {
		preview_ascii(preview, "<memory>");
		return;
	}
	uint64_t at = subject->address + (uint64_t)OFFSET(layout, MemoryViewObject, mbuf);
	uint64_t owner = preview_word(preview, at + OWNER),
		 length = preview_word(preview, at + LENGTH);
	bool had = peek_take_fault(preview->python->peek) == FAULT_NONE;
	preview_print(preview, "<memory of %llu bytes", had ? (unsigned long long)length : 0);
	if (had && owner) {
		preview_ascii(preview, " of ");
		preview_object(preview, owner, PREVIEW_DEPTH);
	}
	preview_put(preview, '>');
}
