/* SPDX-License-Identifier: MIT */
/*
 * Watchpoints on words of a running process, without stopping it: perf_event_open(2)
 * with PERF_TYPE_BREAKPOINT. Each write to a watched word is told with the registers
 * and a copy of the stack of the thread that made it; each mapping that is made, and
 * each thread that begins, is told as well.
 *
 * The target is not modified: the kernel keeps the watchpoints with its own events,
 * and takes them away when the descriptors are closed, however that comes about.
 */
#ifndef NATIVE_WATCH_H
#define NATIVE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <heapspy/error.h>

#include "base/cleanup.h"

/* Debug registers of a thread on x86-64. */
#define WATCH_MAX 4

/* General registers at the time, x86-64. */
enum watch_register {
	WATCH_RAX, WATCH_RBX, WATCH_RCX, WATCH_RDX, WATCH_RSI, WATCH_RDI, WATCH_RBP, WATCH_RSP,
	WATCH_RIP,
	WATCH_R8, WATCH_R9, WATCH_R10, WATCH_R11, WATCH_R12, WATCH_R13, WATCH_R14, WATCH_R15,
	WATCH_REGISTERS,
};

enum watch_kind {
	WATCH_HIT,    /* a watched word was written */
	WATCH_FAULT,  /* a page was touched for the first time: one of many */
	WATCH_MAPPED, /* memory was mapped, or its protection changed, or the heap grew */
	WATCH_THREAD, /* a thread began */
	WATCH_EXEC,   /* the process became another program */
	WATCH_LOST,   /* there was no room for some */
};

struct watch_event {
	enum watch_kind kind;
	pid_t tid;        /* as this machine numbers threads */
	double time;      /* CLOCK_MONOTONIC, seconds */
	uint64_t address; /* of the word; that was touched; of the first byte mapped */
	uint64_t length;  /* bytes mapped, with what they were joined to; events lost */
	unsigned protection; /* PROT_* of what was mapped */
	const char *path; /* of what was mapped: raw, "//anon" */
	const uint64_t *registers; /* of a hit or fault: WATCH_REGISTERS; NULL: there are none */
	const uint8_t *stack;      /* of a hit or fault: from the stack pointer on */
	size_t stack_length;
};

struct watch;

struct watch_options {
	uint64_t addresses[WATCH_MAX]; /* of words of 8 bytes, aligned */
	size_t count; /* less than WATCH_MAX where watch_thread() is to work */
	unsigned stack_bytes; /* of stack to be delivered, a multiple of 8 */
};

/* For all threads of a process, now and later. `proc`: its /proc/PID directory.
 * HEAPSPY_PERMISSION: the kernel refuses; HEAPSPY_LIMIT: no descriptor, memory or debug
 * register is left. */
struct heapspy_error *watch_open(pid_t pid, int proc, const struct watch_options *options,
				 struct watch **ret_watch);
void watch_close(struct watch *watch);
DEFINE_CLEANUP(struct watch *, watch_close)

/* Let one thread be watched for one more word, in place of the one that was asked for
 * before: for what only it writes. False: it cannot be. */
bool watch_thread(struct watch *watch, pid_t tid, uint64_t address);

/* Let one of the watchpoints look at another word, in all threads. False: it stays. */
bool watch_move(struct watch *watch, size_t index, uint64_t address);

/* How many of the kernel's there are for each: moving one takes a system call each. */
size_t watch_breakpoints(const struct watch *watch);

/* A descriptor that is readable when there is something to be read. */
int watch_fd(const struct watch *watch);

/* All that happened since, in order. What an event points to lives until the visitor
 * returns. */
typedef void watch_visitor(void *context, const struct watch_event *event);
void watch_read(struct watch *watch, watch_visitor *visit, void *context);

#endif
