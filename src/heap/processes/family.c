/* SPDX-License-Identifier: MIT */
#include "heap/processes/family.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/io.h"
#include "target/process/proc.h"
#include "target/process/tasks.h"

DEFINE_CLEANUP(DIR *, closedir)

/* Of one file "children": PID_MAX_LIMIT numbers and more. */
enum { MOST_CHILDREN_TEXT = 32 << 20 };

void heapspy_family_fini(struct heapspy_family *family)
{
	free(family->items);
	*family = (struct heapspy_family){0};
}

const struct heapspy_relative *heapspy_family_find(const struct heapspy_family *family, pid_t pid,
						   uint64_t start)
{
	for (size_t i = 0; i < family->count; i++)
		if (family->items[i].pid == pid && family->items[i].start == start)
			return &family->items[i];
	return NULL;
}

static bool has(const struct heapspy_family *family, pid_t pid)
{
	for (size_t i = 0; i < family->count; i++)
		if (family->items[i].pid == pid)
			return true;
	return false;
}

/* One more, unless it is there already or is gone. False without memory. */
static bool add(struct heapspy_family *family, pid_t pid, unsigned depth)
{
	char name[48];
	struct proc_stat stat;
	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	if (has(family, pid) || !proc_read_stat(AT_FDCWD, name, &stat) || stat.state == 'Z')
		return true;
	if (family->count == HEAPSPY_MOST_RELATIVES) {
		family->cut = true;
		return true;
	}
	/* Powers of two: a new size at each. */
	if ((family->count & (family->count - 1)) == 0) {
		size_t capacity = family->count ? family->count * 2 : 1;
		void *items = realloc(family->items, capacity * sizeof(*family->items));
		if (!items)
			return false;
		family->items = items;
	}
	family->items[family->count++] = (struct heapspy_relative){
	    .pid = pid,
	    .parent = stat.ppid,
	    .depth = depth,
	    .start = stat.start_time,
	    .age = proc_uptime(stat.start_time),
	};
	return true;
}

/* ---- as the kernel lists them -------------------------------------------------------- */

/* The children that a thread started: /proc/PID/task/TID/children, of kernels with
 * CONFIG_PROC_CHILDREN. */
static bool add_children_of_thread(struct heapspy_family *family, int proc, pid_t tid,
				   unsigned depth)
{
	char name[48];
	snprintf(name, sizeof(name), "task/%d/children", (int)tid);
	CLEANUP(freep) char *text = io_read_file(proc, name, MOST_CHILDREN_TEXT, NULL);
	char *at = text, *after;
	for (long pid; at && (pid = strtol(at, &after, 10)) > 0 && after != at; at = after)
		if (!add(family, (pid_t)pid, depth))
			return false;
	return true;
}

static bool add_children(struct heapspy_family *family, pid_t pid, unsigned depth)
{
	char name[32];
	snprintf(name, sizeof(name), "/proc/%d", (int)pid);
	CLEANUP(closep) int proc = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(task_list_fini) struct task_list tasks = {0};
	if (proc < 0 || task_list_read(proc, &tasks) != 0)
		return true;
	for (size_t i = 0; i < tasks.count; i++)
		if (!add_children_of_thread(family, proc, tasks.items[i].tid, depth))
			return false;
	return true;
}

/* ---- where it does not ---------------------------------------------------------------- */

struct parentage {
	pid_t pid, parent;
};

struct machine {
	struct parentage *items;
	size_t count, capacity;
};

static bool note(struct machine *machine, pid_t pid, pid_t parent)
{
	if (!ARRAY_RESERVE(machine->items, machine->capacity, machine->count + 1))
		return false;
	machine->items[machine->count++] = (struct parentage){pid, parent};
	return true;
}

/* The parent of every process. */
static bool look_around(struct machine *machine)
{
	CLEANUP(closedirp) DIR *directory = opendir("/proc");
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		char *end, name[300];
		struct proc_stat stat;
		long pid = strtol(entry->d_name, &end, 10);
		if (end == entry->d_name || *end)
			continue;
		snprintf(name, sizeof(name), "%s/stat", entry->d_name);
		if (proc_read_stat(dirfd(directory), name, &stat) &&
		    !note(machine, (pid_t)pid, stat.ppid))
			return false;
	}
	return true;
}

static bool add_children_found(struct heapspy_family *family, const struct machine *machine,
			       pid_t pid, unsigned depth)
{
	for (size_t i = 0; i < machine->count; i++)
		if (machine->items[i].parent == pid && !add(family, machine->items[i].pid, depth))
			return false;
	return true;
}

/* ---- both ------------------------------------------------------------------------------ */

/* Whoever is added is looked at in its turn. */
static bool add_all(struct heapspy_family *family, bool listed)
{
	struct machine machine = {0};
	bool done = listed || look_around(&machine);
	for (size_t i = 0; done && i < family->count; i++) {
		pid_t pid = family->items[i].pid;
		unsigned depth = family->items[i].depth + 1;
		done = listed ? add_children(family, pid, depth)
			      : add_children_found(family, &machine, pid, depth);
	}
	free(machine.items);
	return done;
}

struct heapspy_error *family_list(const pid_t *pids, size_t count, bool listed,
				  struct heapspy_family *ret_family)
{
	struct heapspy_family family = {0};
	bool done = true;
	for (size_t i = 0; done && i < count; i++)
		done = add(&family, pids[i], 0);
	if (!done || !add_all(&family, listed)) {
		heapspy_family_fini(&family);
		return error_no_memory();
	}
	*ret_family = family;
	return NULL;
}

struct heapspy_error *heapspy_family_list(const pid_t *pids, size_t count,
					  struct heapspy_family *ret_family)
{
	bool listed = access("/proc/thread-self/children", F_OK) == 0;
	return family_list(pids, count, listed, ret_family);
}
