/* SPDX-License-Identifier: MIT */
#include "target/stop/pause.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <elf.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "base/array.h"
#include "base/clock.h"
#include "target/process/proc.h"

_Static_assert(PAUSE_SEIZE == (int)PTRACE_SEIZE && PAUSE_INTERRUPT == (int)PTRACE_INTERRUPT &&
		       PAUSE_GETREGSET == (int)PTRACE_GETREGSET &&
		       PAUSE_DETACH == (int)PTRACE_DETACH,
	       "ptrace(2)");

enum {
	MOST_ROUNDS = 20,
	SEIZE_ATTEMPTS = 10,
	SHORTEST_NAP = 2000,   /* nanoseconds between two looks at a thread that is to stop */
	LONGEST_NAP = 200000,
	SETTLING_NAP = 50000,
	REAPER_NAP = 500000,
	MOST_TRACED = 1 << 22, /* PID_MAX_LIMIT: include/linux/threads.h of the kernel */
};

/* Seconds to wait for threads to enter or leave a call by themselves. */
static const double PATIENCE = 0.02, HELD_PATIENCE = 0.001;

enum held {
	HELD_NOT,      /* gone */
	HELD_SKIPPED,  /* left alone */
	HELD_PENDING,  /* asked to stop */
	HELD_STOPPED,
};

struct paused_thread {
	pid_t tid;
	enum held held;
	bool busy;     /* was on a CPU, or waited for one */
	int signal;    /* it was about to receive this one; 0: none */
	uint64_t runs;
};

static void nap(long nanoseconds)
{
	struct timespec time = {.tv_nsec = nanoseconds};
	nanosleep(&time, NULL);
}

/* ---- the reaper ---------------------------------------------------------- */

/* waitid() tells of the stops of a traced thread whatever it is asked for (ptrace
 * comes before the options in wait_task_stopped(), kernel/exit.c), so a look must not
 * reap; and what has ended is behind what has stopped, so each is looked at. */
static void reap_if_dead(pid_t tid)
{
	siginfo_t info = {0};
	if (waitid(P_PID, tid, &info, WEXITED | WNOHANG | __WALL | WNOWAIT) < 0 || info.si_pid == 0)
		return;
	if (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED)
		waitid(P_PID, tid, &info, WEXITED | WNOHANG | __WALL);
}

/* A thread that calls execve() waits for the other threads of its process to be
 * reaped, those that are traced by their tracer; which may itself be waiting, in
 * PTRACE_SEIZE, for the end of that execve() (cred_guard_mutex in the kernel). So
 * another thread of the tracer reaps what ended. */
static void *reap(void *argument)
{
	struct pause *pause = argument;
	while (!atomic_load(&pause->reaper_must_end)) {
		size_t count = atomic_load(&pause->traced_count);
		for (size_t i = 0; i < count; i++)
			reap_if_dead(pause->traced[i]);
		nap(REAPER_NAP);
	}
	return NULL;
}

int pause_init(struct pause *pause, int proc)
{
	*pause = (struct pause){.proc = proc};
	/* Of the pages of the list only those are there that are written to. */
	pause->traced = mmap(NULL, MOST_TRACED * sizeof(*pause->traced), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pause->traced == MAP_FAILED)
		return ENOMEM;
	int errnum = pthread_create(&pause->reaper, NULL, reap, pause);
	if (errnum)
		munmap(pause->traced, MOST_TRACED * sizeof(*pause->traced));
	return errnum;
}

void pause_fini(struct pause *pause)
{
	atomic_store(&pause->reaper_must_end, true);
	pthread_join(pause->reaper, NULL);
	munmap(pause->traced, MOST_TRACED * sizeof(*pause->traced));
	task_list_fini(&pause->tasks);
	free(pause->threads);
	*pause = (struct pause){.proc = -1};
}

/* ---- whom to stop -------------------------------------------------------- */

/* Calls that end early when a thread in them is interrupted. Of those on sockets and
 * pipes it depends on time limits and amounts that cannot be seen from outside. */
static const int fragile_calls[] = {
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
	SYS_epoll_pwait,
#ifdef SYS_epoll_pwait2
	SYS_epoll_pwait2,
#endif
	SYS_semop, SYS_semtimedop, SYS_rt_sigtimedwait, SYS_io_getevents,
#ifdef SYS_io_pgetevents
	SYS_io_pgetevents,
#endif
#ifdef SYS_io_uring_enter
	SYS_io_uring_enter,
#endif
	SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg, SYS_accept, SYS_accept4, SYS_connect,
	SYS_sendto, SYS_sendmsg, SYS_sendmmsg, SYS_write, SYS_writev, SYS_getrandom,
};

