/* SPDX-License-Identifier: MIT */
/*
 * A cage for a program that reads hostile memory: rights that it gives up for good
 * before it looks at any of it.
 *
 * The order is: open the output; heapspy_reach() each process, which opens all that
 * is needed of it and, where it is to be stopped, starts the small process that will
 * do that; heapspy_sandbox_enter(); then heapspy_recognise() and all the rest. From
 * then on the kernel refuses
 *  - to write into another process, trace it, signal it, or change anything about it;
 *  - to open a file for writing, to create, rename, link or remove one;
 *  - to start a program, to run code that is not in memory yet;
 *  - sockets, namespaces, mounts, and whatever else is not needed for reading.
 * Reading goes on: files, processes, core files, as far as the rights go that are left
 * (root keeps CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH to read with, and no other).
 * What is open for writing can be written to; standard output, for instance.
 *
 * A seccomp filter does that, with no_new_privs, reduced capabilities and no core
 * files. Where no process is to be read Landlock (Linux 5.13) is put around it too; a
 * process inside could not be read from it with process_vm_readv(2), which is a fifth
 * of the speed of a census, and all that it would add is that other processes cannot be
 * read either.
 *
 * A command that needs more says so in struct heapspy_sandbox; there is no way to ask
 * later. In a build with AddressSanitizer the filter lets through what that needs.
 */
#ifndef HEAPSPY_SANDBOX_H
#define HEAPSPY_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include <heapspy/api.h>
#include <heapspy/error.h>

/* What the program needs besides. Zero: to read files, core files among them. */
struct heapspy_sandbox {
	bool processes; /* to read processes, reached before or later */
	bool creates;   /* to create files and give them their names (O_EXCL, O_TMPFILE, linkat(2),
			 * renameat2(2), unlinkat(2)); never to open one that exists */
	bool watches;   /* perf_event_open(2) on single processes, and the ioctls of that */
	bool screen;    /* to set up the terminal: ncurses */
	pid_t child;    /* a child of ours that may be signalled, negative: its group; 0: none */
};

/* For the whole process, with all threads that it has; best before it has more than
 * one, for of the others only the system calls are filtered. An error of code
 * HEAPSPY_LIMIT: the kernel has no seccomp filters or does not let us have one, and
 * nothing but capabilities is given up. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_sandbox_enter(const struct heapspy_sandbox *sandbox);

#endif
