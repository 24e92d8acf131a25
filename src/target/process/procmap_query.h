/* SPDX-License-Identifier: MIT */
/* One mapping, asked of the kernel by address: Linux 6.11, include/uapi/linux/fs.h. */
#ifndef TARGET_PROCMAP_QUERY_H
#define TARGET_PROCMAP_QUERY_H

#include <sys/ioctl.h>

#include "target/maps.h"

/* The number of the ioctl: struct procmap_query has 104 bytes. */
#define PROCMAP_QUERY_REQUEST _IOWR('f', 17, char[104])

/* `maps`: a descriptor of /proc/PID/maps. The mapping at this address as it is now,
 * without its path: 0; or an errno: ENOENT where nothing is mapped, ESRCH where the
 * process is gone, others where the kernel does not answer such questions. */
int procmap_query(int maps, uint64_t address, struct mapping *ret_mapping);

#endif
