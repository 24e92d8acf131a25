/* SPDX-License-Identifier: MIT */
/*
 * The address space of a process, mapping by mapping, and summed up by what they are
 * called: a file, "[heap]", "[pymalloc arenas]". As /proc/PID/smaps has it; bytes.
 */
#ifndef HEAPSPY_MAPPINGS_H
#define HEAPSPY_MAPPINGS_H

#include <stddef.h>
#include <stdint.h>

#include <heapspy/api.h>

struct heapspy_mapping_group {
	const char *name; /* sanitised. Of memory without a name: "[pymalloc arenas]",
	                     "[malloc]", "[thread stacks]", "[anonymous]" */
	uint64_t mappings; /* how many there are */
	uint64_t size, rss, pss, private_bytes, swap;
};

struct heapspy_mapping {
	uint64_t start, end;
	char flags[5];  /* "rw-p" */
	uint32_t group; /* number of its group */
	uint64_t rss, pss, private_bytes, swap;
};

struct heapspy_mappings {
	struct heapspy_mapping_group *groups; /* by rss, largest first; their rss sums up to
	                                         that of the process */
	size_t group_count;
	struct heapspy_mapping *items; /* the largest by rss alone, by group, then address */
	size_t item_count;
};

/* Takes one that is all zeros. */
HEAPSPY_API void heapspy_mappings_fini(struct heapspy_mappings *mappings);

#endif
