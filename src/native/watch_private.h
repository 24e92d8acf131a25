/* SPDX-License-Identifier: MIT */
/* What the files about watching share. */
#ifndef NATIVE_WATCH_PRIVATE_H
#define NATIVE_WATCH_PRIVATE_H

#include "native/perf_ring.h"
#include "native/watch.h"

/* A thread, and its events on each CPU: ordered by CPU. Of a thread that was begun by a
 * covered one there are none: the kernel made them, and they go with those that they were
 * made from; so these stay when their thread has ended (tid 0). */
struct covered {
	pid_t tid;
	int *fds;
};

/* A record that was taken out of a ring. */
struct record {
	uint64_t time;
	size_t offset; /* in `bytes` */
};

struct watch {
	pid_t pid;
	int proc;
	struct watch_options options;
	int *cpus;
	size_t cpu_count, event_count; /* events of a thread on a CPU */
	int *owners;                   /* events that the rings belong to */
	struct perf_ring *rings;       /* of each CPU */
	struct covered *covered;
	size_t covered_count;
	int epoll;
	bool inherit_thread; /* the kernel knows of it: Linux 5.13 */
	bool untold;         /* calls are not told */
	/* What was taken out and not yet visited. */
	struct record *records;
	size_t record_count, record_capacity;
	uint8_t *bytes;
	size_t used, capacity;
};

/* What is in the rings now goes to the records; who begins and ends is noted. */
void watch_collect(struct watch *watch);

/* Is this thread covered? Note that one is, or has ended. */
bool watch_covers(const struct watch *watch, pid_t tid);
bool watch_add_covered(struct watch *watch, pid_t tid, int *fds);
void watch_forget(struct watch *watch, pid_t tid);

#endif
