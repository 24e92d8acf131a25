/* SPDX-License-Identifier: MIT */
/* <heapspy/family.h> in both ways: for its tests. */
#ifndef HEAP_FAMILY_H
#define HEAP_FAMILY_H

#include <heapspy/family.h>

/* `listed`: the kernel lists children; else the parents of all processes are read. */
struct heapspy_error *family_list(const pid_t *pids, size_t count, bool listed,
				  struct heapspy_family *ret_family);

#endif
