/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a process are in memory, from /proc/PID/pagemap.
 *
 * Learned when first asked for, in reads of 4 KiB, which the kernel serves for
 * 2 MiB of address space at a time: larger ones hold the target's mmap lock long
 * enough for it to notice.
 *
 * A page once seen present is taken to be present until presence_forget().
 * One seen absent may have been touched since: that is believed only within the
 * operation, from one presence_begin() to the next, that saw it.
 */
#ifndef TARGET_PRESENCE_H
#define TARGET_PRESENCE_H

#include <stddef.h>
#include <stdint.h>

enum { TARGET_PAGE = 4096 };

enum page_state {
	PAGE_NEVER,   /* nothing there: never touched, given back, or still in its file */
	PAGE_PRESENT,
	PAGE_SWAPPED, /* swapped out; up to Linux 6.14 also a guard marker (MADV_GUARD_INSTALL) */
	PAGE_GUARDED, /* by such a marker: whoever touches it gets SIGSEGV */
	PAGE_LEFT,    /* was present, and is not any more: given back or unmapped meanwhile */
	PAGE_UNKNOWN, /* no answer: outside of any address space, or its owner is gone */
};

struct presence_chunk;

struct presence {
	int fd; /* of pagemap, not owned; -1: every page counts as present */
	uint64_t operation;
	struct presence_chunk *chunks; /* hash table */
	size_t capacity, used;
	struct presence_chunk *last;
};

void presence_init(struct presence *presence, int fd);
void presence_fini(struct presence *presence);

void presence_forget(struct presence *presence);
void presence_begin(struct presence *presence);

/* State of the page of `address`, and how many bytes from `address` on share it:
 * at least up to the end of the page, never 0. */
enum page_state presence_at(struct presence *presence, uint64_t address, uint64_t *ret_length);

/* As presence_at(), from the kernel and not from what was learned before. */
enum page_state presence_anew(struct presence *presence, uint64_t address, uint64_t *ret_length);

#endif
