/* SPDX-License-Identifier: MIT */
/*
 * Who memory was charged to, so that what is given back is taken from the same.
 */
#ifndef HEAP_RECORD_OWNERS_H
#define HEAP_RECORD_OWNERS_H

#include <stddef.h>
#include <stdint.h>

struct owner {
	uint64_t key;   /* address of what was got; 0: not known */
	uint64_t bytes;
	uint32_t stack;
};

/* In the order in which it was got. */
struct owners {
	struct owner *items;
	size_t count, capacity;
};

void owners_fini(struct owners *owners);

/* What cannot be remembered is forgotten: then it counts as having been there. */
void owners_add(struct owners *owners, uint64_t key, uint64_t bytes, uint32_t stack);

/* It is no longer there, or not of that size: it goes without an address from now on. */
void owners_forget_key(struct owners *owners, uint64_t key);

/* Bytes of the one with this key; 0: there is none. */
uint64_t owners_bytes_of(const struct owners *owners, uint64_t key);

/* Called for each owner that loses something; HEAPSPY_NO_STACK: nobody known. */
typedef void owners_visitor(void *context, uint64_t bytes, uint32_t stack);

/* The last that were got are the first to go: the top of a heap. */
void owners_take_last(struct owners *owners, uint64_t bytes, owners_visitor *visit, void *context);

/* A piece of this size: the last that was got as one, or that grew to it, charged to one
 * owner; else as the last. */
void owners_take_piece(struct owners *owners, uint64_t bytes, owners_visitor *visit, void *context);

/* The one with this key. */
void owners_take_key(struct owners *owners, uint64_t key, uint64_t bytes, owners_visitor *visit,
		     void *context);

#endif
