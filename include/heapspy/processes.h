/* SPDX-License-Identifier: MIT */
/* The Python processes of this machine, and whether each could be read. */
#ifndef HEAPSPY_PROCESSES_H
#define HEAPSPY_PROCESSES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <heapspy/api.h>
#include <heapspy/error.h>

struct heapspy_process {
	pid_t pid;
	uid_t uid;
	char *version;      /* "3.11", or NULL where it cannot be seen */
	uint64_t rss;       /* bytes */
	char *command;      /* one line, sanitised UTF-8 */
	char *obstacle;     /* why it cannot be read, or NULL: it can */
};

struct heapspy_processes {
	struct heapspy_process *items; /* by pid */
	size_t count;
};

HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_processes_list(struct heapspy_processes *ret_processes);

HEAPSPY_API void heapspy_processes_fini(struct heapspy_processes *processes);

#endif
