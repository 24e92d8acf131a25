/* SPDX-License-Identifier: MIT */
/*
 * Which process: the one that had this PID when it was opened, and no other.
 *
 * The /proc/PID directory and the pidfd are bound to the process and fail once
 * it ended, whoever has its PID by then. Neither notices an exec: the mem file
 * does (it is bound to the address space, and reads nothing once that is gone).
 */
#ifndef TARGET_IDENTITY_H
#define TARGET_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <heapspy/error.h>

struct identity {
	pid_t pid;
	int proc;  /* /proc/PID, O_DIRECTORY */
	int pidfd; /* -1 where the kernel has or allows none */
	uint64_t start_time; /* clock ticks since boot: /proc/PID/stat, field 22 */
};

/* HEAPSPY_USAGE, _NO_PROCESS, _GONE, _NOT_PYTHON (a kernel thread), _PERMISSION
 * (/proc hides it), _LIMIT. */
struct heapspy_error *identity_open(pid_t pid, struct identity *ret_identity);
void identity_close(struct identity *identity);

/* Has it not ended? A zombie has. */
bool identity_alive(const struct identity *identity);

/* A thread of it that still lives: its PID, or where the first thread ended
 * before the others, one of those; 0 if there is none. */
pid_t identity_living_task(const struct identity *identity);

/* "the process ended while it was opened" and the like. */
struct heapspy_error *identity_gone_error(const struct identity *identity);

#endif
