/* SPDX-License-Identifier: MIT */
/* Where the memory of a process went, as the kernel accounts it. Bytes. */
#ifndef HEAPSPY_MEMORY_H
#define HEAPSPY_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* A number the kernel or the layout did not give. Never printed as a number. */
#define HEAPSPY_UNKNOWN UINT64_MAX

struct heapspy_memory {
	uint64_t rss;      /* resident: /proc/PID/smaps_rollup Rss */
	uint64_t pss;      /* resident, shared pages divided by their users */
	uint64_t uss;      /* resident and private */
	uint64_t swap;     /* swapped out */
	uint64_t rss_peak; /* VmHWM */
	uint64_t virt;     /* address space, VmSize */
};

#endif
