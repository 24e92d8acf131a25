/* SPDX-License-Identifier: MIT */
/* The memory account of a process, as the kernel keeps it: <heapspy/memory.h>. */
#ifndef HEAP_ACCOUNT_H
#define HEAP_ACCOUNT_H

#include <heapspy/error.h>
#include <heapspy/mappings.h>
#include <heapspy/memory.h>

struct target;

struct census;

/* With a census also what resident memory is for; it may be NULL. What the kernel
 * does not tell is HEAPSPY_UNKNOWN; all of it for what is no live process. Holds up
 * the target's own mmap() for as long as the kernel needs to walk its pages (about
 * 20 ms a GiB): once per sample. HEAPSPY_GONE. */
struct heapspy_error *account_read(struct target *target, const struct census *census,
				   struct heapspy_memory *ret_memory,
				   struct heapspy_mappings *ret_mappings);

#endif
