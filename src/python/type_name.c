/* SPDX-License-Identifier: MIT */
/* Names of types. type_module() and type_qualname() of Objects/typeobject.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "python/dict.h"
#include "python/types.h"
#include "python/unicode.h"

#define TP_NAME_MAX 512

/* The text of a str attribute of a heap type, NULL if it is none. */
static char *read_str(struct python *python, uint64_t object)
{
	const struct layout *layout = &python->layout;
	if (!object)
		return NULL;
	uint64_t type = peek_u64(python->peek, object + OFFSET(layout, Object, ob_type));
	uint64_t flags = peek_u64(python->peek, type + OFFSET(layout, TypeObject, tp_flags));
	if (peek_take_fault(python->peek) != FAULT_NONE || !(flags & TYPE_UNICODE_SUBCLASS))
		return NULL;
	char *text = unicode_read(python->peek, layout, object);
	if (peek_take_fault(python->peek) == FAULT_NONE)
		return text;
	free(text);
	return NULL;
}

/* Reads that modules of types may take in all. A class has its module among the first of
 * its attributes; thousands that share a dict of thousands without one are no program's. */
#define MOST_READS (UINT64_C(128) << 20)

static char *heap_type_module(struct python *python, const struct type *type)
{
	if (python->name_reads > MOST_READS)
		return NULL;
	uint64_t before = peek_reads(python->peek);
	uint64_t dict = peek_u64(python->peek, type->address + OFFSET(&python->layout, TypeObject, tp_dict));
	uint64_t module = dict ? dict_find(python->peek, &python->layout, dict, "__module__") : 0;
	python->name_reads += peek_reads(python->peek) - before;
	if (peek_take_fault(python->peek) != FAULT_NONE)
		return NULL;
	return read_str(python, module);
}

static char *join(const char *module, const char *name)
{
	char *joined;
	if (!module || strcmp(module, "builtins") == 0)
		return strdup(name);
	return asprintf(&joined, "%s.%s", module, name) < 0 ? NULL : joined;
}

char *type_name(struct python *python, const struct type *type)
{
	const struct layout *layout = &python->layout;
	if (type->flags & TYPE_HEAPTYPE) {
		uint64_t qualname =
			peek_u64(python->peek, type->address + OFFSET(layout, HeapTypeObject, ht_qualname));
		char *name = peek_take_fault(python->peek) == FAULT_NONE ? read_str(python, qualname) : NULL;
		if (name) {
			char *module = heap_type_module(python, type);
			char *joined = join(module, name);
			free(module);
			free(name);
			return joined;
		}
	}
	/* tp_name of a static type is "module.name", or "name" in builtins. */
	char raw[TP_NAME_MAX];
	uint64_t address = peek_u64(python->peek, type->address + OFFSET(layout, TypeObject, tp_name));
	peek_string(python->peek, address, raw, sizeof(raw));
	if (peek_take_fault(python->peek) != FAULT_NONE)
		return strdup("<unreadable type>");
	return text_from_bytes(raw, strlen(raw));
}
