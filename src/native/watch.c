/* SPDX-License-Identifier: MIT */
#include "native/watch_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "target/process/tasks.h"

/* Pages of a ring: what perf_event_mlock_kb allows everybody for each CPU, and more for
 * those who may have it. */
enum { RING_PAGES = 512, TOUCH_RING_PAGES = 64 };

/* So often the list of threads is read until all of them are covered. */
enum { COVER_ROUNDS = 50 };

enum { MAX_CPUS = 4096 };

/* Events of a thread on a CPU: of page faults, or of what is mapped and then those of the
 * calls. The first has the ring of its CPU, and tells of threads. */
enum { EVENT_FIRST, EVENT_CALLS };

/* So much in a ring wakes whoever waits for it, if nothing else did. */
enum { WAKE_BYTES = 256 << 10 };

/* ax bx cx dx si di bp sp ip, r8 - r15: asm/perf_regs.h. The segment and flags registers
 * between them are left out. */
#define REGISTER_MASK UINT64_C(0xff01ff)

/* ---- the machine -------------------------------------------------------------- */

/* "0-3,8": /sys/devices/system/cpu/online. */
static size_t list_cpus(int **ret_cpus)
{
	size_t length, count = 0;
	CLEANUP(freep) char *text =
		io_read_file(AT_FDCWD, "/sys/devices/system/cpu/online", 65536, &length);
	int *cpus = calloc(MAX_CPUS, sizeof(*cpus));
	for (char *at = text; cpus && at && *at;) {
		char *end;
		long first = strtol(at, &end, 10), last = first;
		if (end == at)
			break;
		if (*end == '-')
			last = strtol(end + 1, &end, 10);
		for (long cpu = first; cpu <= last && count < MAX_CPUS; cpu++)
			cpus[count++] = (int)cpu;
		at = *end == ',' ? end + 1 : end + strlen(end);
	}
	if (cpus && count == 0)
		cpus[count++] = 0;
	*ret_cpus = cpus;
	return cpus ? count : 0;
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* ---- opening -------------------------------------------------------------------- */

static struct perf_event_attr attributes(const struct watch *watch, size_t index)
{
	const struct watch_options *options = &watch->options;
	struct perf_event_attr attr = {
		.size = sizeof(struct perf_event_attr),
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME,
		.sample_id_all = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.inherit = 1,
		.inherit_thread = watch->inherit_thread,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		/* Waking somebody takes the target longer than what is told: only for touches,
		 * whose stacks are soon others. */
		.watermark = 1,
		.wakeup_watermark = WAKE_BYTES,
	};
	attr.task = index == EVENT_FIRST;
	if (index == EVENT_FIRST && !options->touch_period) {
		attr.type = PERF_TYPE_SOFTWARE;
		attr.config = PERF_COUNT_SW_DUMMY;
		attr.mmap = attr.mmap2 = attr.mmap_data = 1;
		attr.comm = attr.comm_exec = 1;
		return attr;
	}
	attr.sample_type |= PERF_SAMPLE_ADDR | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;
	attr.sample_regs_user = REGISTER_MASK;
	attr.sample_stack_user = options->stack;
	if (index == EVENT_FIRST) {
		attr.type = PERF_TYPE_SOFTWARE;
		attr.config = PERF_COUNT_SW_PAGE_FAULTS;
		attr.sample_period = options->touch_period;
		attr.watermark = 0;
		attr.wakeup_events = 1;
		return attr;
	}
	attr.type = PERF_TYPE_BREAKPOINT;
	attr.sample_period = 1;
	attr.bp_type = HW_BREAKPOINT_X;
	attr.bp_addr = options->calls[index - EVENT_CALLS];
	attr.bp_len = HW_BREAKPOINT_LEN_8; /* of code: sizeof(long) */
	attr.disabled = watch->untold;
	return attr;
}

static int open_event(struct watch *watch, pid_t tid, int cpu, size_t index)
{
	struct perf_event_attr attr = attributes(watch, index);
	int fd = (int)syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0 && errno == EINVAL && watch->inherit_thread) {
		watch->inherit_thread = false;
		return open_event(watch, tid, cpu, index);
	}
	return fd;
}

