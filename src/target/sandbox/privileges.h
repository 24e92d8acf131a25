/* SPDX-License-Identifier: MIT */
/* Rights of a process of ours that it gives up for good. */
#ifndef TARGET_PRIVILEGES_H
#define TARGET_PRIVILEGES_H

#include <stdbool.h>

enum privileges {
	/* Files, whoever they belong to. */
	PRIVILEGES_FILES,
	/* And processes, to read them. */
	PRIVILEGES_PROCESSES,
	/* And perf_event_open(2), with large buffers. */
	PRIVILEGES_WATCHER,
	/* Files, processes, and to trace them, at a high priority. */
	PRIVILEGES_TRACER,
};

/* Keep of the capabilities of this thread, and of those that it starts, what is needed
 * for this, where they are there at all: capabilities(7). 0 or an errno. */
int privileges_reduce(enum privileges kept);

/* From now on this thread, and those it starts, cannot read or signal other processes,
 * change files or the directories they are in, or use TCP: landlock(7), as far as the
 * kernel has it. Reading files goes on. False: it has none of it. */
bool privileges_fence(void);

/* What the memory of the target holds does not end up in a core file of ours, and
 * others of the same user do not get to see it in our memory. */
void privileges_hide_memory(void);

#endif
