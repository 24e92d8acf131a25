/* SPDX-License-Identifier: MIT */
/* A target made up by a test: pieces of memory, each with mappings of its own. */
#ifndef TARGET_FAKE_H
#define TARGET_FAKE_H

#include <stddef.h>
#include <stdint.h>

#include "target/target.h"

struct fake_piece {
	uint64_t address;
	size_t length;
	void *bytes;      /* not owned, may change between reads; NULL: zeros */
	enum fault fault; /* reading it gives this instead */
	unsigned flags;   /* MAPPING_*; 0 means read and write */
	const char *path; /* of the mapping, not owned; NULL: anonymous */
	ino_t inode;
};

/* The pieces are copied, their bytes are not; sorted by address, no overlap.
 * NULL where there is no memory. target_free() ends it. */
struct target *fake_target_new(const struct fake_piece *pieces, size_t count);

/* From now on target_verify() says `fault`, and reads too if it is not FAULT_NONE. */
void fake_target_fail(struct target *target, enum fault fault);

#endif
