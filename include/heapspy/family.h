/* SPDX-License-Identifier: MIT */
/*
 * A process and what it started: its children, their children, and so on, as they are
 * at this moment. Asking is cheap: it can be done every second.
 *
 * Who is new and who is gone is told by two lists: a PID and its start name a process
 * for good, a PID alone is given away again. What a process leaves behind when it ends
 * belongs to another parent from then on, and is in the list no more.
 */
#ifndef HEAPSPY_FAMILY_H
#define HEAPSPY_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <heapspy/api.h>
#include <heapspy/error.h>

enum { HEAPSPY_MOST_RELATIVES = 4096 };

struct heapspy_relative {
	pid_t pid, parent;
	unsigned depth;  /* 0: one of those that were asked for */
	uint64_t start;  /* clock ticks since boot (proc(5), /proc/PID/stat, field 22) */
	double age;      /* seconds since it was started; exec changes nothing about it */
};

struct heapspy_family {
	struct heapspy_relative *items; /* parents before their children */
	size_t count;
	bool cut; /* there are more than HEAPSPY_MOST_RELATIVES */
};

/* Those of `pids` that are there, and all they started. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_family_list(const pid_t *pids, size_t count, struct heapspy_family *ret_family);

/* NULL where it is not in it. */
HEAPSPY_API const struct heapspy_relative *heapspy_family_find(const struct heapspy_family *family,
							       pid_t pid, uint64_t start);

HEAPSPY_API void heapspy_family_fini(struct heapspy_family *family);

#endif
