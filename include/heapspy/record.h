/* SPDX-License-Identifier: MIT */
/*
 * What makes the memory of a process grow, by stack, over a time.
 *
 * Allocators get memory from the kernel in large pieces. Breakpoints of the processor on
 * what they get it by tell of each, with the thread that needed it and where that was; page
 * faults, some of them, tell who was the first to touch it, to learn who keeps it; stacks
 * that are read at a steady rate say what ran in between; a census now and then says of which types the
 * objects are that were made. Nothing of it stops the process or changes it.
 */
#ifndef HEAPSPY_RECORD_H
#define HEAPSPY_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <heapspy/api.h>
#include <heapspy/attach.h>
#include <heapspy/dump.h>
#include <heapspy/error.h>
#include <heapspy/stack.h>

/* X(NAME, name in JSON) */
#define HEAPSPY_RECORD_KINDS(X)                                                       \
	X(RECORDING, "recording") /* the first: of what, and what there will be */    \
	X(FRAME, "frame")         /* before the first stack that has it */            \
	X(STACK, "stack")         /* before the first that happened there */          \
	X(GROWTH, "growth")       /* a counter of an allocator changed */             \
	X(SAMPLE, "sample")       /* what a thread did at a tick */                   \
	X(CENSUS, "census")       /* the objects by type */                           \
	X(TIMELINE, "timeline")   /* totals, every second */                          \
	X(EVENT, "event")         /* something else that happened */                  \
	X(PROCESS, "process")     /* another one is recorded from now on */           \
	X(PROCESS_END, "process_end") /* of that: it, or its recording, ended */      \
	X(END, "end")             /* the last */

enum heapspy_record_kind {
#define X(name, json_name) HEAPSPY_RECORD_##name,
	HEAPSPY_RECORD_KINDS(X)
#undef X
};

/* Whose memory it is that grew. X(NAME, name in JSON) */
#define HEAPSPY_RECORD_COUNTERS(X)                                                            \
	X(ARENAS, "arenas")   /* of pymalloc: small objects, in arenas of 256 KiB or 1 MiB */ \
	X(HEAP, "heap")       /* of malloc, by brk(), and by mprotect() in its thread arenas */ \
	X(MMAPPED, "mmapped") /* chunks of malloc with a mapping of their own */              \
	X(MMAP, "mmap")       /* mappings that no allocator made, as far as they are resident */

enum heapspy_record_counter {
#define X(name, json_name) HEAPSPY_RECORD_##name,
	HEAPSPY_RECORD_COUNTERS(X)
#undef X
	HEAPSPY_RECORD_COUNTER_COUNT
};

/* X(NAME, name in JSON) */
#define HEAPSPY_RECORD_SOURCES(X)   \
	X(WATCHED, "growth")        \
	X(SAMPLED, "samples")       \
	X(CENSUSES, "census")       \
	X(TIMES, "timeline")

enum heapspy_record_source {
#define X(name, json_name) HEAPSPY_RECORD_##name,
	HEAPSPY_RECORD_SOURCES(X)
#undef X
	HEAPSPY_RECORD_SOURCE_COUNT
};

/* X(NAME, name in JSON) */
#define HEAPSPY_RECORD_REASONS(X)                                        \
	X(DURATION, "duration")       /* it was to last so long */       \
	X(INTERRUPTED, "interrupted") /* stop_fd */                      \
	X(EXITED, "target exited")    /* it ended, or became another */

enum heapspy_record_reason {
#define X(name, json_name) HEAPSPY_RECORD_##name,
	HEAPSPY_RECORD_REASONS(X)
#undef X
};

/* Of a growth event: there is none. */
#define HEAPSPY_NO_STACK UINT32_MAX

/* With subprocesses: so many at the same time, besides the first; what comes beyond waits. */
enum { HEAPSPY_MOST_RECORDED = 32 };

