/* SPDX-License-Identifier: MIT */
/*
 * The threads of Python: their states, what the threading module calls them, and who
 * holds the GIL. Python/pystate.c, Python/ceval_gil.h, Python/ceval_gil.c,
 * Lib/threading.py, 3.8 - 3.15.
 */
#ifndef PYTHON_THREADS_H
#define PYTHON_THREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "python/runtime.h"

/* More threads than any program has; a longer chain is damaged. */
#define THREADS_MAX 65536

struct thread_state {
	uint64_t address;   /* PyThreadState */
	uint64_t ident;     /* threading.get_ident(): its pthread_t */
	uint64_t native_id; /* gettid(), as the process itself sees it; 0 up to 3.10 */
	bool holds_gil;
};

struct thread_states {
	struct thread_state *items; /* oldest first */
	size_t count;
};

/* Of one interpreter. FAULT_STRANGE when the chain is damaged. */
enum fault threads_list(struct python *python, const struct interpreter *interpreter,
			struct thread_states *ret_threads);

void thread_states_fini(struct thread_states *threads);

/* The state that has the GIL of an interpreter, or, where *ret_held is false, had it last:
 * that may be gone. 0: none had. Leaves faults in the peek. */
uint64_t threads_holder(struct python *python, const struct interpreter *interpreter,
			bool *ret_held);

/* Is this the TID of a thread of the target, as the target itself sees it? */
typedef bool thread_is_task(void *context, uint64_t tid);

/* gettid() of a thread, from where the C library keeps it: struct pthread, at whose
 * address `ident` says that it is. 0 where it cannot be told. */
uint64_t threads_native_id(struct python *python, uint64_t ident, thread_is_task *is_task,
			   void *context);

/* Names of threads: threading._active of an interpreter that has imported it. The
 * name belongs to the visitor, who frees it. */
void threads_visit_names(struct python *python, const struct interpreter *interpreter,
			 void (*visit)(void *context, uint64_t ident, char *name), void *context);

#endif