static bool is_fragile(long call)
{
	for (size_t i = 0; i < sizeof(fragile_calls) / sizeof(*fragile_calls); i++)
		if (call == fragile_calls[i])
			return true;
	return false;
}

static int by_tid(const void *a, const void *b)
{
	pid_t left = ((const struct paused_thread *)a)->tid;
	pid_t right = ((const struct paused_thread *)b)->tid;
	return left < right ? -1 : left > right;
}

static void sort(struct pause *pause)
{
	if (pause->count)
		qsort(pause->threads, pause->count, sizeof(*pause->threads), by_tid);
	pause->sorted = pause->count;
}

static bool is_known(const struct pause *pause, pid_t tid)
{
	struct paused_thread key = {.tid = tid};
	return pause->sorted &&
	       bsearch(&key, pause->threads, pause->sorted, sizeof(key), by_tid);
}

static struct paused_thread *add_thread(struct pause *pause, const struct task *task)
{
	if (!ARRAY_RESERVE(pause->threads, pause->capacity, pause->count + 1))
		return NULL;
	struct paused_thread *thread = &pause->threads[pause->count++];
	*thread = (struct paused_thread){
		.tid = task->tid,
		.runs = task->runs,
		.busy = task->state == TASK_RUNNING,
	};
	return thread;
}

/* ---- stopping ------------------------------------------------------------ */

/* Why was a thread refused that existed a moment ago? */
static enum pause_result explain_refusal(struct pause *pause, pid_t tid)
{
	char name[64];
	struct proc_status status;
	char letter = task_letter(pause->proc, tid);
	if (letter == 0 || letter == 'Z' || letter == 'X' || letter == 'x')
		return PAUSE_GONE;
	snprintf(name, sizeof(name), "task/%d/status", tid);
	if (!proc_read_status(pause->proc, name, &status))
		return PAUSE_GONE;
	pause->culprit = status.tracer;
	return status.tracer ? PAUSE_TRACED : PAUSE_DENIED;
}

/* Whoever traced it may be gone by the time it is asked who that is: then nobody does, and
 * nothing is denied. */
static enum pause_result seize(struct pause *pause, pid_t tid)
{
	enum pause_result result = PAUSE_DENIED;
	for (int i = 0; i < SEIZE_ATTEMPTS && result == PAUSE_DENIED; i++) {
		if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) == 0)
			return PAUSE_HELD;
		result = errno == EPERM ? explain_refusal(pause, tid) : PAUSE_GONE;
	}
	return result;
}

static enum pause_result interrupt(struct pause *pause, struct paused_thread *thread)
{
	enum pause_result seized = seize(pause, thread->tid);
	if (seized != PAUSE_HELD)
		return seized;
	size_t traced = atomic_load(&pause->traced_count);
	if (traced == MOST_TRACED)
		return PAUSE_STORM;
	pause->traced[traced] = thread->tid;
	atomic_store(&pause->traced_count, traced + 1);
	if (pause->began == 0)
		pause->began = clock_monotonic();
	if (ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL) < 0)
		return PAUSE_GONE;
	thread->held = HELD_PENDING;
	return PAUSE_HELD;
}

/* The look at it must be fresh. */
static enum pause_result take(struct pause *pause, const struct task *task)
{
	struct paused_thread *thread = add_thread(pause, task);
	if (!thread)
		return PAUSE_NO_MEMORY;
	if (task->state == TASK_GONE)
		return PAUSE_HELD;
	if (task->state == TASK_ASLEEP && is_fragile(task->call) &&
	    task_letter(pause->proc, task->tid) != 'D') {
		thread->held = HELD_SKIPPED;
		pause->skipped++;
		return PAUSE_HELD;
	}
	/* One that is gone by now is no obstacle. */
	enum pause_result result = interrupt(pause, thread);
	return result == PAUSE_GONE ? PAUSE_HELD : result;
}

/* Asleep, or calculating: it used its CPU for some time without leaving it. */
static bool is_settled(const struct pause *pause, struct task *task)
{
	struct task before = *task;
	task_look(pause->proc, task);
	return task->state != TASK_RUNNING ||
	       (before.state == TASK_RUNNING && before.runs == task->runs &&
		before.time != task->time);
}

/* A thread that gets a CPU just then may be on its way into a call, and one that waits
 * for a CPU may be on its way out of one, where an interrupt still ends it early. They
 * are given time to get there, while nothing is held yet. */
static void let_settle(const struct pause *pause, struct task *task, double deadline)
{
	while (task->state == TASK_RUNNING && !is_settled(pause, task) &&
	       clock_monotonic() < deadline)
		nap(SETTLING_NAP);
	task->busy = task->state == TASK_RUNNING;
}

