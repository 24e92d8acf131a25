/* SPDX-License-Identifier: MIT */
/* What the kinds of previews share. */
#ifndef PYTHON_PREVIEW_PRIVATE_H
#define PYTHON_PREVIEW_PRIVATE_H

#include "python/preview/preview.h"

enum {
	PREVIEW_DEPTH = 2,    /* containers within containers that are opened */
	PREVIEW_ITEMS = 8,    /* of one container */
	PREVIEW_ATTRIBUTES = 16,
	PREVIEW_OBJECTS = 64, /* looked at for one preview */
	PREVIEW_NESTED_TEXT = 40,
};

struct preview {
	struct python *python;
	struct types *types;
	bool without_text;
	uint32_t *points; /* what there is so far */
	size_t count, most;
	bool cut;         /* there was more */
	unsigned objects; /* looked at */
	uint64_t open[PREVIEW_DEPTH + 1]; /* containers that this is in */
	unsigned open_count;
};

/* One object, and how deep it lies. */
struct subject {
	uint64_t address;
	const struct type *type;
	unsigned depth;
};

static inline bool preview_is_full(const struct preview *preview)
{
	return preview->count >= preview->most || preview->objects >= PREVIEW_OBJECTS;
}

/* ---- text ------------------------------------------------------------------------- */

void preview_put(struct preview *preview, uint32_t point);
void preview_ascii(struct preview *preview, const char *text);
void preview_print(struct preview *preview, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Sanitised UTF-8, as names are. */
void preview_name(struct preview *preview, const char *text);

/* Between quotes, with the escapes of Python. `kind` bytes a code point; of bytes
 * objects all above 0x7e is escaped, too. */
void preview_quote(struct preview *preview, const void *data, size_t count, unsigned kind,
		   bool of_bytes);

/* As repr() prints a float: the shortest text that is this number again; without the
 * ".0" of whole numbers for parts of a complex. */
void preview_float(struct preview *preview, double value, bool whole_has_point);

/* ---- objects ------------------------------------------------------------------------- */

/* An object inside of another. */
void preview_object(struct preview *preview, uint64_t address, unsigned depth);

/* "key=1 value=dict(14)": attributes and slots of an instance, of members of C types
 * those that are objects. False: there are none. */
bool preview_attributes(struct preview *preview, const struct subject *subject);

/* Is this the type of that name, of CPython's own? Leaves no fault. */
bool preview_type_is(struct preview *preview, uint64_t type, const char *name);

/* Types of their own; each says where its structure is from. */
void preview_str(struct preview *preview, const struct subject *subject);
void preview_bytes(struct preview *preview, const struct subject *subject);
void preview_bytearray(struct preview *preview, const struct subject *subject);
void preview_int(struct preview *preview, const struct subject *subject);
void preview_bool(struct preview *preview, const struct subject *subject);
void preview_float_object(struct preview *preview, const struct subject *subject);
void preview_complex(struct preview *preview, const struct subject *subject);
void preview_list(struct preview *preview, const struct subject *subject);
void preview_tuple(struct preview *preview, const struct subject *subject);
void preview_dict(struct preview *preview, const struct subject *subject);
void preview_set(struct preview *preview, const struct subject *subject);
void preview_array(struct preview *preview, const struct subject *subject);
void preview_memory(struct preview *preview, const struct subject *subject);
void preview_deque(struct preview *preview, const struct subject *subject);
void preview_function(struct preview *preview, const struct subject *subject);
void preview_builtin(struct preview *preview, const struct subject *subject);
void preview_method(struct preview *preview, const struct subject *subject);
void preview_code(struct preview *preview, const struct subject *subject);
void preview_generator(struct preview *preview, const struct subject *subject);
void preview_module(struct preview *preview, const struct subject *subject);
void preview_type(struct preview *preview, const struct subject *subject);
void preview_cell(struct preview *preview, const struct subject *subject);
void preview_weakref(struct preview *preview, const struct subject *subject);
void preview_exception(struct preview *preview, const struct subject *subject);

/* ---- reading ------------------------------------------------------------------------- */

static inline uint64_t preview_word(struct preview *preview, uint64_t address)
{
	return peek_u64(preview->python->peek, address);
}

#define PREVIEW_FIELD(preview, address, name, field)                                         \
	preview_word(preview, (address) + (uint64_t)OFFSET(&(preview)->python->layout, name, field))

#endif
