/* SPDX-License-Identifier: MIT */
/*
 * How memory is asked for: mmap() and mremap() of the C library, which the allocators call
 * as well as everybody else. Where a call of theirs begins the registers hold what is asked
 * for, and the stack who asks: malloc/malloc.c of glibc, Objects/obmalloc.c.
 */
#ifndef HEAP_RECORD_CALLS_H
#define HEAP_RECORD_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "native/watch.h"
#include "target/target.h"

/* The C library of a target. */
struct record_calls {
	uint64_t mmap, mremap; /* 0: not found */
	uint64_t start, end;   /* where it lies */
};

/* False: mmap() was not found. Of a program that is linked statically: in `program`. */
struct elf_module;
bool record_calls_find(struct target *target, struct elf_module *program,
		       struct record_calls *ret_calls);

/* What a call asks for. */
struct record_call {
	bool moves;       /* mremap(): `bytes` more than there were, or less */
	bool from_malloc; /* a chunk with a mapping of its own; else somebody else's */
	int64_t bytes;
	uint64_t start, length; /* of what mremap() is to move */
};

/* False: it is not about memory that can be written, or cannot be told. */
bool record_calls_parse(const struct record_calls *calls, const struct watch_event *event,
			struct record_call *ret_call);

#endif