static void let_all_settle(const struct pause *pause, struct task_list *tasks)
{
	double deadline = clock_monotonic() + PATIENCE;
	for (size_t i = 0; i < tasks->count; i++)
		task_look(pause->proc, &tasks->items[i]);
	for (size_t i = 0; i < tasks->count; i++)
		let_settle(pause, &tasks->items[i], deadline);
}

/* Has it come to a stop? Its end counts as one. */
static bool look_for_stop(struct pause *pause, struct paused_thread *thread)
{
	siginfo_t info = {0};
	if (waitid(P_PID, thread->tid, &info, WSTOPPED | WEXITED | WNOHANG | __WALL | WNOWAIT) <
	    0) {
		thread->held = HELD_NOT;
		return true;
	}
	if (info.si_pid == 0)
		return false;
	if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED) {
		thread->held = HELD_NOT;
		return true;
	}
	/* With an event above the signal it is an interrupt or the stop of a job;
	 * without, a signal that is being delivered. ptrace(2). */
	thread->signal = info.si_status >> 8 ? 0 : info.si_status;
	thread->held = HELD_STOPPED;
	pause->stopped++;
	return true;
}

static enum pause_result wait_for(struct pause *pause, struct paused_thread *thread,
				  double deadline)
{
	for (long time = SHORTEST_NAP; !look_for_stop(pause, thread);) {
		char letter = task_letter(pause->proc, thread->tid);
		if (letter == 0 || letter == 'Z' || letter == 'X' || letter == 'x')
			thread->held = HELD_NOT; /* a leader that ends first is never reported */
		if (letter == 'D' || thread->held == HELD_NOT)
			break;
		if (clock_monotonic() > deadline) {
			pause->culprit = thread->tid;
			return PAUSE_LATE;
		}
		nap(time);
		time = time * 2 < LONGEST_NAP ? time * 2 : LONGEST_NAP;
	}
	return PAUSE_HELD;
}

/* First all are asked to stop, then all are waited for: two to twenty times faster
 * than one after the other. */
static enum pause_result stop_new(struct pause *pause, double deadline, bool *ret_any)
{
	size_t first = pause->count;
	enum pause_result result = PAUSE_HELD;
	int errnum = task_list_read(pause->proc, &pause->tasks);
	if (errnum)
		return errnum == ENOMEM || errnum == EMFILE || errnum == ENFILE ? PAUSE_NO_MEMORY
										: PAUSE_GONE;
	if (pause->began == 0)
		let_all_settle(pause, &pause->tasks);
	/* Those that were asleep first: the others may be so too by the time, and get a
	 * little more of it if they are not known to be busy. */
	double patience = 0;
	for (unsigned running = 0; running < 2; running++)
		for (size_t i = 0; i < pause->tasks.count && result == PAUSE_HELD; i++) {
			struct task *task = &pause->tasks.items[i];
			if ((task->state == TASK_RUNNING) != running || is_known(pause, task->tid))
				continue;
			task_look(pause->proc, task);
			if (patience == 0 && running)
				patience = clock_monotonic() + HELD_PATIENCE;
			if (running && !task->busy)
				let_settle(pause, task, patience);
			if (running || task->state != TASK_RUNNING)
				result = take(pause, task);
		}
	for (size_t i = first; i < pause->count && result == PAUSE_HELD; i++)
		if (pause->threads[i].held == HELD_PENDING)
			result = wait_for(pause, &pause->threads[i], deadline);
	*ret_any = pause->count != first;
	sort(pause);
	return result;
}

/* A thread that was left alone and woke up all the same will do so again: wait, while
 * nothing is held yet, for it to leave its call by itself. To be seen in one run twice,
 * with time on a CPU between, means that it has something to do there, so that the
 * interrupt does not find it back in its call. Without that time it only waits for a
 * CPU, on a busy machine often, to look once and wait again. */
static enum pause_result catch_restless(struct pause *pause, double deadline)
{
	enum pause_result result = PAUSE_HELD;
	struct task seen[MOST_RESTLESS] = {0};
	double patience = clock_monotonic() + PATIENCE;
	for (size_t left = pause->restless_count; left && clock_monotonic() < patience;) {
		left = 0;
		for (size_t i = 0; i < pause->restless_count && result == PAUSE_HELD; i++) {
			struct task now = {.tid = pause->restless[i]};
			if (seen[i].state == TASK_GONE && seen[i].runs)
				continue;
			task_look(pause->proc, &now);
			bool busy = now.state == TASK_RUNNING && seen[i].state == TASK_RUNNING &&
				    now.runs == seen[i].runs && now.time != seen[i].time;
			seen[i] = now;
			left += !busy;
			if (busy) {
				result = take(pause, &now);
				seen[i].state = TASK_GONE;
				patience = clock_monotonic() + PATIENCE / 10;
			}
		}
		sched_yield();
	}
	for (size_t i = 0; i < pause->count && result == PAUSE_HELD; i++)
		if (pause->threads[i].held == HELD_PENDING)
			result = wait_for(pause, &pause->threads[i], deadline);
	sort(pause);
	return result;
}

