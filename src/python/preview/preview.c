/* SPDX-License-Identifier: MIT */
#include "python/preview/private.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "python/object.h"

enum {
	MOST_BASES = 64,
	MOST_CHARACTERS = 4096,
};

/* By tp_name of CPython's own types; classes that derive from them are shown as them. */
static const struct kind {
	const char *name;
	void (*show)(struct preview *preview, const struct subject *subject);
	const char *constant; /* of the only one there is */
} kinds[] = {
    {"str", preview_str, NULL},
    {"bytes", preview_bytes, NULL},
    {"bytearray", preview_bytearray, NULL},
    {"bool", preview_bool, NULL},
    {"int", preview_int, NULL},
    {"float", preview_float_object, NULL},
    {"complex", preview_complex, NULL},
    {"list", preview_list, NULL},
    {"tuple", preview_tuple, NULL},
    {"dict", preview_dict, NULL},
    {"frozendict", preview_dict, NULL},
    {"set", preview_set, NULL},
    {"frozenset", preview_set, NULL},
    {"collections.deque", preview_deque, NULL},
{"array.array", preview_array, NULL},
{"memoryview", preview_memory, NULL},
    {"function", preview_function, NULL},
    {"method", preview_method, NULL},
    {"builtin_function_or_method", preview_builtin, NULL},
    {"code", preview_code, NULL},
    {"generator", preview_generator, NULL},
    {"coroutine", preview_generator, NULL},
    {"async_generator", preview_generator, NULL},
    {"frame", preview_generator, NULL},
    {"module", preview_module, NULL},
    {"type", preview_type, NULL},
    {"cell", preview_cell, NULL},
    {"weakref", preview_weakref, NULL},
    {"weakref.ReferenceType", preview_weakref, NULL},
    {"BaseException", preview_exception, NULL},
    {"NoneType", NULL, "None"},
    {"ellipsis", NULL, "Ellipsis"},
    {"NotImplementedType", NULL, "NotImplemented"},
};

/* A class of Python code has a bare name, a heap type of C code a dotted one. */
static bool read_name(struct preview *preview, uint64_t type, char *name, size_t size)
{
	struct peek *peek = preview->python->peek;
	uint64_t flags = PREVIEW_FIELD(preview, type, TypeObject, tp_flags);
	peek_string(peek, PREVIEW_FIELD(preview, type, TypeObject, tp_name), name, size);
	return peek_take_fault(peek) == FAULT_NONE &&
	       (!(flags & TYPE_HEAPTYPE) || strchr(name, '.'));
}

bool preview_type_is(struct preview *preview, uint64_t type, const char *name)
{
	char found[64];
	return read_name(preview, type, found, sizeof(found)) && strcmp(found, name) == 0;
}

static const struct kind *kind_of(struct preview *preview, const struct type *type)
{
	char name[64];
	uint64_t address = type->address;
	for (unsigned i = 0; address && i < MOST_BASES; i++) {
		bool own = read_name(preview, address, name, sizeof(name));
		for (size_t j = 0; own && j < sizeof(kinds) / sizeof(*kinds); j++)
			if (strcmp(kinds[j].name, name) == 0)
				return &kinds[j];
		address = PREVIEW_FIELD(preview, address, TypeObject, tp_base);
		if (peek_take_fault(preview->python->peek) != FAULT_NONE)
			break;
	}
	return NULL;
}

static void put_type_name(struct preview *preview, const struct type *type)
{
	CLEANUP(freep) char *name = type_name(preview->python, type);
	preview_name(preview, name ?: "?");
}

/* Without attributes: how many items it has, if it can have any. */
static void show_other(struct preview *preview, const struct subject *subject)
{
	if (subject->depth) {
		preview_put(preview, '<');
		put_type_name(preview, subject->type);
		preview_put(preview, '>');
		return;
	}
	if (preview_attributes(preview, subject))
		return;
	if (subject->type->itemsize > 0)
		preview_print(preview, "%llu items",
			      (unsigned long long)PREVIEW_FIELD(preview, subject->address,
								VarObject, ob_size));
}

/* False: there is no object. */
static bool describe(struct preview *preview, uint64_t address, struct subject *ret_subject)
{
	struct python *python = preview->python;
	uint64_t refcount = PREVIEW_FIELD(preview, address, Object, ob_refcnt);
	uint64_t type_address = PREVIEW_FIELD(preview, address, Object, ob_type);
	if (peek_take_fault(python->peek) != FAULT_NONE || address % 8 ||
	    !object_is_living(python, refcount))
		return false;
	uint32_t type = types_find(preview->types, type_address);
	if (type == TYPES_NONE)
		return false;
	*ret_subject = (struct subject){address, types_get(preview->types, type), 0};
	return true;
}

static void show(struct preview *preview, const struct subject *subject)
{
	/* Types may be learned meanwhile, and the table of them may move. */
	struct type type = *subject->type;
	struct subject own = {subject->address, &type, subject->depth};
	const struct kind *kind = kind_of(preview, &type);
	preview->objects++;
	if (kind && kind->show)
		kind->show(preview, &own);
	else if (kind)
		preview_ascii(preview, kind->constant);
	else
		show_other(preview, &own);
	peek_take_fault(preview->python->peek);
}

void preview_object(struct preview *preview, uint64_t address, unsigned depth)
{
	struct subject subject;
	if (preview_is_full(preview)) {
		preview->cut = true;
		return;
	}
	if (!address || !describe(preview, address, &subject)) {
		preview_ascii(preview, address ? "<?>" : "<null>");
		return;
	}
	subject.depth = depth;
	show(preview, &subject);
}

char *preview_make(struct python *python, struct types *types, uint64_t address,
		   const struct preview_options *options)
{
	static const char ending[] = "...";
	size_t most = options->length < MOST_CHARACTERS ? options->length : MOST_CHARACTERS;
	CLEANUP(freep) uint32_t *points = malloc((most + sizeof(ending)) * sizeof(*points));
	struct preview preview = {
	    .python = python,
	    .types = types,
	    .without_text = options->without_text,
	    .points = points,
	    .most = most,
	};
	struct subject subject;
	if (!points || !describe(&preview, address, &subject))
		return NULL;
	show(&preview, &subject);
	for (size_t i = 0; preview.cut && ending[i]; i++)
		points[preview.count++] = (unsigned char)ending[i];
	return text_from_code_points(points, preview.count);
}
