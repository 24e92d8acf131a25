/* SPDX-License-Identifier: MIT */
/*
 * What the threads of a Python process are doing: the stack of each, newest frame
 * first, as traceback prints it the other way round.
 */
#ifndef HEAPSPY_STACK_H
#define HEAPSPY_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <heapspy/api.h>
#include <heapspy/attach.h>
#include <heapspy/error.h>
#include <heapspy/tracemalloc.h>

/* Of a frame whose code comes from no line, or that could not be told. */
#define HEAPSPY_NO_LINE (-1)

struct heapspy_frame {
	const char *function; /* qualified name from CPython 3.11 on, else the name; NULL: not
	                         known, of a frame of C */
	const char *file;     /* as the code object names it; NULL: not known */
	int32_t line;         /* HEAPSPY_NO_LINE: none */
	bool native;          /* a frame of C: all that follows is of these alone, and `function`,
	                         `file` and `line` are what debug information or symbols say */
	bool inlined;         /* put in line into the next one */
	bool tail_call;       /* not on the stack any more: its last call took its place */
	const char *module;   /* file of the program that it is in; NULL: in none */
	uint64_t address;     /* where it goes on; in the newest frame where it is */
	uint64_t offset;      /* of that from where the function begins; 0: not known */
};

/* What the kernel says a thread does: proc_pid_stat(5). X(NAME, letter, name in JSON) */
#define HEAPSPY_THREAD_STATES(X)                                               \
	X(UNKNOWN, 0, "unknown")                                               \
	X(RUNNING, 'R', "running")   /* on a CPU, or waiting for one */        \
	X(SLEEPING, 'S', "sleeping") /* in a wait that signals end */          \
	X(BLOCKED, 'D', "blocked")   /* in one that they do not: a disk */     \
	X(STOPPED, 'T', "stopped")   /* by a signal */                         \
	X(TRACED, 't', "traced")     /* held by a debugger */                  \
	X(IDLE, 'I', "idle")                                                   \
	X(PARKED, 'P', "parked")                                               \
	X(ZOMBIE, 'Z', "zombie")     /* it ended */                            \
	X(DEAD, 'X', "dead")

enum heapspy_thread_state {
#define X(name, letter, json_name) HEAPSPY_THREAD_##name,
	HEAPSPY_THREAD_STATES(X)
#undef X
};

struct heapspy_thread {
	pid_t tid;         /* as this machine numbers threads; 0: not known */
	uint64_t ident;    /* threading.get_ident() */
	const char *name;  /* as the threading module calls it, else as the kernel
	                      does; sanitised; NULL: not known */
	enum heapspy_thread_state state;
	bool holds_gil;
	bool torn;         /* it changed whenever it was read, or a part of it is missing:
	                      the frames may never have been one stack */
	bool cut;          /* there are more frames, older ones */
	int64_t interpreter; /* id of the one whose code it runs, or HEAPSPY_NO_INTERPRETER */
	struct heapspy_frame *frames; /* newest first */
	size_t frame_count;
};

/* Of a thread that Python does not know: it has frames of C alone. */
#define HEAPSPY_NO_INTERPRETER (-1)

/* Threads that Python knows: main interpreter first, in each the oldest first. Then, with
 * frames of C, the others. */
struct heapspy_threads {
	struct heapspy_thread *items;
	size_t count;
	size_t torn;   /* of them */
	void *storage; /* of the texts */
};

/* Is the collector of an interpreter at work? */
struct heapspy_stack_interpreter {
	int64_t id;
	bool collecting;
};

struct heapspy_stack {
	enum heapspy_capture_mode mode;
	double time;     /* seconds since the epoch */
	double duration; /* seconds the reading took */
	double pause;    /* seconds for which the target was stopped; for the sake of frames of
	                    C alone: the sum of those of its threads, held one at a time */
	bool one_instant; /* false: read while it ran, or a thread that was left alone
	                     went on while the others were held */
	struct heapspy_stack_interpreter *interpreters; /* main interpreter first */
	size_t interpreter_count;
	struct heapspy_threads threads;
	struct heapspy_tracemalloc *tracemalloc; /* NULL unless it was asked for */
};

struct heapspy_stack_options {
	bool stop;        /* of one instant: see heapspy_dump_options */
	double max_pause; /* seconds; 0: 0.25 */
	bool native;      /* frames of C too, where they are in the stack: those that execute
	                     Python are replaced by the frames of Python that they execute.
	                     A thread that does not wait is held while its stack is copied,
	                     at most max_pause, unless all are. Of a thread whose frames of C
	                     cannot be had those of Python are there, and it is torn */
	bool tracemalloc; /* also what tracemalloc knows; HEAPSPY_INCOMPLETE if it is off */
};

/* options may be NULL. Errors as heapspy_dump(). */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_stack_read(struct heapspy *heapspy, const struct heapspy_stack_options *options,
		   struct heapspy_stack *ret_stack);

/* Takes one that is all zeros. */
HEAPSPY_API void heapspy_stack_fini(struct heapspy_stack *stack);

/* "running", "sleeping". Static text. */
HEAPSPY_API const char *heapspy_thread_state_name(enum heapspy_thread_state state);

#endif
