/* SPDX-License-Identifier: MIT */
/*
 * A recording, read back: what `heapspy record` wrote while memory grew (schema
 * heapspy.record/1), one JSON object a line.
 *
 * The file is not trusted: texts are sanitised, every id and number is checked.
 * One that was cut off, in the middle of a line or before its end, is read as far
 * as it goes. What later versions may add is passed over. Frames and stacks that
 * are equal are one here, whatever their ids were; events are in the order of time.
 *
 * All of it belongs to the recording, and nobody changes it: several threads may
 * read one.
 */
#ifndef HEAPSPY_RECORDING_H
#define HEAPSPY_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <heapspy/api.h>
#include <heapspy/attach.h>
#include <heapspy/error.h>
#include <heapspy/stack.h>

/* In place of a stack. */
#define HEAPSPY_NO_STACK UINT32_MAX

/* What watches the target. X(NAME, name in JSON) */
#define HEAPSPY_RECORDING_SOURCES(X)                                                \
	X(GROWTH, "growth")     /* the allocators' counters, at each change */      \
	X(SAMPLES, "samples")   /* stacks, at a rate */                             \
	X(CENSUS, "census")     /* objects by type, now and then */                 \
	X(TIMELINE, "timeline") /* sizes, every moment */

enum heapspy_recording_source {
#define X(name, json_name) HEAPSPY_SOURCE_##name,
	HEAPSPY_RECORDING_SOURCES(X)
#undef X
	HEAPSPY_SOURCE_COUNT
};

/* What grew. X(NAME, name in JSON) */
#define HEAPSPY_COUNTERS(X)                                                         \
	X(ARENAS, "arenas")   /* of pymalloc */                                     \
	X(HEAP, "heap")       /* of malloc, at the break */                         \
	X(MMAPPED, "mmapped") /* chunks of malloc with a mapping of their own */    \
	X(MMAP, "mmap")       /* mappings that no allocator made */                 \
	X(OTHER, "other")     /* what a later version counts */

enum heapspy_counter {
#define X(name, json_name) HEAPSPY_COUNTER_##name,
	HEAPSPY_COUNTERS(X)
#undef X
	HEAPSPY_COUNTER_COUNT
};

struct heapspy_recorded_source {
	bool named;      /* the recording says something of it */
	bool available;
	const char *why; /* it is not, or what of it is not; NULL: nothing to say */
};

struct heapspy_recorded_stack {
	const uint32_t *frames; /* indices, newest first */
	size_t count;           /* 0: no code was seen */
	bool cut;               /* older ones are missing, of C */
};

struct heapspy_recorded_thread {
	int64_t tid;
	const char *name; /* NULL: not known */
};

/* One that was recorded; more than one only with --subprocesses. */
struct heapspy_recorded_process {
	pid_t pid, parent;     /* 0: not known */
	const char **command;  /* NULL at the end */
	const char *python;    /* version; NULL: not known */
	double begun, ended;   /* seconds since the start; NaN: with the recording, or not seen */
	const char *reason;    /* as `ended` of the recording; NULL: not said */
	const char *why;       /* its growth events are missing, or some; NULL: they are there */
	uint64_t lost;
};

/* A subprocess that was not recorded. */
struct heapspy_skipped_process {
	double time;
	pid_t pid;
	const char *command, *why; /* NULL: not known */
};

struct heapspy_recorded_growth {
	double time;
	int64_t bytes;   /* negative: it shrank */
	uint32_t stack;  /* that caused it */
	uint32_t of;     /* it shrank: stack that had caused what goes; HEAPSPY_NO_STACK: not known */
	uint32_t thread;
	enum heapspy_counter counter;
	uint32_t process;
};

/* What changed since the tick before is charged to the stack that is seen. */
struct heapspy_recorded_sample {
	double time;
	int64_t rss, arenas; /* bytes; 0: nothing, or not known */
	int64_t young;       /* objects */
	uint32_t stack;
	uint32_t thread;
	uint32_t process;
	bool gil;
};

struct heapspy_recorded_type {
	uint32_t type; /* index of its name */
	uint64_t objects, bytes;
};

struct heapspy_recorded_census {
	double time;
	uint64_t objects, bytes;
	struct heapspy_recorded_type *types;
	size_t type_count;
	uint32_t process;
};

enum { HEAPSPY_MOST_COLLECTIONS = 4 };

/* HEAPSPY_UNKNOWN where it does not say. */
struct heapspy_timeline_point {
	double time;
	uint64_t rss, heap, live; /* bytes */
	uint64_t objects;
	uint64_t collections[HEAPSPY_MOST_COLLECTIONS]; /* by generation, so far */
	uint32_t process;
};

struct heapspy_recording {
	char *path;               /* as it was given, sanitised */
	const char *heapspy;      /* version that wrote it; NULL: not known */
	double started_at;        /* seconds since the epoch; NaN: not known */
	struct heapspy_target_info target;
	const char *python;       /* version, NULL: not known */
	double rate, census_interval, asked; /* samples a second, seconds, seconds; NaN: not known,
	                                        or until it is ended */
	bool native;              /* C frames were asked for */
	struct heapspy_recorded_source sources[HEAPSPY_SOURCE_COUNT];

	double duration;          /* seconds: what the end says, else the last that is in it */
	const char *ended;        /* "duration", "interrupted", "target exited"; NULL: cut off */
	uint64_t lost;            /* events that the kernel could not deliver */
	const char *error;        /* what ended it too early; NULL: nothing */

	struct heapspy_frame *frames;
	size_t frame_count;
	struct heapspy_recorded_stack *stacks;
	size_t stack_count;
	struct heapspy_recorded_thread *threads;
	size_t thread_count;
	const char **types; /* names */
	size_t type_count;
	struct heapspy_recorded_growth *growth;
	size_t growth_count;
	struct heapspy_recorded_sample *samples;
	size_t sample_count;
	struct heapspy_recorded_census *censuses;
	size_t census_count;
	struct heapspy_timeline_point *timeline;
	size_t timeline_count;
	struct heapspy_recorded_process *processes; /* at least one, the first that began first */
	size_t process_count;
	struct heapspy_skipped_process *skipped;
	size_t skipped_count;
	pid_t chosen;       /* what is here is of this process alone; 0: of all */
	size_t event_count; /* of kinds that have no list here */
};

/* With `lines`, each line that was good is also written there, as ASCII.
 * HEAPSPY_BAD_FILE: it cannot be opened, is no recording or is damaged: the error
 * says in which line. HEAPSPY_LIMIT: it is larger than what is read. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_recording_load(const char *path, FILE *lines, struct heapspy_recording **ret_recording);

/* Once, before anything is made of a recording of several processes. With a PID all but what
 * is of that process is left out: HEAPSPY_NO_PROCESS, it is not in it. With 0 it is of all
 * together: the timeline becomes that of the sums, and censuses are of the first. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_recording_choose(struct heapspy_recording *recording, pid_t pid);

/* Takes NULL. */
HEAPSPY_API void heapspy_recording_free(struct heapspy_recording *recording);

/* "growth", "samples"; "arenas", "heap". Static texts. */
HEAPSPY_API const char *heapspy_source_name(enum heapspy_recording_source source);
HEAPSPY_API const char *heapspy_counter_name(enum heapspy_counter counter);

#endif
