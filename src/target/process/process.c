/* SPDX-License-Identifier: MIT */
#include "target/process/process.h"
#include "target/process/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "target/maps_parse.h"
#include "target/process/permission.h"

enum { OPEN_ATTEMPTS = 5 };

/* vm.max_map_count is 65,530 by default; some databases raise it tenfold. */
static const size_t MOST_MAPS_TEXT = (size_t)256 << 20;

static void process_free(struct target *target)
{
	struct process_target *process = (struct process_target *)target;
	stop_server_end(&process->server);
	process_close_files(process);
	presence_fini(&process->presence);
	maps_fini(&process->base.maps);
	closep(&process->pagemap);
	closep(&process->maps);
	closep(&process->mem);
	identity_close(&process->identity);
	free(process);
}

static enum fault process_verify(struct target *target)
{
	struct process_target *process = (struct process_target *)target;
	char byte;
	/* Nothing is mapped at 0, and EIO says so as long as the address space lives;
	 * after exec and exit there is none to ask, and pread() gives 0 bytes. */
	if (!process->gone &&
	    (!identity_alive(&process->identity) || pread(process->mem, &byte, 1, 0) == 0))
		process->gone = true;
	return process->gone ? FAULT_GONE : FAULT_NONE;
}

static void process_cancel(struct target *target)
{
	((struct process_target *)target)->gone = true;
}

static struct heapspy_error *process_refresh(struct target *target)
{
	struct process_target *process = (struct process_target *)target;
	size_t length;
	if (lseek(process->maps, 0, SEEK_SET) < 0)
		return error_errno(HEAPSPY_LIMIT, errno, "cannot read the maps of process %d", target->pid);
	char *text = io_read_rest(process->maps, MOST_MAPS_TEXT, &length);
	int errnum = text ? 0 : errno;
	if (errnum == ESRCH || (text && length == 0) || process_verify(target) != FAULT_NONE) {
		free(text);
		process->gone = true;
		return identity_gone_error(&process->identity);
	}
	struct maps maps;
	if (!errnum)
		errnum = maps_parse(text, length, &maps);
	if (errnum)
		return error_errno(HEAPSPY_LIMIT, errnum, "cannot read the maps of process %d", target->pid);

	maps_fini(&target->maps);
	target->maps = maps;
	presence_forget(&process->presence);
	process_forget_missing_files(process);
	return NULL;
}

static bool process_registers(struct target *target, pid_t tid, struct registers *ret_registers)
{
	struct task task = {.tid = tid};
	task_look(target->proc_directory, &task);
	if (task.state != TASK_ASLEEP || !task.sp || !task.ip)
		return false;
	*ret_registers = registers_of_sleeper(task.sp, task.ip);
	return true;
}

static const struct target_ops process_ops = {
	.free = process_free,
	.read_piece = process_read_piece,
	.read_many = process_read_many,
	.refresh = process_refresh,
	.verify = process_verify,
	.cancel = process_cancel,
	.open_mapped_file = process_open_mapped_file,
	.registers = process_registers,
	.next_data = process_next_data,
};

static int open_of_task(const struct process_target *process, const char *file)
{
	char name[64];
	if (process->task == process->identity.pid)
		snprintf(name, sizeof(name), "%s", file);
	else
		snprintf(name, sizeof(name), "task/%d/%s", process->task, file);
	return openat(process->identity.proc, name, O_RDONLY | O_CLOEXEC);
}

static struct heapspy_error *open_error(const struct process_target *process, int errnum)
{
	pid_t pid = process->identity.pid;
	if (errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM)
		return error_errno(HEAPSPY_LIMIT, errnum, "cannot open process %d", pid);
	/* A process that is just dying also gives EACCES. */
	if (errnum == ESRCH || errnum == ENOENT || !identity_alive(&process->identity))
		return identity_gone_error(&process->identity);
	return permission_error(pid, process->identity.proc, errnum);
}

static struct heapspy_error *open_memory(struct process_target *process)
{
	process->task = identity_living_task(&process->identity);
	if (!process->task)
		return identity_gone_error(&process->identity);
	process->mem = open_of_task(process, "mem");
	if (process->mem < 0)
		return open_error(process, errno);
	process->maps = open_of_task(process, "maps");
	if (process->maps < 0)
		return open_error(process, errno);
	process->pagemap = open_of_task(process, "pagemap");
	if (process->pagemap < 0 && (errno == EMFILE || errno == ENFILE || errno == ESRCH))
		return open_error(process, errno);
	presence_init(&process->presence, process->pagemap);
	return NULL;
}

static struct heapspy_error *open_once(pid_t pid, struct target **ret_target)
{
	struct process_target *process = calloc(1, sizeof(*process));
	if (!process)
		return error_no_memory();
	process->base.ops = &process_ops;
	process->base.pid = pid;
	process->base.proc_directory = -1;
	process->identity = (struct identity){.pid = pid, .proc = -1, .pidfd = -1};
	process->mem = process->maps = process->pagemap = -1;
	process->vm_readv = process->may_query = true;
	for (size_t i = 0; i < CACHED_FILES; i++)
		process->files[i].fd = -1;
	CLEANUP(target_freep) struct target *target = &process->base;

	struct heapspy_error *error = identity_open(pid, &process->identity);
	if (error)
		return error;
	process->base.proc_directory = process->identity.proc;
	error = open_memory(process);
	if (error)
		return error;
	error = process_refresh(target);
	if (error)
		return error;
	*ret_target = take_pointer(target);
	return NULL;
}

/* An exec in the middle of it leaves files of two address spaces in our hands: again,
 * with the new one. Where the process ended instead, the next try says so. */
struct heapspy_error *target_open_process(pid_t pid, struct target **ret_target)
{
	struct heapspy_error *error = open_once(pid, ret_target);
	for (int i = 1; error && error->code == HEAPSPY_GONE && i < OPEN_ATTEMPTS; i++) {
		heapspy_error_free(error);
		error = open_once(pid, ret_target);
	}
	return error;
}
