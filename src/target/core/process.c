/* SPDX-License-Identifier: MIT */
/*
 * What a core says of its process: from /proc of a live one, from the notes of
 * another core.
 *
 * Nobody is stopped for it, so registers are known only of a thread that waits in
 * the kernel: its stack pointer, where it goes on, and its system call
 * (/proc/PID/task/TID/syscall). Those of others are zeros.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/user.h>

#include "base/io.h"
#include "target/core/write_private.h"
#include "target/process/proc.h"
#include "target/process/tasks.h"

#define MOST_TEXT ((size_t)4 << 20)

static bool copy_facts(const struct core_process *from, struct core_process *ret_process)
{
	struct core_process copy = {.has_psinfo = from->has_psinfo, .psinfo = from->psinfo};
	copy.threads = calloc(from->thread_count + 1, sizeof(*copy.threads));
	copy.auxv = calloc(2 * from->auxv_count + 2, sizeof(*copy.auxv));
	if (!copy.threads || !copy.auxv) {
		core_process_fini(&copy);
		return false;
	}
	copy.thread_count = from->thread_count;
	copy.auxv_count = from->auxv_count;
	if (from->thread_count)
		memcpy(copy.threads, from->threads, from->thread_count * sizeof(*copy.threads));
	if (from->auxv_count)
		memcpy(copy.auxv, from->auxv, from->auxv_count * 2 * sizeof(*copy.auxv));
	*ret_process = copy;
	return true;
}

/* ---- threads -------------------------------------------------------------- */

/* User code of a 64-bit process: arch/x86/include/asm/segment.h. */
enum { USER_CS = 0x33, USER_SS = 0x2b };

/* "NUMBER SIX ARGUMENTS SP PC", or "-1 SP PC", or "running": proc(5). */
static void parse_syscall(const char *text, struct user_regs_struct *registers)
{
	long long number;
	unsigned long long a[6], sp, pc;
	int got = sscanf(text, "%lld %llx %llx %llx %llx %llx %llx %llx %llx", &number, &a[0],
			 &a[1], &a[2], &a[3], &a[4], &a[5], &sp, &pc);
	if (got == 3) {
		sp = a[0];
		pc = a[1];
	} else if (got == 9) {
		registers->rdi = a[0];
		registers->rsi = a[1];
		registers->rdx = a[2];
		registers->r10 = a[3];
		registers->r8 = a[4];
		registers->r9 = a[5];
	} else {
		return;
	}
	registers->orig_rax = (unsigned long long)number;
	registers->rsp = sp;
	registers->rip = pc;
}

/* Of a copy those of its instant; else what the kernel tells of a thread that waits. */
static void learn_thread(struct target *source, pid_t tid, struct elf_prstatus *status)
{
	int proc = target_proc_directory(source);
	char name[64];
	struct proc_stat stat;
	struct user_regs_struct registers = {.cs = USER_CS, .ss = USER_SS};
	struct registers known;
	snprintf(name, sizeof(name), "task/%d/syscall", tid);
	CLEANUP(freep) char *text = io_read_file(proc, name, MOST_TEXT, NULL);
	if (text)
		parse_syscall(text, &registers);
	if (target_registers(source, tid, &known))
		registers_to_user(&known, &registers);
	*status = (struct elf_prstatus){.pr_pid = tid};
	snprintf(name, sizeof(name), "task/%d/stat", tid);
	if (proc_read_stat(proc, name, &stat))
		status->pr_ppid = stat.ppid;
	_Static_assert(sizeof(status->pr_reg) == sizeof(registers),
		       "two names of the same registers");
	memcpy(&status->pr_reg, &registers, sizeof(registers));
}

/* The first thread first, as the kernel does: debuggers take its note for the
 * process. A list that cannot be read has that one. */
static bool learn_threads(struct target *source, pid_t pid, struct core_process *process)
{
	int proc = target_proc_directory(source);
	struct task_list tasks = {0};
	task_list_read(proc, &tasks);
	process->threads = calloc(tasks.count + 1, sizeof(*process->threads));
	if (process->threads)
		learn_thread(source, pid, &process->threads[process->thread_count++]);
	for (size_t i = 0; process->threads && i < tasks.count; i++)
		if (tasks.items[i].tid != pid)
			learn_thread(source, tasks.items[i].tid,
				     &process->threads[process->thread_count++]);
	task_list_fini(&tasks);
	return process->threads;
}

/* ---- the process ----------------------------------------------------------- */

/* The arguments end with a NUL each; here a blank stands between them. */
static void copy_arguments(const char *arguments, size_t length, char *text, size_t size)
{
	if (length && arguments[length - 1] == '\0')
		length--;
	if (length > size - 1)
		length = size - 1;
	for (size_t i = 0; i < length; i++)
		text[i] = arguments[i] ?: ' ';
}

static void learn_psinfo(int proc, pid_t pid, struct elf_prpsinfo *psinfo)
{
	struct proc_stat stat;
	struct proc_status status;
	size_t length;
	*psinfo = (struct elf_prpsinfo){.pr_pid = pid};
	if (proc_read_stat(proc, "stat", &stat)) {
		psinfo->pr_sname = stat.state;
		psinfo->pr_ppid = stat.ppid;
		psinfo->pr_flag = stat.flags;
	}
	if (proc_read_status(proc, "status", &status)) {
		psinfo->pr_uid = status.uid[0];
		psinfo->pr_gid = status.gid[0];
	}
	CLEANUP(freep) char *name = io_read_file(proc, "comm", MOST_TEXT, &length);
	if (name)
		memcpy(psinfo->pr_fname, name, strcspn(name, "\n") < sizeof(psinfo->pr_fname)
						       ? strcspn(name, "\n")
						       : sizeof(psinfo->pr_fname) - 1);
	CLEANUP(freep) char *arguments = io_read_file(proc, "cmdline", MOST_TEXT, &length);
	if (arguments)
		copy_arguments(arguments, length, psinfo->pr_psargs, sizeof(psinfo->pr_psargs));
}

bool core_process_learn(struct target *source, struct core_process *ret_process)
{
	const struct core_facts *facts = target_core_facts(source);
	if (facts)
		return copy_facts(&facts->process, ret_process);
	struct core_process process = {.has_psinfo = true};
	int proc = target_proc_directory(source);
	pid_t pid = target_pid(source);
	learn_psinfo(proc, pid, &process.psinfo);
	size_t length = 0;
	process.auxv = (void *)io_read_file(proc, "auxv", MOST_TEXT, &length);
	process.auxv_count = process.auxv ? length / (2 * sizeof(uint64_t)) : 0;
	if (!learn_threads(source, pid, &process)) {
		core_process_fini(&process);
		return false;
	}
	*ret_process = process;
	return true;
}
