/* SPDX-License-Identifier: MIT */
/* The memory control group of a process, both versions: cgroups(7). */
#ifndef TARGET_CGROUP_H
#define TARGET_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

struct cgroup_memory {
	uint64_t limit; /* bytes: the smallest on the way up to the root */
	uint64_t used;  /* of the group that has this limit */
};

/* `proc`: directory of the process. False where there is no limit, or the control
 * groups are not mounted where they usually are. */
bool cgroup_read_memory(int proc, struct cgroup_memory *ret_memory);

#endif
