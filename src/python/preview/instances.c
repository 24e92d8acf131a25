/* SPDX-License-Identifier: MIT */
/* Previews of instances by their attributes, and of what a program is made of:
 * functions, modules, types, code. */
#include "python/preview/private.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "python/attribute.h"
#include "python/unicode.h"

/* ---- attributes ---------------------------------------------------------------------- */

struct listing {
	struct preview *preview;
	unsigned shown;
};

/* The text of a str: names are no values. False: it is none. */
static bool put_str(struct preview *preview, uint64_t address)
{
	struct python *python = preview->python;
	uint64_t type = PREVIEW_FIELD(preview, address, Object, ob_type);
	uint64_t flags = PREVIEW_FIELD(preview, type, TypeObject, tp_flags);
	uint32_t points[128];
	size_t count = 0;
	uint64_t length;
	bool is_str = address && flags & TYPE_UNICODE_SUBCLASS &&
		      unicode_points(python->peek, &python->layout, address, points,
				     sizeof(points) / sizeof(*points), &count, &length);
	if (peek_take_fault(python->peek) != FAULT_NONE || !is_str)
		return false;
	for (size_t i = 0; i < count; i++)
		preview_put(preview, points[i]);
	return true;
}

/* Containers among attributes are told by their lengths. */
static void put_value(struct preview *preview, uint64_t value)
{
	preview_put(preview, '=');
	preview_object(preview, value, PREVIEW_DEPTH);
}

static bool begin_attribute(struct listing *listing)
{
	if (listing->shown == PREVIEW_ATTRIBUTES || preview_is_full(listing->preview)) {
		listing->preview->cut = true;
		return false;
	}
	if (listing->shown++)
		preview_put(listing->preview, ' ');
	return true;
}

static bool show_attribute(void *context, uint64_t key, uint64_t value)
{
	struct listing *listing = context;
	if (!begin_attribute(listing))
		return false;
	if (!put_str(listing->preview, key))
		preview_put(listing->preview, '?');
	put_value(listing->preview, value);
	return true;
}

/* struct PyMemberDef, Include/descrobject.h: a name, a kind, an offset, flags and a
 * text. Kinds of objects are T_OBJECT and T_OBJECT_EX. Slots are such members. */
enum { MEMBER_BYTES = 40, MEMBER_KIND = 8, MEMBER_OFFSET = 16, T_OBJECT = 6, T_OBJECT_EX = 16 };
enum { MOST_MEMBERS = 64, MOST_BASES = 64 };

static bool show_member(struct listing *listing, const struct subject *subject, uint64_t member)
{
	struct preview *preview = listing->preview;
	struct peek *peek = preview->python->peek;
	char name[64];
	uint32_t kind = peek_u32(peek, member + MEMBER_KIND);
	uint64_t offset = preview_word(preview, member + MEMBER_OFFSET);
	peek_string(peek, preview_word(preview, member), name, sizeof(name));
	bool inside = offset >= 16 && offset + 8 <= (uint64_t)subject->type->basicsize;
	if (peek_take_fault(peek) != FAULT_NONE || !inside ||
	    (kind != T_OBJECT && kind != T_OBJECT_EX))
		return true;
	uint64_t value = preview_word(preview, subject->address + offset);
	if (peek_take_fault(peek) != FAULT_NONE || !value)
		return true;
	if (!begin_attribute(listing))
		return false;
	CLEANUP(freep) char *safe = text_from_bytes(name, strlen(name));
	preview_name(preview, safe ?: "?");
	put_value(preview, value);
	return true;
}

static void show_members(struct listing *listing, const struct subject *subject)
{
	struct preview *preview = listing->preview;
	struct peek *peek = preview->python->peek;
	uint64_t type = subject->type->address;
	for (unsigned i = 0; type && i < MOST_BASES; i++) {
		uint64_t member = PREVIEW_FIELD(preview, type, TypeObject, tp_members);
		for (unsigned j = 0; member && j < MOST_MEMBERS; j++, member += MEMBER_BYTES) {
			uint64_t name = preview_word(preview, member);
			if (peek_take_fault(peek) != FAULT_NONE || !name)
				break;
			if (!show_member(listing, subject, member))
				return;
		}
		type = PREVIEW_FIELD(preview, type, TypeObject, tp_base);
		if (peek_take_fault(peek) != FAULT_NONE)
			return;
	}
}

