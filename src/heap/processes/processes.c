/* SPDX-License-Identifier: MIT */
#include <heapspy/processes.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "heap/processes/python_guess.h"
#include "python/layout.h"
#include "target/process/permission.h"
#include "target/process/proc.h"

DEFINE_CLEANUP(DIR *, closedir)

static void process_fini(struct heapspy_process *process)
{
	free(process->version);
	free(process->command);
	free(process->obstacle);
}

void heapspy_processes_fini(struct heapspy_processes *processes)
{
	for (size_t i = 0; i < processes->count; i++)
		process_fini(&processes->items[i]);
	free(processes->items);
	*processes = (struct heapspy_processes){0};
}

static bool is_known_version(const char *version)
{
	unsigned major, minor;
	if (sscanf(version, "%u.%u", &major, &minor) != 2)
		return true; /* cannot be told: let attaching decide */
	size_t count;
	const struct layout_row *rows = layout_table(&count);
	for (size_t i = 0; i < count; i++)
		if (rows[i].first >> 16 == (major << 8 | minor))
			return true;
	return false;
}

/* What stands in the way of reading it, as one phrase. Whether the kernel lets us
 * is tried, not guessed. False where the process is gone. */
static bool find_obstacle(pid_t pid, int proc, const char *version, char **ret_obstacle)
{
	CLEANUP(closep) int mem = openat(proc, "mem", O_RDONLY | O_CLOEXEC);
	*ret_obstacle = NULL;
	if (mem < 0) {
		int errnum = errno;
		if (errnum == ESRCH || errnum == ENOENT)
			return false;
		struct permission_facts facts;
		permission_learn(pid, proc, errnum, &facts);
		*ret_obstacle = strdup(permission_phrase(permission_cause_of(&facts)) ?: strerror(errnum));
	} else if (!is_known_version(version) &&
		   asprintf(ret_obstacle, "Python %s is not supported", version) < 0) {
		*ret_obstacle = NULL;
	}
	return true;
}

enum verdict { OTHER, PYTHON, NO_MEMORY };

/* A process that vanishes meanwhile is just no Python any more. */
static enum verdict look_at(struct python_guesser *guesser, pid_t pid, int proc,
			    struct heapspy_process *ret_process)
{
	struct proc_stat stat;
	struct proc_status status;
	char version[PYTHON_VERSION_SIZE];
	if (!python_guess(guesser, proc, version) || !proc_read_stat(proc, "stat", &stat) ||
	    !proc_read_status(proc, "status", &status))
		return OTHER;

	struct heapspy_process process = {.pid = pid, .uid = status.uid[1], .rss = stat.rss};
	process.command = proc_read_command_line(proc);
	if (*version)
		process.version = strdup(version);
	bool there = find_obstacle(pid, proc, version, &process.obstacle);
	if (there && process.command && (!*version || process.version)) {
		*ret_process = process;
		return PYTHON;
	}
	process_fini(&process);
	return there ? NO_MEMORY : OTHER;
}

static bool add(struct heapspy_processes *processes, const struct heapspy_process *process)
{
	struct heapspy_process *items =
		realloc(processes->items, (processes->count + 1) * sizeof(*items));
	if (!items)
		return false;
	processes->items = items;
	items[processes->count++] = *process;
	return true;
}

static int by_pid(const void *a, const void *b)
{
	const struct heapspy_process *left = a, *right = b;
	return (left->pid > right->pid) - (left->pid < right->pid);
}

struct heapspy_error *heapspy_processes_list(struct heapspy_processes *ret_processes)
{
	CLEANUP(closedirp) DIR *directory = opendir("/proc");
	if (!directory)
		return error_errno(errno == EMFILE || errno == ENFILE ? HEAPSPY_LIMIT : HEAPSPY_PERMISSION,
				   errno, "cannot list the processes");
	if (faccessat(dirfd(directory), "self/stat", F_OK, 0) < 0) {
		struct heapspy_error *error =
			error_new(HEAPSPY_PERMISSION, "cannot list the processes");
		error_why(error, "/proc is not mounted");
		return error_remedy(error, "sudo mount -t proc proc /proc");
	}

	struct heapspy_processes processes = {0};
	struct python_guesser guesser = {0};
	struct heapspy_error *error = NULL;
	for (struct dirent *entry; !error && (entry = readdir(directory));) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);
		if (end == entry->d_name || *end || pid == getpid())
			continue;
		CLEANUP(closep) int proc =
			openat(dirfd(directory), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (proc < 0)
			continue;
		struct heapspy_process process;
		enum verdict verdict = look_at(&guesser, pid, proc, &process);
		if (verdict == PYTHON && !add(&processes, &process)) {
			process_fini(&process);
			verdict = NO_MEMORY;
		}
		if (verdict == NO_MEMORY)
			error = error_no_memory();
	}
	python_guesser_fini(&guesser);
	if (error) {
		heapspy_processes_fini(&processes);
		return error;
	}
	if (processes.count)
		qsort(processes.items, processes.count, sizeof(*processes.items), by_pid);
	*ret_processes = processes;
	return NULL;
}
