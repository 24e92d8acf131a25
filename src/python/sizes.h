/* SPDX-License-Identifier: MIT */
/*
 * What sys.getsizeof() returns for an object, from its bytes.
 *
 * Most types follow object.__sizeof__: tp_basicsize + tp_itemsize * ob_size. The
 * others have a rule here, each after the __sizeof__ of its C source. A type of
 * Python code that defines its own __sizeof__ is measured as its base.
 */
#ifndef PYTHON_SIZES_H
#define PYTHON_SIZES_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "python/runtime.h"
#include "python/types.h"

/* As many bytes of an object as any rule looks at. */
#define OBJECT_BYTES_MAX 1536

/* An object whose first bytes are at hand. */
struct object {
	const uint8_t *bytes; /* from ob_refcnt on */
	size_t length;        /* how many are at hand */
	uint64_t address;
	const struct type *type;
};

struct measure {
	uint64_t bytes;
	uint64_t owned; /* of these, what lies in blocks of its own: items of a list,
	                   values of a dict; the keys put off not among them */
	uint64_t keys; /* not 0: a PyDictKeysObject whose size must be added where its
	                  dk_refcnt is 1 (a combined table). Left to the caller, who
	                  can read many at once. */
};

struct sizes;

struct sizes *sizes_new(struct python *python);
void sizes_free(struct sizes *sizes);
DEFINE_CLEANUP(struct sizes *, sizes_free)

/* Set the rule of a type, and its fixed size if it has one; once, when it is met. */
void size_rule_assign(struct python *python, struct type *type);

/* The size of one object. FAULT_STRANGE and others when it contradicts itself or
 * what it points to cannot be read; *ret_measure is then its basic size. */
enum fault sizes_measure(struct sizes *sizes, const struct object *object, struct measure *ret_measure);

/* The rest of a measure with keys, from the header of the keys. */
enum fault sizes_add_keys(struct sizes *sizes, const void *keys_header, uint64_t *bytes);

#endif
