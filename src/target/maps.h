/* SPDX-License-Identifier: MIT */
/*
 * The address space of a target: its mappings, and the files they come from.
 */
#ifndef TARGET_MAPS_H
#define TARGET_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	MAPPING_READ = 1,
	MAPPING_WRITE = 2,
	MAPPING_EXEC = 4,
	MAPPING_SHARED = 8,
};

struct mapping {
	uint64_t start, end; /* addresses, end excluded */
	uint64_t offset;     /* in the file */
	unsigned flags;      /* MAPPING_* */
	dev_t device;        /* of the file, 0 for anonymous memory */
	ino_t inode;
	const char *path; /* as /proc/PID/maps prints it, raw; "" when anonymous */
};

/* Sorted by address, never overlapping. */
struct maps {
	struct mapping *items;
	size_t count;
	char *names; /* storage of the paths */
};

void maps_fini(struct maps *maps);

/* The mapping that holds the address, or NULL. */
const struct mapping *maps_find(const struct maps *maps, uint64_t address);

/* The mapping that holds the address, else the next above it, else NULL. */
const struct mapping *maps_after(const struct maps *maps, uint64_t address);

static inline bool mapping_is_file(const struct mapping *mapping)
{
	return mapping->inode != 0;
}

/* Two mappings of one file? */
static inline bool mapping_same_file(const struct mapping *a, const struct mapping *b)
{
	return mapping_is_file(a) && a->inode == b->inode && a->device == b->device;
}

#endif
