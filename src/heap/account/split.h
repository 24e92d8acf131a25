/* SPDX-License-Identifier: MIT */
/* What the resident memory of a process is for: every page in one kind. */
#ifndef HEAP_ACCOUNT_SPLIT_H
#define HEAP_ACCOUNT_SPLIT_H

#include <heapspy/mappings.h>
#include <heapspy/memory.h>

#include "heap/census/census.h"
#include "target/target.h"

/* Set memory->account, rss, pss, uss, swap from /proc/PID/smaps and what the census
 * learned. The parts sum to rss. False where smaps cannot be read: then `memory` is
 * left as it is. `mappings` may be NULL. */
bool account_split(struct target *target, const struct census *census, struct heapspy_memory *memory,
		   struct heapspy_mappings *mappings);

#endif
