/* SPDX-License-Identifier: MIT */
/* How a recording is read. Callers want <heapspy/recording.h>. */
#ifndef HEAP_RECORDING_PRIVATE_H
#define HEAP_RECORDING_PRIVATE_H

#include <heapspy/recording.h>

#include <jansson.h>

#include "base/index.h"

/* What one may hold. A bound on memory, not on what is useful: a day of samples
 * is 8 million. */
enum {
	LONGEST_LINE = 32 << 20,
	MOST_FRAMES = 1 << 22,
	MOST_STACKS = 1 << 22,
	MOST_STACK_FRAMES = 1 << 26, /* of all stacks */
	MOST_THREADS = 1 << 20,
	MOST_EVENTS = 1 << 25,       /* of each kind */
	MOST_CENSUS_ROWS = 1 << 25,
	MOST_TEXTS = 1 << 23,
	MOST_PROCESSES = 1 << 16,
};

/* Bytes and objects beyond any machine; the sum of all changes is kept below, so
 * that no sum of some of them overflows. */
#define MOST_NUMBER ((int64_t)1 << 60)

/* A recording, and what it is made of. */
struct recording_store {
	struct heapspy_recording recording; /* first: the public pointer is to this */
	char **texts;
	size_t text_count;
	uint32_t *stack_frames;
	size_t stack_frame_count;
};

/* One that is being read. The first error counts. */
struct recording_loader {
	struct recording_store *store;
	struct heapspy_recording *recording; /* of the store */
	struct heapspy_error *error;
	uint64_t line; /* that is being read, from 1 on; 0: none */
	bool begun, ended;

	/* Equal things are kept once. */
	struct index texts, frames, stacks, threads, types, pids;
	size_t text_space, frame_space, stack_space, stack_frame_space, thread_space, type_space;
	size_t growth_space, sample_space, census_space, timeline_space;
	size_t process_space, latest_space, skipped_space;
	uint32_t *latest; /* by the first process of a PID: the last one that had it */
	size_t *stack_starts; /* in stack_frames, which moves as it grows */
	size_t stack_start_space;
	size_t census_rows;

	/* By the ids that the file gives them. */
	uint32_t *frame_ids, *stack_ids;
	size_t frame_id_count, stack_id_count, frame_id_space, stack_id_space;

	/* Of all changes so far, without their signs. */
	uint64_t moved[4];
};

/* ---- recording_store.c ------------------------------------------------------- */

void loader_fini(struct recording_loader *loader);

/* What is wrong with the file, or with the line. */
void loader_refuse(struct recording_loader *loader, const char *why, ...) HEAPSPY_PRINTF(2, 3);
void loader_refuse_limit(struct recording_loader *loader, const char *of_what, size_t most);
void loader_no_memory(struct recording_loader *loader);

/* Room for one more of `count`. False: an error is set. */
bool loader_room(struct recording_loader *loader, void *items, size_t size, size_t count,
		 size_t *space, size_t most, const char *of_what);

/* The index of the one that is equal; a new one where there is none. UINT32_MAX: an
 * error is set. Of texts, the text, made safe. */
const char *loader_text(struct recording_loader *loader, const char *bytes, size_t length);
uint32_t loader_frame(struct recording_loader *loader, const struct heapspy_frame *frame);
/* The frames are copied. */
uint32_t loader_stack(struct recording_loader *loader, const struct heapspy_recorded_stack *stack);
uint32_t loader_thread(struct recording_loader *loader, int64_t tid, const char *name);
uint32_t loader_type(struct recording_loader *loader, const char *name);

/* All is read: events in order, stacks where they stay. */
void loader_settle(struct recording_loader *loader);

/* Another process; the one that has a PID now, UINT32_MAX: none. */
bool loader_add_process(struct recording_loader *loader,
			const struct heapspy_recorded_process *process);
uint32_t loader_process(const struct recording_loader *loader, pid_t pid);

/* The words of a command line; NULL at the end. */
const char **loader_command(struct recording_loader *loader, const json_t *array);

/* ---- recording_json.c --------------------------------------------------------- */

/* Members of the line's object. An error is set where one that is there is of
 * another type, or is none that can be; without `fallback`, where it is not there. */
const json_t *take_member(struct recording_loader *loader, const json_t *object, const char *name,
			  json_type type);
int64_t take_integer(struct recording_loader *loader, const json_t *object, const char *name,
		     int64_t least, const int64_t *fallback);
double take_seconds(struct recording_loader *loader, const json_t *object, const char *name,
		    const double *fallback);
const char *take_text(struct recording_loader *loader, const json_t *object, const char *name,
		      bool needed);
bool take_flag(struct recording_loader *loader, const json_t *object, const char *name);

/* ---- recording_events.c --------------------------------------------------------- */

/* A line that is not the first. Of a type that is not known: passed over. */
void loader_take_line(struct recording_loader *loader, const json_t *line);

#endif
