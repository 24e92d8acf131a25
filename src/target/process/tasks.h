/* SPDX-License-Identifier: MIT */
/*
 * The threads of a process, and whether each is off the CPU: /proc/PID/task.
 *
 * A thread found off the CPU, with a count of its runs that was read before, did
 * nothing for as long as that count stays: it changes each time the scheduler
 * gives it a CPU. Looking does not disturb the thread.
 */
#ifndef TARGET_TASKS_H
#define TARGET_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum task_state {
	TASK_GONE,
	TASK_RUNNING, /* on a CPU, or waiting for one */
	TASK_ASLEEP,  /* off the CPU: waiting, stopped or frozen */
};

struct task {
	pid_t tid;
	enum task_state state;
	bool busy;     /* for whoever looks to remember that it does not come to rest */
	long call;     /* of a thread asleep: the number of the system call it is in, -1: none */
	uint64_t sp, ip; /* of a thread asleep: its stack pointer and where it goes on; 0: not told */
	uint64_t runs; /* how often it was given a CPU */
	uint64_t time; /* nanoseconds on it, brought up to date a few hundred times a second */
};

struct task_list {
	struct task *items;
	size_t count, capacity;
};

void task_list_fini(struct task_list *list);

/* Fill in the tids of a process, given its /proc/PID directory; the rest is not
 * looked at yet. 0 or an errno. */
int task_list_read(int proc, struct task_list *list);

/* Look at one: state, system call, runs. A microsecond or five. */
void task_look(int proc, struct task *task);

/* How often it was given a CPU so far; UINT64_MAX when it is gone. */
uint64_t task_runs(int proc, pid_t tid);

/* The letter of /proc/PID/task/TID/stat; 0 when it is gone. */
char task_letter(int proc, pid_t tid);

#endif
