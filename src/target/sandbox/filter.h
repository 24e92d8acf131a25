/* SPDX-License-Identifier: MIT */
/*
 * What a process of ours may still ask of the kernel: a seccomp filter, which
 * nothing lifts again: seccomp(2).
 *
 * What a filter does not know is refused: EPERM for calls as old as the filter,
 * ENOSYS for newer ones, so that a newer C library falls back to what it did before.
 */
#ifndef TARGET_FILTER_H
#define TARGET_FILTER_H

#include <stdbool.h>
#include <sys/types.h>

enum filter_kind {
	/* Reads processes and files, and writes to what is open for writing already. Has
	 * no way to open anything else for writing, to write into a process, to trace,
	 * signal or start one, to run code that is not in memory yet, or to reach a
	 * network. */
	FILTER_READER,
	/* Seizes, interrupts and detaches, sees registers, and copies memory; starts
	 * processes like itself. It can neither write into a process nor signal one. */
	FILTER_TRACER,
};

/* What a reader may do besides. */
struct filter_allowances {
	bool creates;  /* new files: it can neither open nor replace those that are there */
	bool watches;  /* perf_event_open(2) for breakpoints and software events */
	bool screen;   /* sets up the terminal that it has */
	pid_t child;   /* may be signalled, or a group of processes as kill(2) has it; 0: none */
};

/* On all threads of the calling process, and all that it starts. `allowances` may be
 * NULL. 0 or an errno: then nothing is filtered. */
int filter_install(enum filter_kind kind, const struct filter_allowances *allowances);

#endif