/* Give a CPU its ring, with the first event; others write to it. 0 or an errno. */
static int attach_ring(struct watch *watch, size_t cpu, int fd)
{
	if (watch->owners[cpu] >= 0)
		return ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, watch->owners[cpu]) < 0 ? errno : 0;
	unsigned pages = watch->options.touch_period ? TOUCH_RING_PAGES : RING_PAGES;
	int error = perf_ring_open(fd, pages, &watch->rings[cpu]);
	if (error)
		return error;
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	if (epoll_ctl(watch->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return errno;
	watch->owners[cpu] = fd;
	return 0;
}

static void close_events(const struct watch *watch, int *fds)
{
	for (size_t i = 0; fds && i < watch->cpu_count * watch->event_count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(fds);
}

bool watch_covers(const struct watch *watch, pid_t tid)
{
	for (size_t i = watch->covered_count; i-- > 0;)
		if (watch->covered[i].tid == tid)
			return true;
	return false;
}

bool watch_add_covered(struct watch *watch, pid_t tid, int *fds)
{
	size_t count = watch->covered_count;
	if ((count & (count - 1)) == 0) {
		struct covered *more =
			realloc(watch->covered, (count ? 2 * count : 1) * sizeof(*more));
		if (!more)
			return false;
		watch->covered = more;
	}
	watch->covered[watch->covered_count++] = (struct covered){tid, fds};
	return true;
}

void watch_forget(struct watch *watch, pid_t tid)
{
	for (size_t i = 0; i < watch->covered_count; i++) {
		struct covered *one = &watch->covered[i];
		if (one->tid != tid)
			continue;
		if (one->fds)
			one->tid = 0;
		else
			*one = watch->covered[--watch->covered_count];
		return;
	}
}

/* 0 or an errno; ESRCH: it ended. */
static int cover(struct watch *watch, pid_t tid)
{
	size_t count = watch->cpu_count * watch->event_count;
	int *fds = malloc(count * sizeof(*fds));
	int error = fds ? 0 : ENOMEM;
	for (size_t i = 0; fds && i < count; i++)
		fds[i] = -1;
	for (size_t i = 0; i < count && !error; i++) {
		size_t cpu = i / watch->event_count;
		fds[i] = open_event(watch, tid, watch->cpus[cpu], i % watch->event_count);
		/* A CPU that went offline meanwhile runs nothing. */
		if (fds[i] < 0 && errno == ENODEV && cpu > 0)
			continue;
		error = fds[i] < 0 ? errno : attach_ring(watch, cpu, fds[i]);
	}
	if (!error && watch_add_covered(watch, tid, fds))
		return 0;
	for (size_t cpu = 0; fds && cpu < watch->cpu_count; cpu++) {
		if (watch->owners[cpu] < 0 ||
		    watch->owners[cpu] != fds[cpu * watch->event_count + EVENT_FIRST])
			continue;
		perf_ring_close(&watch->rings[cpu]);
		watch->owners[cpu] = -1;
	}
	close_events(watch, fds);
	return error ?: ENOMEM;
}

/* ---- all threads --------------------------------------------------------------------- */

/* 0 or an errno. Threads that a covered one begins are covered by the kernel, which says
 * so in the rings; threads that others begin meanwhile are met in the next round. */
static int cover_all(struct watch *watch)
{
	CLEANUP(task_list_fini) struct task_list tasks = {0};
	for (int round = 0; round < COVER_ROUNDS; round++) {
		int error = task_list_read(watch->proc, &tasks);
		if (error)
			return error;
		watch_collect(watch);
		bool any = false;
		for (size_t i = 0; i < tasks.count; i++) {
			if (watch_covers(watch, tasks.items[i].tid))
				continue;
			error = cover(watch, tasks.items[i].tid);
			/* No register is left: the kernel covered it just now. */
			if (error == ENOSPC && watch->covered_count)
				error = watch_add_covered(watch, tasks.items[i].tid, NULL) ? 0 : ENOMEM;
			if (error && error != ESRCH)
				return error;
			any = true;
		}
		if (!any)
			return watch->covered_count ? 0 : ESRCH;
	}
	return 0;
}

static struct heapspy_error *refused(const struct watch *watch, int errnum)
{
	enum heapspy_code code = errnum == EACCES || errnum == EPERM ? HEAPSPY_PERMISSION
				 : errnum == ESRCH		     ? HEAPSPY_GONE
								     : HEAPSPY_LIMIT;
	struct heapspy_error *error =
		error_errno(code, errnum, "cannot watch the allocators of process %d", (int)watch->pid);
	size_t length;
	CLEANUP(freep) char *paranoid =
		io_read_file(AT_FDCWD, "/proc/sys/kernel/perf_event_paranoid", 64, &length);
	switch (errnum) {
	case EACCES:
	case EPERM:
		if (paranoid)
			paranoid[strcspn(paranoid, "\n")] = 0;
		error_why(error, "the kernel refuses perf events: kernel.perf_event_paranoid is %s, "
			  "or a seccomp filter forbids them", paranoid ?: "not known");
		break;
	case ENOSPC:
		error_why(error, "its debug registers are taken: by a debugger, or by another watcher");
		break;
	case EMFILE:
		error_why(error, "%zu descriptors are needed for each of its threads, and no more "
			  "may be open", watch->cpu_count * watch->event_count);
		break;
	case ENOENT:
	case EOPNOTSUPP:
	case ENODEV:
	case ENOSYS:
		error_why(error, "this kernel or machine has no hardware watchpoints");
		break;
	default:
		break;
	}
	return error;
}

struct heapspy_error *watch_open(pid_t pid, int proc, const struct watch_options *options,
				 struct watch **ret_watch)
{
	CLEANUP(watch_closep) struct watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return error_no_memory();
	watch->pid = pid;
	watch->proc = proc;
	watch->options = *options;
	watch->inherit_thread = true;
	watch->event_count = EVENT_CALLS + options->call_count;
	watch->epoll = epoll_create1(EPOLL_CLOEXEC);
	watch->cpu_count = list_cpus(&watch->cpus);
	watch->owners = malloc((watch->cpu_count + 1) * sizeof(*watch->owners));
	watch->rings = calloc(watch->cpu_count + 1, sizeof(*watch->rings));
	if (watch->epoll < 0 || !watch->cpus || !watch->owners || !watch->rings)
		return error_no_memory();
	for (size_t i = 0; i < watch->cpu_count; i++)
		watch->owners[i] = -1;
	raise_descriptor_limit();
	int error = cover_all(watch);
	if (error)
		return refused(watch, error);
	*ret_watch = take_pointer(watch);
	return NULL;
}

void watch_close(struct watch *watch)
{
	if (!watch)
		return;
	for (size_t i = 0; i < watch->covered_count; i++)
		close_events(watch, watch->covered[i].fds);
	for (size_t i = 0; watch->rings && i < watch->cpu_count; i++)
		perf_ring_close(&watch->rings[i]);
	closep(&watch->epoll);
	free(watch->covered);
	free(watch->rings);
	free(watch->owners);
	free(watch->cpus);
	free(watch->records);
	free(watch->bytes);
	free(watch);
}

int watch_fd(const struct watch *watch)
{
	return watch->epoll;
}

void watch_tell_calls(struct watch *watch, bool told)
{
	if (watch->untold == !told)
		return;
	watch->untold = !told;
	size_t count = watch->cpu_count * watch->event_count;
	for (size_t i = 0; i < watch->covered_count; i++) {
		const int *fds = watch->covered[i].fds;
		for (size_t at = 0; fds && at < count; at++) {
			/* Those that were made from it are switched with it. */
			if (at % watch->event_count >= EVENT_CALLS && fds[at] >= 0)
				ioctl(fds[at], told ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0);
		}
	}
}
