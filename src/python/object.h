/* SPDX-License-Identifier: MIT */
/*
 * Is there an object in this block? What the first words of a block tell.
 * Include/object.h, Include/internal/pycore_gc.h, 3.8 - 3.15.
 */
#ifndef PYTHON_OBJECT_H
#define PYTHON_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "python/runtime.h"
#include "python/types.h"

static inline uint64_t object_word(const uint8_t *bytes, size_t offset)
{
	uint64_t value;
	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

/* Could this be the reference count of a living object, or is the block free, or no
 * object at all? `word` is its first one. 64 bits wide up to 3.11, 32 in 3.12 and
 * 3.13, then 32 with an overflow and flags above. Nothing is referred to two
 * thousand million times. */
static inline bool object_is_living(const struct python *python, uint64_t word)
{
	if (python->hexversion < PYTHON_VERSION(3, 12))
		return word - 1 < UINT64_C(1) << 31;
	if (python->hexversion < PYTHON_VERSION(3, 14))
		return word != 0 && word >> 32 == 0;
	return (uint32_t)word != 0 && (word >> 32 & 0xffff) == 0;
}

/* The word that holds the count of an object of which bytes are at hand. */
static inline uint64_t object_refcount_word(const struct python *python, const uint8_t *bytes)
{
	return object_word(bytes, (size_t)OFFSET(&python->layout, Object, ob_refcnt));
}

static inline uint64_t object_references(const struct python *python, uint64_t word)
{
	return python->hexversion < PYTHON_VERSION(3, 12) ? word : (uint32_t)word;
}

/* _Py_IsImmortal(): 3.12 and later, where the 32 bits are negative. */
static inline bool object_is_immortal(const struct python *python, uint64_t word)
{
	return python->hexversion >= PYTHON_VERSION(3, 12) && (int32_t)(uint32_t)word < 0;
}

/* A count so large that it may as well be the address of a static object in a
 * program that is not PIE: the block may be an array of pointers. */
#define OBJECT_SUSPICIOUS_REFCOUNT 0x10000

/* Can this word be a link of a GC list? Bits 0 and 1 of one are flags. The heads of
 * the lists are no better aligned than to 4 in the 3.13 of Debian. */
static inline bool object_is_link(uint64_t word)
{
	return (word & ~UINT64_C(3)) >= 4096 && word < UINT64_C(1) << 47;
}

/* Can this word be _gc_prev? While its generation is collected it holds a count above
 * the flag COLLECTING: update_refs() of Python/gc.c. */
static inline bool object_is_prev(uint64_t word)
{
	return object_is_link(word) || ((word & 2) && word < UINT64_C(1) << 33);
}

struct found_object {
	uint32_t type;       /* its number */
	uint32_t prefix;     /* bytes from the start of the block to the object */
	uint64_t next;       /* tracked: the next GC head; 0 when it is not tracked */
	bool suspicious;     /* its refcount may be an address */
};

/* Look for an object in a block that is in use. False: it is raw memory. */
bool object_find(struct python *python, struct types *types, const uint8_t *block, size_t size,
		 struct found_object *ret_found);

#endif