struct heapspy_record_options {
	double duration;  /* seconds; 0: until it is ended */
	double rate;      /* samples a second; 0: 100; negative: none */
	double census;    /* seconds between censuses; 0: 10; negative: none */
	bool native;      /* frames of C as well: of growth, where its event has registers and a
	                     stack; those of samples would take a stop */
	bool subprocesses; /* also what the process starts, and what that starts, until it ends:
	                      as it is recorded, each by two threads of its own */
	enum heapspy_layout_source layout; /* of these: as struct heapspy_attach_options */
	int stop_fd;      /* readable: it is to end; -1: there is none */
};

struct heapspy_record_entry {
	enum heapspy_record_kind kind;
	double time; /* seconds since the start */
	pid_t pid;   /* of a subprocess, whose entry it is; 0: of the process itself. Frames and
	                stacks are of all */
	union {
		struct {
			double started_at; /* since the epoch */
			const struct heapspy_target_info *target;
			const struct heapspy_python_info *python;
			pid_t parent; /* of PROCESS, which has these, the sources and this */
			double rate, census, duration; /* as they are used; 0: none, no end */
			bool native;
			struct {
				bool available;
				const char *why; /* why not, or what of it is not; NULL: all is */
			} sources[HEAPSPY_RECORD_SOURCE_COUNT];
		} recording;
		struct {
			uint32_t id;
			const struct heapspy_frame *frame; /* of C, without a function: `offset`
			                                      is that in the module */
		} frame;
		struct {
			uint32_t id;
			const uint32_t *frames; /* newest first */
			size_t count;           /* 0: no Python ran */
			bool cut;               /* older ones are missing, of C */
		} stack;
		struct {
			enum heapspy_record_counter counter;
			int64_t bytes; /* negative: given back */
			pid_t tid;
			const char *thread; /* NULL: not known */
			uint32_t stack;     /* that did it */
			uint32_t of;        /* of memory given back: the stack it was charged to, or
			                       HEAPSPY_NO_STACK: it was there at the start */
		} growth;
		struct {
			pid_t tid;
			const char *thread;
			uint32_t stack;
			bool holds_gil;
			bool charged; /* what follows is what changed since the tick before */
			int64_t rss, arenas; /* bytes */
			int64_t young;       /* objects of the youngest generation */
		} sample;
		struct {
			const struct heapspy_dump *dump;
		} census;
		struct {
			uint64_t rss, heap, live, objects; /* HEAPSPY_UNKNOWN */
			const struct heapspy_interpreter *interpreters;
			size_t interpreter_count;
		} timeline;
		struct {
			const char *event; /* "exec"; "skipped": this subprocess is not recorded */
			const char *command, *why; /* of that: what the kernel calls it; may be
			                              NULL */
		} event;
		struct {
			enum heapspy_record_reason reason;
			uint64_t lost;     /* growth events that could not be delivered */
			const char *error; /* NULL: nothing went wrong */
		} end;
	};
};

/* Called for each entry, in the thread that records it. What it points to lives until it
 * returns. An error ends the recording, and is what heapspy_record() returns. */
typedef struct heapspy_error *heapspy_record_visitor(void *context,
						     const struct heapspy_record_entry *entry);

/* Records until the time is over, stop_fd is readable or the process is gone; none of
 * these is an error. Takes the attachment's place with one of its own for censuses:
 * HEAPSPY_LIMIT where there is nothing left for it. With
 * subprocesses the visitor is called in several threads, one at a time. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_record(struct heapspy *heapspy, const struct heapspy_record_options *options,
	       heapspy_record_visitor *visit, void *context);

/* Static texts. */
HEAPSPY_API const char *heapspy_record_kind_name(enum heapspy_record_kind kind);
HEAPSPY_API const char *heapspy_record_counter_name(enum heapspy_record_counter counter);
HEAPSPY_API const char *heapspy_record_source_name(enum heapspy_record_source source);
HEAPSPY_API const char *heapspy_record_reason_name(enum heapspy_record_reason reason);

#endif