static void begin(struct pause *pause)
{
	atomic_store(&pause->traced_count, 0);
	pause->count = pause->sorted = 0;
	pause->stopped = pause->skipped = 0;
	pause->began = 0;
}

enum pause_result pause_begin_one(struct pause *pause, pid_t tid, bool only_running,
				  double deadline)
{
	struct task task = {.tid = tid};
	begin(pause);
	task_look(pause->proc, &task);
	let_settle(pause, &task, clock_monotonic() + PATIENCE);
	if (only_running && task.state == TASK_ASLEEP)
		return PAUSE_HELD;
	enum pause_result result = take(pause, &task);
	if (result == PAUSE_HELD && pause->count && pause->threads[0].held == HELD_PENDING)
		result = wait_for(pause, &pause->threads[0], deadline);
	sort(pause);
	return result;
}

enum pause_result pause_begin(struct pause *pause, double deadline)
{
	begin(pause);
	enum pause_result result = catch_restless(pause, deadline);
	pause->restless_count = 0;
	for (unsigned round = 0; round < MOST_ROUNDS; round++) {
		bool any = false;
		if (result == PAUSE_HELD)
			result = stop_new(pause, deadline, &any);
		if (result != PAUSE_HELD)
			return result;
		if (!any)
			return PAUSE_HELD;
		if (clock_monotonic() > deadline) {
			pause->culprit = 0;
			return PAUSE_LATE;
		}
	}
	return PAUSE_STORM;
}

bool pause_was_whole(struct pause *pause)
{
	bool whole = task_list_read(pause->proc, &pause->tasks) == 0;
	for (size_t i = 0; i < pause->tasks.count && whole; i++)
		whole = is_known(pause, pause->tasks.items[i].tid);
	for (size_t i = 0; i < pause->count; i++) {
		const struct paused_thread *thread = &pause->threads[i];
		if (thread->held != HELD_SKIPPED ||
		    task_runs(pause->proc, thread->tid) == thread->runs)
			continue;
		whole = false;
		if (pause->restless_count < MOST_RESTLESS)
			pause->restless[pause->restless_count++] = thread->tid;
	}
	return whole;
}

/* ---- registers ------------------------------------------------------------ */

static bool read_registers(const struct pause *pause, const struct paused_thread *thread,
			   struct registers *ret_registers)
{
	struct user_regs_struct user;
	struct iovec vector = {&user, sizeof(user)};
	if (thread->held == HELD_STOPPED &&
	    ptrace(PTRACE_GETREGSET, thread->tid, (void *)NT_PRSTATUS, &vector) == 0 &&
	    vector.iov_len == sizeof(user)) {
		*ret_registers = registers_from_user(&user);
		return true;
	}
	struct task task = {.tid = thread->tid};
	task_look(pause->proc, &task);
	if (thread->held != HELD_SKIPPED || task.state != TASK_ASLEEP || !task.sp || !task.ip)
		return false;
	*ret_registers = registers_of_sleeper(task.sp, task.ip);
	return true;
}

void pause_visit_registers(const struct pause *pause, pause_registers_visitor *visit, void *context)
{
	for (size_t i = 0; i < pause->count; i++) {
		struct registers registers;
		if (read_registers(pause, &pause->threads[i], &registers))
			visit(context, pause->threads[i].tid, &registers);
	}
}

/* ---- letting go ---------------------------------------------------------- */

static void let_go(struct pause *pause, bool busy)
{
	for (size_t i = 0; i < pause->count; i++) {
		struct paused_thread *thread = &pause->threads[i];
		if (thread->busy != busy)
			continue;
		/* It may have come to its stop since. */
		if (thread->held == HELD_PENDING)
			look_for_stop(pause, thread);
		if (thread->held == HELD_STOPPED &&
		    ptrace(PTRACE_DETACH, thread->tid, NULL, (void *)(intptr_t)thread->signal) == 0)
			thread->held = HELD_NOT;
	}
}

/* Those that wanted to run come last: they take the CPU that we need for the rest. */
bool pause_end(struct pause *pause)
{
	let_go(pause, false);
	let_go(pause, true);
	for (size_t i = 0; i < pause->count; i++)
		if (pause->threads[i].held == HELD_PENDING ||
		    pause->threads[i].held == HELD_STOPPED)
			return false;
	return true;
}
