/* SPDX-License-Identifier: MIT */
/*
 * dict objects of the target: their keys, their entries, their size.
 * Objects/dictobject.c, Include/internal/pycore_dict.h, 3.8 - 3.15.
 */
#ifndef PYTHON_DICT_H
#define PYTHON_DICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "python/layout.h"
#include "target/peek.h"

/* A PyDictKeysObject, decoded. */
struct dict_keys {
	int64_t refcount;
	uint64_t usable;        /* entries that may still be added */
	uint64_t entry_count;   /* entries in use, dead ones among them */
	uint64_t slots;         /* what split values are made for: the capacity */
	uint64_t bytes;         /* size of the whole block: header, indices, entries */
	uint32_t entries_offset; /* from its start to the first entry */
	uint32_t entry_size;    /* 16 or 24 */
	uint32_t key_offset, value_offset; /* inside an entry */
};

/* How many bytes of a PyDictKeysObject dict_keys_decode() looks at. */
#define DICT_KEYS_HEADER 40

/* False if the header contradicts itself. `header` has DICT_KEYS_HEADER bytes. */
bool dict_keys_decode(const struct layout *layout, const void *header, struct dict_keys *ret_keys);

/* What entries of a dict hold. Stops when `visit` returns false. A dict with
 * more entries than `cap` is visited up to it. */
void dict_visit(struct peek *peek, const struct layout *layout, uint64_t dict, size_t cap,
		bool (*visit)(void *context, uint64_t key, uint64_t value), void *context);

/* The value under a str key, 0 if there is none. */
uint64_t dict_find(struct peek *peek, const struct layout *layout, uint64_t dict, const char *key);

/* The same of a PyDictKeysObject and an array of values that belongs to it; `values`
 * 0: they are beside the keys. */
void dict_visit_split(struct peek *peek, const struct layout *layout, uint64_t keys, uint64_t values,
		      size_t cap, bool (*visit)(void *context, uint64_t key, uint64_t value),
		      void *context);
uint64_t dict_find_split(struct peek *peek, const struct layout *layout, uint64_t keys,
			 uint64_t values, const char *key);

#endif
