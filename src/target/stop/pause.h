/* SPDX-License-Identifier: MIT */
/*
 * Stopping all threads of a process, and letting them go: the one user of
 * ptrace(2), and of few of its requests.
 *
 * A thread that waits in a call which would return EINTR, or less than it was
 * asked for, when it is interrupted (Linux 6.18, over 90 percent of stops:
 * epoll_wait, semop, rt_sigtimedwait, io_getevents, io_uring_enter, and what
 * sockets with a time limit wait in) is left alone: it does nothing while it
 * waits, and whether it did wait all the time is seen afterwards. All others
 * resume their call; select(), pselect() and ppoll() with a time limit wait the
 * rest of it anew, so they come late by as long as they were held.
 *
 * A process that shares the memory without being a thread of it (a child between
 * vfork() and execve()) is not stopped.
 *
 * A thread in an uninterruptible wait (disk, vfork) stops when that ends, before
 * it does anything of its own: it is not waited for.
 *
 * No stop is ever reaped, so that a signal that a thread was about to receive is
 * not lost when we die (waitid() with WNOWAIT). Whatever happens to the process
 * that calls this, and at whatever moment, the kernel lets all threads go when it
 * ends; it must end after the pause, for only that lets go of a thread that is in
 * an uninterruptible wait. All calls from one thread.
 */
#ifndef TARGET_PAUSE_H
#define TARGET_PAUSE_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "target/process/tasks.h"
#include "target/registers.h"

/* The requests of ptrace(2), and none but these: what a filter lets through. */
enum {
	PAUSE_SEIZE = 0x4206,
	PAUSE_INTERRUPT = 0x4207,
	PAUSE_GETREGSET = 0x4204,
	PAUSE_DETACH = 17,
};

enum pause_result {
	PAUSE_HELD,
	PAUSE_GONE,      /* the process ended */
	PAUSE_TRACED,    /* `culprit` traces it */
	PAUSE_DENIED,    /* ptrace(2) is not permitted */
	PAUSE_LATE,      /* thread `culprit` did not stop in time */
	PAUSE_STORM,     /* each time the threads were listed there were new ones */
	PAUSE_NO_MEMORY,
};

struct paused_thread;

enum { MOST_RESTLESS = 32 };

struct pause {
	int proc;
	pid_t culprit;
	double began;     /* clock_monotonic() before the first was stopped; 0: none was */
	unsigned stopped; /* threads */
	unsigned skipped; /* threads left alone */
	struct paused_thread *threads; /* the first `sorted` by tid */
	size_t count, sorted, capacity;
	pid_t restless[MOST_RESTLESS]; /* left alone last time, and awake meanwhile */
	size_t restless_count;
	struct task_list tasks;
	pthread_t reaper;
	_Atomic bool reaper_must_end;
	pid_t *traced; /* what the reaper has to look after */
	_Atomic size_t traced_count;
};

/* `proc`: the /proc/PID directory, which must outlive it. 0 or an errno. */
int pause_init(struct pause *pause, int proc);

/* After pause_init() alone, and no more of it after pause_begin() without
 * pause_end(). */
void pause_fini(struct pause *pause);

/* Stop all threads. After a pause that was not whole, those that were left alone and
 * woke up are caught while they are awake, if they stay so for a moment. Up to `deadline`
 * (clock_monotonic()); whatever comes of it, pause_end() must follow. */
enum pause_result pause_begin(struct pause *pause, double deadline);

/* Before pause_end(): has no thread done anything since pause_begin()? */
bool pause_was_whole(struct pause *pause);

/* Stop that thread alone, or leave it alone: where it waits in a call that would end early,
 * and with `only_running` where it waits at all. pause_end() must follow. */
enum pause_result pause_begin_one(struct pause *pause, pid_t tid, bool only_running,
				  double deadline);

/* Before pause_end(): the registers of each thread that is held or was left alone, where
 * they are known. */
typedef void pause_registers_visitor(void *context, pid_t tid, const struct registers *registers);
void pause_visit_registers(const struct pause *pause, pause_registers_visitor *visit,
			   void *context);

/* False if a thread could not be let go yet: then only our end does it. */
bool pause_end(struct pause *pause);

#endif
