/* SPDX-License-Identifier: MIT */
/* The threads of a target as the kernel knows them: their numbers, names, states. */
#ifndef HEAP_THREAD_TASKS_H
#define HEAP_THREAD_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <heapspy/error.h>
#include <heapspy/stack.h>

#include "target/target.h"

struct thread_task {
	pid_t tid;   /* as we see it */
	pid_t inner; /* as its own PID namespace does */
	char name[16]; /* raw */
	enum heapspy_thread_state state;
};

struct thread_tasks {
	struct thread_task *items;
	size_t count;
	bool complete; /* false: a file that does not list them */
};

/* Of a core: those that its notes name, without names and states. */
struct heapspy_error *thread_tasks_read(struct target *target, struct thread_tasks *ret_tasks);

void thread_tasks_fini(struct thread_tasks *tasks);

/* The one that numbers itself so, NULL if there is none. */
const struct thread_task *thread_tasks_find(const struct thread_tasks *tasks, uint64_t inner);

#endif
