/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/smaps: what each mapping has in memory. The kernel walks every page
 * for it and holds the target's mmap lock the while: once per dump, never in a loop.
 */
#ifndef TARGET_SMAPS_H
#define TARGET_SMAPS_H

#include <stdbool.h>
#include <stdint.h>

struct smaps_entry {
	uint64_t start, end;
	char flags[5];    /* "rw-p" */
	bool shared;
	bool file;        /* it has an inode */
	const char *path; /* "" when anonymous; raw; valid during the call */
	uint64_t rss, pss, private_bytes, swap; /* bytes */
};

/* Called for each mapping, by address. `proc` is the directory of the process.
 * False where smaps cannot be read. */
bool smaps_read(int proc, void (*visit)(void *context, const struct smaps_entry *entry), void *context);

#endif
