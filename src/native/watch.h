/* SPDX-License-Identifier: MIT */
/*
 * What a running process does, without stopping it, by perf_event_open(2): breakpoints of
 * the processor on a few of its functions (PERF_TYPE_BREAKPOINT) tell of each call with
 * the registers and a copy of the stack of the thread that made it, and each mapping that
 * is made, and each thread that begins, is told as well; or page faults, of which some are
 * drawn by lot, tell in the same way who touches memory for the first time.
 *
 * The target is not modified: the kernel keeps the breakpoints with its own events,
 * and takes them away when the descriptors are closed, however that comes about.
 *
 * What it costs the target (AMD EPYC, family 25, under KVM): a breakpoint that is not
 * reached nothing; one that is reached 20 to 50 us; a page fault that is told 30 us, most of
 * it for waking us, and one that is not, while they are watched, 40 ns; to begin and end
 * watching 0.1 ms. (A word that is watched for writes would take 10 to 15 percent of the
 * time that its threads run, written or not.)
 */
#ifndef NATIVE_WATCH_H
#define NATIVE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <heapspy/error.h>

#include "base/cleanup.h"

/* Functions: one less than x86-64 has debug registers for a thread, which is left to others. */
#define WATCH_CALLS 3

/* General registers at the time, x86-64. */
enum watch_register {
	WATCH_RAX, WATCH_RBX, WATCH_RCX, WATCH_RDX, WATCH_RSI, WATCH_RDI, WATCH_RBP, WATCH_RSP,
	WATCH_RIP,
	WATCH_R8, WATCH_R9, WATCH_R10, WATCH_R11, WATCH_R12, WATCH_R13, WATCH_R14, WATCH_R15,
	WATCH_REGISTERS,
};

enum watch_kind {
	WATCH_CALL,    /* a function is about to begin */
	WATCH_TOUCHED, /* there was a page fault: mostly memory that is touched for the first time */
	WATCH_MAPPED,  /* memory was mapped, or its protection changed, or the heap grew */
	WATCH_THREAD,  /* a thread began */
	WATCH_EXEC,    /* the process became another program */
	WATCH_LOST,    /* there was no room for some */
};

struct watch_event {
	enum watch_kind kind;
	pid_t tid;        /* as this machine numbers threads */
	double time;      /* CLOCK_MONOTONIC, seconds */
	uint64_t address; /* of the function; that was touched; of the first byte mapped */
	uint64_t length;  /* bytes mapped, with what they were joined to; events lost */
	unsigned protection; /* PROT_* of what was mapped */
	const char *path; /* of what was mapped: raw, "//anon" */
	const uint64_t *registers; /* of a call or touch: WATCH_REGISTERS; NULL: there are none */
	const uint8_t *stack;      /* of a call or touch: from the stack pointer on */
	size_t stack_length;
};

struct watch;

/* Either touches are told, or all else. */
struct watch_options {
	unsigned touch_period; /* one page fault of a thread in so many is told; 0: none */
	uint64_t calls[WATCH_CALLS]; /* addresses of functions */
	size_t call_count;
	unsigned stack; /* bytes of it to be delivered, a multiple of 8 */
};

/* For all threads of a process, now and later. `proc`: its /proc/PID directory.
 * HEAPSPY_PERMISSION: the kernel refuses; HEAPSPY_LIMIT: no descriptor, memory or debug
 * register is left. */
struct heapspy_error *watch_open(pid_t pid, int proc, const struct watch_options *options,
				 struct watch **ret_watch);
void watch_close(struct watch *watch);
DEFINE_CLEANUP(struct watch *, watch_close)

/* Tell of calls, which is so at first; or do not. It takes a system call for each thread on
 * each CPU. */
void watch_tell_calls(struct watch *watch, bool told);

/* A descriptor that is readable soon after a touch. What else there is wakes nobody, for
 * that takes longer than to tell it: it is to be read every few milliseconds. */
int watch_fd(const struct watch *watch);

/* All that happened since, in order. What an event points to lives until the visitor
 * returns. */
typedef void watch_visitor(void *context, const struct watch_event *event);
void watch_read(struct watch *watch, watch_visitor *visit, void *context);

#endif
