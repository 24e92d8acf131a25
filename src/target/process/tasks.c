/* SPDX-License-Identifier: MIT */
#include "target/process/tasks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "target/process/proc.h"

enum {
	DIRECTORY_BUFFER = 32768,
	LONGEST_LINE = 4096,
	MOST_STATUS = 1 << 20, /* a line of it lists the groups: up to 65,536 */
};

void task_list_fini(struct task_list *list)
{
	free(list->items);
	*list = (struct task_list){0};
}

static bool add(struct task_list *list, pid_t tid)
{
	if (!ARRAY_RESERVE(list->items, list->capacity, list->count + 1))
		return false;
	list->items[list->count++] = (struct task){.tid = tid};
	return true;
}

/* Not readdir(): between the copies of a buffer the list of the kernel may change,
 * and the fewer they are the better. */
int task_list_read(int proc, struct task_list *list)
{
	CLEANUP(closep) int fd = openat(proc, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? ESRCH : errno;
	list->count = 0;
	_Alignas(struct dirent64) char buffer[DIRECTORY_BUFFER];
	for (;;) {
		ssize_t got = getdents64(fd, buffer, sizeof(buffer));
		if (got < 0)
			return errno == ENOENT ? ESRCH : errno;
		if (got == 0)
			return list->count ? 0 : ESRCH;
		for (ssize_t at = 0; at < got;) {
			const struct dirent64 *entry = (void *)(buffer + at);
			at += entry->d_reclen;
			int tid = atoi(entry->d_name);
			if (tid > 0 && !add(list, tid))
				return ENOMEM;
		}
	}
}

/* A short file of a thread, as text; false when it is not there. */
static bool read_line(int proc, pid_t tid, const char *file, char line[static LONGEST_LINE])
{
	char name[64];
	snprintf(name, sizeof(name), "task/%d/%s", tid, file);
	CLEANUP(closep) int fd = openat(proc, name, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, line, LONGEST_LINE - 1);
	line[got > 0 ? got : 0] = '\0';
	return got > 0;
}

static uint64_t number_after(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

/* Third number of schedstat; kernels without it (CONFIG_SCHED_INFO) give zeros. The
 * switches of status count the ends of the same runs. */
static uint64_t runs_and_time(int proc, pid_t tid, uint64_t *ret_time)
{
	char line[LONGEST_LINE];
	unsigned long long runs = 0, time = 0;
	bool known = read_line(proc, tid, "schedstat", line) &&
		     sscanf(line, "%llu %*u %llu", &time, &runs) == 2;
	*ret_time = time;
	if (known && runs)
		return runs;
	snprintf(line, sizeof(line), "task/%d/status", tid);
	CLEANUP(freep) char *status = io_read_file(proc, line, MOST_STATUS, NULL);
	if (!status)
		return UINT64_MAX;
	return number_after(status, "\nvoluntary_ctxt_switches:") +
	       number_after(status, "\nnonvoluntary_ctxt_switches:");
}

uint64_t task_runs(int proc, pid_t tid)
{
	uint64_t time;
	return runs_and_time(proc, tid, &time);
}

char task_letter(int proc, pid_t tid)
{
	char line[LONGEST_LINE];
	struct proc_stat stat;
	if (!read_line(proc, tid, "stat", line) || !proc_parse_stat(line, strlen(line), &stat))
		return 0;
	return stat.state;
}

/* "running", or the number of a system call and its arguments, -1 outside of one.
 * The kernel makes sure that the thread has left the CPU before it shows a number
 * (wait_task_inactive() in lib/syscall.c): the state letter of stat does not prove
 * that. A zombie shows as asleep outside of a call, and will never run. */
void task_look(int proc, struct task *task)
{
	char line[LONGEST_LINE];
	task->call = -1;
	task->sp = task->ip = 0;
	task->state = TASK_GONE;
	task->runs = runs_and_time(proc, task->tid, &task->time);
	if (task->runs == UINT64_MAX)
		return;
	task->state = TASK_RUNNING;
	if (!read_line(proc, task->tid, "syscall", line))
		return;
	char *end;
	long call = strtol(line, &end, 10);
	if (end == line)
		return;
	task->call = call;
	task->state = TASK_ASLEEP;
	/* The arguments, then these; outside of a call these alone. */
	uint64_t numbers[8] = {0};
	size_t count = 0;
	for (char *at = end; count < 8; at = end) {
		numbers[count] = strtoull(at, &end, 16);
		if (end == at)
			break;
		count++;
	}
	if (count < 2)
		return;
	task->sp = numbers[count - 2];
	task->ip = numbers[count - 1];
}
