/* SPDX-License-Identifier: MIT */
#include "target/process/identity.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "target/process/permission.h"
#include "target/process/proc.h"

/* Numbers of the kernel's ABI, for headers older than the kernel. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

DEFINE_CLEANUP(DIR *, closedir)

struct heapspy_error *identity_gone_error(const struct identity *identity)
{
	struct heapspy_error *error = error_new(HEAPSPY_GONE, "process %d is gone", identity->pid);
	return error_why(error, "it ended, or became another program, while it was read");
}

static struct heapspy_error *no_process_error(pid_t pid)
{
	struct heapspy_error *error = error_new(HEAPSPY_NO_PROCESS, "no process %d", pid);
	return error_remedy(error_why(error, "no process has this PID"), "heapspy ps");
}

static struct heapspy_error *open_directory(pid_t pid, int *ret_fd)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d", pid);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		*ret_fd = fd;
		return NULL;
	}
	int errnum = errno;
	if (errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM)
		return error_errno(HEAPSPY_LIMIT, errnum, "cannot open process %d", pid);
	if (access("/proc/self/stat", F_OK) < 0) {
		struct heapspy_error *error =
			error_new(HEAPSPY_PERMISSION, "cannot open process %d", pid);
		error_why(error, "/proc is not mounted");
		return error_remedy(error, "sudo mount -t proc proc /proc");
	}
	/* Signal 0 is sent to nobody: it only tells whether there is somebody. */
	if (kill(pid, 0) == 0 || errno == EPERM)
		return permission_hidden_error(pid);
	return no_process_error(pid);
}

static bool is_living(char state)
{
	return state != 'Z' && state != 'X' && state != 'x';
}

pid_t identity_living_task(const struct identity *identity)
{
	struct proc_stat stat;
	if (!proc_read_stat(identity->proc, "stat", &stat))
		return 0;
	if (is_living(stat.state))
		return identity->pid;

	int fd = openat(identity->proc, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closedirp) DIR *tasks = fd < 0 ? NULL : fdopendir(fd);
	if (!tasks) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	for (struct dirent *entry; (entry = readdir(tasks));) {
		char *end, name[300];
		long task = strtol(entry->d_name, &end, 10);
		if (end == entry->d_name || *end)
			continue;
		snprintf(name, sizeof(name), "%s/stat", entry->d_name);
		if (proc_read_stat(fd, name, &stat) && is_living(stat.state))
			return task;
	}
	return 0;
}

bool identity_alive(const struct identity *identity)
{
	if (identity->pidfd >= 0) {
		struct pollfd poll_pidfd = {.fd = identity->pidfd, .events = POLLIN};
		int ready;
		do
			ready = poll(&poll_pidfd, 1, 0);
		while (ready < 0 && errno == EINTR);
		return ready == 0;
	}
	return identity_living_task(identity) != 0;
}

/* It is we who have no more descriptors or memory. */
static bool is_limit(int errnum)
{
	return errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM;
}

static struct heapspy_error *limit_error(const struct identity *identity, int errnum)
{
	return error_errno(HEAPSPY_LIMIT, errnum, "cannot open process %d", identity->pid);
}

/* Kernel threads carry this flag in field 9 of stat: include/linux/sched.h. */
static const unsigned PF_KTHREAD = 0x00200000;

static struct heapspy_error *check_kind(struct identity *identity)
{
	struct proc_stat stat;
	struct proc_status status;
	errno = 0;
	if (!proc_read_stat(identity->proc, "stat", &stat) ||
	    !proc_read_status(identity->proc, "status", &status))
		return is_limit(errno) ? limit_error(identity, errno)
				       : identity_gone_error(identity);
	identity->start_time = stat.start_time;

	struct heapspy_error *error;
	if (status.tgid != identity->pid) {
		error = error_new(HEAPSPY_NO_PROCESS, "no process %d", identity->pid);
		error_why(error, "it is a thread of process %d", status.tgid);
		return permission_rerun(error, identity->pid, status.tgid);
	}
	if (stat.flags & PF_KTHREAD) {
		error = error_new(HEAPSPY_NOT_PYTHON, "process %d is not Python", identity->pid);
		return error_remedy(error_why(error, "it is a thread of the kernel"), "heapspy ps");
	}
	if (!identity_living_task(identity)) {
		/* An exec by another thread than the first: that one takes over the PID, and
		 * for a moment none is found by its number. The pidfd is not fooled. */
		if (identity->pidfd >= 0 && identity_alive(identity))
			return identity_gone_error(identity);
		error = error_new(HEAPSPY_NO_PROCESS, "process %d is already dead", identity->pid);
		return error_why(error, "it ended, and its parent (process %d) has not asked how", stat.ppid);
	}
	return NULL;
}

struct heapspy_error *identity_open(pid_t pid, struct identity *ret_identity)
{
	if (pid <= 0) {
		struct heapspy_error *error = error_new(HEAPSPY_USAGE, "no process %d", pid);
		return error_why(error, "a PID is a positive number");
	}
	if (pid == getpid()) {
		struct heapspy_error *error = error_new(HEAPSPY_USAGE, "process %d is heapspy itself", pid);
		return error_why(error, "a process cannot be read by itself from outside");
	}
	struct identity identity = {.pid = pid, .proc = -1, .pidfd = -1};
	struct heapspy_error *error = open_directory(pid, &identity.proc);
	if (error)
		return error;

	identity.pidfd = syscall(SYS_pidfd_open, pid, 0);
	int errnum = errno;
	/* The directory was opened first: as long as it answers after this, the pidfd
	 * cannot be of a later process with the same PID. */
	error = check_kind(&identity);
	if (!error && identity.pidfd < 0) {
		if (errnum == ESRCH)
			error = identity_gone_error(&identity);
		else if (is_limit(errnum))
			error = limit_error(&identity, errnum);
	}
	if (error) {
		identity_close(&identity);
		return error;
	}
	*ret_identity = identity;
	return NULL;
}

void identity_close(struct identity *identity)
{
	closep(&identity->proc);
	closep(&identity->pidfd);
	identity->proc = identity->pidfd = -1;
}