bool preview_attributes(struct preview *preview, const struct subject *subject)
{
	struct listing listing = {preview, 0};
	attribute_visit(preview->python, subject->address, 4 * PREVIEW_ATTRIBUTES, show_attribute,
			&listing);
	peek_take_fault(preview->python->peek);
	show_members(&listing, subject);
	return listing.shown > 0;
}

/* ---- code ---------------------------------------------------------------------------- */

/* " at cache.py:88", of a code object. */
static void put_place(struct preview *preview, uint64_t code)
{
	struct python *python = preview->python;
	CLEANUP(freep)
	char *file = unicode_read(python->peek, &python->layout,
				  PREVIEW_FIELD(preview, code, CodeObject, co_filename));
	int32_t line = peek_i32(
	    python->peek, code + (uint64_t)OFFSET(&python->layout, CodeObject, co_firstlineno));
	if (peek_take_fault(python->peek) != FAULT_NONE || !file)
		return;
	const char *slash = strrchr(file, '/');
	preview_ascii(preview, " at ");
	preview_name(preview, slash ? slash + 1 : file);
	preview_print(preview, ":%d", line);
}

static void put_code_name(struct preview *preview, uint64_t code)
{
	const struct layout *layout = &preview->python->layout;
	uint64_t name = HAS(layout, CodeObject, co_qualname)
			    ? PREVIEW_FIELD(preview, code, CodeObject, co_qualname)
			    : 0;
	if (!name)
		name = PREVIEW_FIELD(preview, code, CodeObject, co_name);
	if (!put_str(preview, name))
		preview_put(preview, '?');
}

/* repr() of a code object has co_name, Objects/codeobject.c. */
void preview_code(struct preview *preview, const struct subject *subject)
{
	preview_ascii(preview, "<code object ");
	if (!put_str(preview, PREVIEW_FIELD(preview, subject->address, CodeObject, co_name)))
		preview_put(preview, '?');
	put_place(preview, subject->address);
	preview_put(preview, '>');
}

static bool is_code(struct preview *preview, uint64_t address)
{
	uint64_t type = address ? PREVIEW_FIELD(preview, address, Object, ob_type) : 0;
	if (peek_take_fault(preview->python->peek) != FAULT_NONE || !type)
		return false;
	return preview_type_is(preview, type, "code");
}

/* PyFunctionObject, Include/cpython/funcobject.h: code first and the names behind the
 * rest up to 3.9, from 3.10 on the names before the code. */
void preview_function(struct preview *preview, const struct subject *subject)
{
	bool new_order = python_since(preview->python, PYTHON_VERSION(3, 10));
	uint64_t fields = subject->address + (uint64_t)SIZEOF(&preview->python->layout, Object);
	uint64_t qualname = preview_word(preview, fields + (new_order ? 24 : 88));
	uint64_t code = preview_word(preview, fields + (new_order ? 32 : 0));
	bool has_code = is_code(preview, code);
	preview_ascii(preview, "<function ");
	if (!put_str(preview, qualname)) {
		if (has_code)
			put_code_name(preview, code);
		else
			preview_put(preview, '?');
	}
	if (has_code)
		put_place(preview, code);
	preview_put(preview, '>');
}

/* What runs it is in one of its words: gi_code up to 3.11, the frame's executable from
 * then on, which 3.14 tags in the lowest bits; of a frame, behind a pointer from 3.11 on. */
static uint64_t find_code(struct preview *preview, uint64_t address, uint64_t size)
{
	enum { MOST_WORDS = 24 };
	for (uint64_t at = 16; at + 8 <= size && at < 8 * MOST_WORDS; at += 8) {
		uint64_t word = preview_word(preview, address + at) & ~UINT64_C(7);
		if (peek_take_fault(preview->python->peek) != FAULT_NONE)
			return 0;
		if (word && is_code(preview, word))
			return word;
	}
	return 0;
}

void preview_generator(struct preview *preview, const struct subject *subject)
{
	const struct layout *layout = &preview->python->layout;
	CLEANUP(freep) char *name = type_name(preview->python, subject->type);
	uint64_t code = 0;
	if (HAS(layout, FrameObject, f_frame) &&
	    preview_type_is(preview, subject->type->address, "frame"))
		code = PREVIEW_FIELD(preview,
				     PREVIEW_FIELD(preview, subject->address, FrameObject, f_frame),
				     InterpreterFrame, f_code) &
		       ~UINT64_C(7);
	if (!is_code(preview, code))
		code =
		    find_code(preview, subject->address, (uint64_t)subject->type->basicsize + 64);
	preview_put(preview, '<');
	preview_name(preview, name ?: "?");
	if (code) {
		preview_ascii(preview, " object ");
		put_code_name(preview, code);
		put_place(preview, code);
	}
	preview_put(preview, '>');
}

