/* SPDX-License-Identifier: MIT */
/*
 * The small files of /proc/PID (proc(5)).
 *
 * `proc` is a descriptor of a /proc/PID directory, `name` a file under it:
 * "stat", or "task/12/stat". False where it cannot be read or makes no sense,
 * which for a process that just ended is the ordinary case.
 */
#ifndef TARGET_PROC_H
#define TARGET_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* /proc/PID/stat. The name of the program in it can hold anything, also ") R 1". */
struct proc_stat {
	char state;
	pid_t ppid;
	unsigned flags;      /* PF_* of include/linux/sched.h */
	uint64_t start_time; /* clock ticks since boot */
	uint64_t rss;        /* bytes */
};

bool proc_parse_stat(const char *text, size_t length, struct proc_stat *ret_stat);
bool proc_read_stat(int proc, const char *name, struct proc_stat *ret_stat);

/* /proc/PID/status. Sizes in bytes, UINT64_MAX where there is none (a zombie). */
struct proc_status {
	pid_t tgid, pid, tracer;
	uid_t uid[4]; /* real, effective, saved, file system */
	gid_t gid[4];
	uint64_t vm_size, vm_hwm, vm_rss, vm_swap, vm_pte;
	uint64_t cap_permitted, cap_effective;
	int no_new_privs, seccomp; /* -1: not told */
};

bool proc_parse_status(const char *text, struct proc_status *ret_status);
bool proc_read_status(int proc, const char *name, struct proc_status *ret_status);

/* /proc/PID/smaps_rollup, in bytes. The kernel walks every page for it: once per
 * sample, never in a loop. */
struct proc_rollup {
	uint64_t rss, pss, private_clean, private_dirty, swap;
};

bool proc_parse_rollup(const char *text, struct proc_rollup *ret_rollup);
bool proc_read_rollup(int proc, struct proc_rollup *ret_rollup);

/* Its arguments, sanitised, NULL at the end; none at all for a process without
 * (a kernel thread, a zombie). NULL where there is no memory. */
char **proc_read_command(int proc);
void proc_command_free(char **command);

/* The arguments as one line; the name of the program in brackets, as ps shows it,
 * where it has none. NULL where there is no memory. */
char *proc_read_command_line(int proc);

/* Path of its executable, sanitised, as the kernel prints it, " (deleted)" included.
 * NULL where it cannot be seen. */
char *proc_read_executable(int proc);

/* Seconds since a start_time. */
double proc_uptime(uint64_t start_time);

#endif
