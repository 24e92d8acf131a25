/* SPDX-License-Identifier: MIT */
/*
 * The type objects of a target, learned as objects of them are met.
 *
 * A word is believed to be the address of a type only after a chain of
 * ob_type was followed to `type` itself and the fields made sense; of what is not a
 * type much is remembered as well, so that hardly a word is looked into twice.
 */
#ifndef PYTHON_TYPES_H
#define PYTHON_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "python/runtime.h"

/* Bits of tp_flags. Include/object.h, 3.8 - 3.15. */
#define TYPE_MANAGED_WEAKREF (UINT64_C(1) << 3) /* 3.12+ */
#define TYPE_MANAGED_DICT (UINT64_C(1) << 4)    /* 3.11+ */
#define TYPE_HEAPTYPE (UINT64_C(1) << 9)
#define TYPE_READY (UINT64_C(1) << 12)
#define TYPE_HAVE_GC (UINT64_C(1) << 14)
#define TYPE_LONG_SUBCLASS (UINT64_C(1) << 24)
#define TYPE_LIST_SUBCLASS (UINT64_C(1) << 25)
#define TYPE_UNICODE_SUBCLASS (UINT64_C(1) << 28)
#define TYPE_DICT_SUBCLASS (UINT64_C(1) << 29)
#define TYPE_TYPE_SUBCLASS (UINT64_C(1) << 31)

struct type {
	uint64_t address;
	uint64_t flags; /* tp_flags */
	uint64_t base;  /* tp_base */
	int64_t basicsize, itemsize;
	int64_t least; /* size of the smallest instance: of str less than its basic size */
	uint8_t prefix; /* bytes between the start of its block and an instance:
	                   GC head, managed dict and weakref words */
	uint8_t rule;   /* enum size_rule, python/sizes.h */
	uint32_t fixed; /* what sys.getsizeof() says of every instance; 0: they differ */
};

struct types;

/* `is_impossible` may be NULL; it says of an address that no type can be there
 * (inside a pool: a type never fits into one), which saves looking. */
struct types *types_new(struct python *python, bool (*is_impossible)(void *, uint64_t), void *context);
void types_free(struct types *types);
DEFINE_CLEANUP(struct types *, types_free)

/* Numbers of the types known: 0 .. types_count() - 1, given once, in the order
 * in which they were met. */
size_t types_count(const struct types *types);
const struct type *types_get(const struct types *types, size_t index);

/* The number of the type at this address, TYPES_NONE if there is no type. May
 * read the target. */
#define TYPES_NONE UINT32_MAX
uint32_t types_find(struct types *types, uint64_t address);

/* Instances of this type have a GC head? For an instance that is a type itself it
 * depends on that type: type_is_gc() of Objects/typeobject.c. */
static inline bool type_instances_have_gc_head(const struct type *type)
{
	return type->flags & TYPE_HAVE_GC;
}

/* Its name as Python prints it: module, dot, qualified name, "builtins." left
 * out; sanitised UTF-8, never NULL unless memory is out. The caller frees it. */
char *type_name(struct python *python, const struct type *type);

#endif