/* PyCFunctionObject: m_ml, whose first word is its name, and m_self.
 * Include/cpython/methodobject.h. */
void preview_builtin(struct preview *preview, const struct subject *subject)
{
	struct peek *peek = preview->python->peek;
	uint64_t fields = subject->address + (uint64_t)SIZEOF(&preview->python->layout, Object);
	char name[64];
	peek_string(peek, preview_word(preview, preview_word(preview, fields)), name, sizeof(name));
	CLEANUP(freep)
	char *safe =
	    peek_take_fault(peek) == FAULT_NONE ? text_from_bytes(name, strlen(name)) : NULL;
	preview_ascii(preview, "<built-in ");
	preview_name(preview, safe ?: "?");
	preview_put(preview, '>');
}

/* PyMethodObject: im_func and im_self, Include/cpython/classobject.h. */
void preview_method(struct preview *preview, const struct subject *subject)
{
	uint64_t fields = subject->address + (uint64_t)SIZEOF(&preview->python->layout, Object);
	uint64_t function = preview_word(preview, fields), self = preview_word(preview, fields + 8);
	peek_take_fault(preview->python->peek);
	preview_ascii(preview, "<bound method ");
	preview_object(preview, function, PREVIEW_DEPTH);
	preview_ascii(preview, " of ");
	preview_object(preview, self, PREVIEW_DEPTH);
	preview_put(preview, '>');
}

/* ---- the rest -------------------------------------------------------------------------- */

void preview_module(struct preview *preview, const struct subject *subject)
{
	uint64_t name = attribute_find(preview->python, subject->address, "__name__");
	if (!name && HAS(&preview->python->layout, ModuleObject, md_name))
		name = PREVIEW_FIELD(preview, subject->address, ModuleObject, md_name);
	peek_take_fault(preview->python->peek);
	preview_ascii(preview, "<module '");
	if (!put_str(preview, name))
		preview_put(preview, '?');
	preview_ascii(preview, "'>");
}

void preview_type(struct preview *preview, const struct subject *subject)
{
	uint32_t number = types_find(preview->types, subject->address);
	if (number == TYPES_NONE) {
		preview_ascii(preview, "<class ?>");
		return;
	}
	CLEANUP(freep) char *name = type_name(preview->python, types_get(preview->types, number));
	preview_ascii(preview, "<class '");
	preview_name(preview, name ?: "?");
	preview_ascii(preview, "'>");
}

/* PyCellObject: what it holds, Include/cpython/cellobject.h. */
void preview_cell(struct preview *preview, const struct subject *subject)
{
	uint64_t held = preview_word(
	    preview, subject->address + (uint64_t)SIZEOF(&preview->python->layout, Object));
	preview_ascii(preview, "<cell: ");
	if (held)
		preview_object(preview, held, PREVIEW_DEPTH);
	else
		preview_ascii(preview, "empty");
	preview_put(preview, '>');
}

void preview_weakref(struct preview *preview, const struct subject *subject)
{
	const struct layout *layout = &preview->python->layout;
	uint64_t to = HAS(layout, WeakReference, wr_object)
			  ? PREVIEW_FIELD(preview, subject->address, WeakReference, wr_object)
			  : 0;
	uint64_t type = to ? PREVIEW_FIELD(preview, to, Object, ob_type) : 0;
	bool dead = peek_take_fault(preview->python->peek) != FAULT_NONE || !type ||
		    preview_type_is(preview, type, "NoneType");
	preview_ascii(preview, "<weakref; ");
	if (dead)
		preview_ascii(preview, "dead");
	else
		preview_object(preview, to, PREVIEW_DEPTH);
	preview_put(preview, '>');
}

/* PyBaseExceptionObject: its dict and args, Include/cpython/pyerrors.h. */
void preview_exception(struct preview *preview, const struct subject *subject)
{
	uint64_t at = subject->address + (uint64_t)SIZEOF(&preview->python->layout, Object) + 8;
	uint64_t args = preview_word(preview, at);
	CLEANUP(freep) char *name = type_name(preview->python, subject->type);
	peek_take_fault(preview->python->peek);
	const char *dot = name ? strrchr(name, '.') : NULL;
	preview_name(preview, dot ? dot + 1 : name ?: "?");
	preview_object(preview, args, 1);
}
