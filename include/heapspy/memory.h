/* SPDX-License-Identifier: MIT */
/* Where the memory of a process went, as the kernel accounts it. Bytes. */
#ifndef HEAPSPY_MEMORY_H
#define HEAPSPY_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/api.h>

/* A number the kernel or the layout did not give. Never printed as a number. */
#define HEAPSPY_UNKNOWN UINT64_MAX

/* X(NAME, name in JSON): what a page of resident memory is for. */
#define HEAPSPY_MEMORY_KINDS(X)                                                                    \
	X(PYTHON_OBJECTS, "python-objects")   /* blocks of pymalloc that hold objects */           \
	X(PYTHON_RAW, "python-raw")           /* blocks that hold something else */                \
	X(PYTHON_FREE, "python-free")         /* free blocks, headers and slack of pools in use */ \
	X(PYTHON_POOLS, "python-free-pools")  /* pools without a block in use */                   \
	X(MALLOC, "malloc")                   /* in use */                                         \
	X(MALLOC_FREE, "malloc-free")                                                              \
	X(MMAP, "mmap")                       /* other anonymous memory */                         \
	X(STACK, "stack")                                                                          \
	X(FILE, "file")                       /* private mappings of files: programs, libraries */ \
	X(SHARED, "shared")                   /* shared mappings */                                \
	X(OTHER, "other")

enum heapspy_memory_kind {
#define X(name, json_name) HEAPSPY_MEMORY_##name,
	HEAPSPY_MEMORY_KINDS(X)
#undef X
	HEAPSPY_MEMORY_KIND_COUNT
};

/* Static text. */
HEAPSPY_API const char *heapspy_memory_kind_name(enum heapspy_memory_kind kind);

struct heapspy_memory {
	uint64_t rss;      /* resident: /proc/PID/smaps_rollup Rss */
	uint64_t pss;      /* resident, shared pages divided by their users */
	uint64_t uss;      /* resident and private */
	uint64_t swap;     /* swapped out */
	uint64_t rss_peak; /* VmHWM */
	uint64_t virt;     /* address space, VmSize */
	uint64_t limit;    /* of its cgroup, HEAPSPY_UNKNOWN where there is none */
	uint64_t headroom; /* up to that limit, for the whole cgroup */
	bool has_account;  /* `account` was taken */
	uint64_t account[HEAPSPY_MEMORY_KIND_COUNT]; /* resident bytes; their sum is rss */
};

#endif
