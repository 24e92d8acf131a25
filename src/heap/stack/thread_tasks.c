/* SPDX-License-Identifier: MIT */
#include "heap/stack/thread_tasks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/io.h"
#include "target/core/core.h"
#include "target/process/tasks.h"

enum { MOST_STATUS = 1 << 20, MOST_NAME = 64 };

void thread_tasks_fini(struct thread_tasks *tasks)
{
	free(tasks->items);
	*tasks = (struct thread_tasks){0};
}

static enum heapspy_thread_state state_of(char letter)
{
	static const char letters[] = {
#define X(name, letter, json_name) [HEAPSPY_THREAD_##name] = letter,
		HEAPSPY_THREAD_STATES(X)
#undef X
	};
	for (size_t i = 1; i < sizeof(letters); i++)
		if (letters[i] == letter)
			return (enum heapspy_thread_state)i;
	return HEAPSPY_THREAD_UNKNOWN;
}

/* NSpid of status: its number in each PID namespace that it is in, its own last. */
static pid_t inner_of(int proc, pid_t tid)
{
	char name[64];
	snprintf(name, sizeof(name), "task/%d/status", (int)tid);
	CLEANUP(freep) char *status = io_read_file(proc, name, MOST_STATUS, NULL);
	const char *line = status ? strstr(status, "\nNSpid:") : NULL;
	if (!line)
		return tid;
	line += strlen("\nNSpid:");
	const char *end = line + strcspn(line, "\n");
	long inner = tid;
	while (line < end) {
		char *after;
		long number = strtol(line, &after, 10);
		if (after == line || after > end)
			break;
		inner = number;
		line = after;
	}
	return (pid_t)inner;
}

static void look(int proc, struct thread_task *task, bool nested)
{
	char name[64];
	snprintf(name, sizeof(name), "task/%d/comm", (int)task->tid);
	CLEANUP(freep) char *comm = io_read_file(proc, name, MOST_NAME, NULL);
	if (comm) {
		comm[strcspn(comm, "\n")] = '\0';
		snprintf(task->name, sizeof(task->name), "%s", comm);
	}
	task->inner = nested ? inner_of(proc, task->tid) : task->tid;
	task->state = state_of(task_letter(proc, task->tid));
}

static struct heapspy_error *read_process(struct target *target, int proc,
					  struct thread_tasks *tasks)
{
	CLEANUP(task_list_fini) struct task_list list = {0};
	int errnum = task_list_read(proc, &list);
	if (errnum == ENOMEM)
		return error_no_memory();
	if (errnum) {
		enum heapspy_code code = errnum == ESRCH ? HEAPSPY_GONE
					 : errnum == EMFILE || errnum == ENFILE
						 ? HEAPSPY_LIMIT
						 : HEAPSPY_PERMISSION;
		return error_errno(code, errnum, "cannot list the threads of %s",
				   target_name(target));
	}
	tasks->items = calloc(list.count, sizeof(*tasks->items));
	if (!tasks->items)
		return error_no_memory();
	/* One tells for all whether they are numbered in another way: they share it. */
	bool nested = inner_of(proc, list.items[0].tid) != list.items[0].tid;
	for (size_t i = 0; i < list.count; i++) {
		tasks->items[i].tid = list.items[i].tid;
		look(proc, &tasks->items[i], nested);
	}
	tasks->count = list.count;
	tasks->complete = true;
	return NULL;
}

static struct heapspy_error *read_core(const struct core_facts *facts, struct thread_tasks *tasks)
{
	const struct core_process *process = &facts->process;
	tasks->items = calloc(process->thread_count + 1, sizeof(*tasks->items));
	if (!tasks->items)
		return error_no_memory();
	for (size_t i = 0; i < process->thread_count; i++) {
		pid_t tid = process->threads[i].pr_pid;
		tasks->items[tasks->count++] = (struct thread_task){.tid = tid, .inner = tid};
	}
	/* A snapshot knows nothing, or the one thread that an ELF core must have. */
	tasks->complete = !facts->about && tasks->count > 0;
	return NULL;
}

struct heapspy_error *thread_tasks_read(struct target *target, struct thread_tasks *ret_tasks)
{
	struct thread_tasks tasks = {0};
	int proc = target_proc_directory(target);
	const struct core_facts *facts = target_core_facts(target);
	struct heapspy_error *error = proc >= 0 ? read_process(target, proc, &tasks)
				      : facts   ? read_core(facts, &tasks)
						: NULL;
	if (error)
		thread_tasks_fini(&tasks);
	else
		*ret_tasks = tasks;
	return error;
}

const struct thread_task *thread_tasks_find(const struct thread_tasks *tasks, uint64_t inner)
{
	for (size_t i = 0; i < tasks->count; i++)
		if ((uint64_t)tasks->items[i].inner == inner)
			return &tasks->items[i];
	return NULL;
}
