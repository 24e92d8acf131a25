/* SPDX-License-Identifier: MIT */
/* The threads of a target that is recorded: from the kernel's number to Python's state. */
#ifndef HEAP_RECORD_THREADS_H
#define HEAP_RECORD_THREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "heap/attach.h"

struct record_thread {
	pid_t tid;
	uint64_t state; /* PyThreadState */
	uint64_t ident;
	char *name;     /* NULL: not known */
};

struct record_threads {
	struct record_thread *items;
	size_t count;
	double learned; /* when: CLOCK_MONOTONIC */
};

void record_threads_fini(struct record_threads *threads);

/* Learn them anew. What cannot be read is left as it was. */
void record_threads_learn(struct record_threads *threads, struct heapspy *heapspy);

/* NULL: it is none of Python's. */
const struct record_thread *record_threads_find(const struct record_threads *threads, pid_t tid);
/* The same, and if it is new they are learned anew, not too often. */
const struct record_thread *record_threads_meet(struct record_threads *threads,
						struct heapspy *heapspy, pid_t tid);
const struct record_thread *record_threads_with_state(const struct record_threads *threads,
						      uint64_t state);

#endif
