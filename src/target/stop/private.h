/* SPDX-License-Identifier: MIT */
/* What the two processes of a stop share: the one that asks (stop.c) and the one
 * that does it (stop_tracer.c). */
#ifndef TARGET_STOP_PRIVATE_H
#define TARGET_STOP_PRIVATE_H

#include <stdatomic.h>

#include "target/image.h"
#include "target/process/pages.h"
#include "target/process/process.h"
#include "target/stop/stop.h"

/* How far the tracer came; it may be killed at any point. */
enum stop_stage {
	STAGE_BEGIN,
	STAGE_POPULATE, /* making the memory for the copy ready */
	STAGE_WATCH,    /* copying while nothing moves */
	STAGE_STOP,     /* from the first thread stopped to the last let go */
	STAGE_END,
};

enum stop_outcome {
	OUTCOME_NONE,
	OUTCOME_COPIED,
	OUTCOME_GREW,     /* there is more to copy than there was: again, with more room */
	OUTCOME_TOO_LONG, /* the estimate is above the limit: nothing was stopped */
	OUTCOME_LATE,     /* it took longer than the limit */
	OUTCOME_GONE,
	OUTCOME_TRACED,
	OUTCOME_DENIED,
	OUTCOME_STORM,
	OUTCOME_UNREADABLE,
	OUTCOME_NO_MEMORY,
};

enum { MOST_HOLES = 1024 };

/* What is to be done, and how the shared memory is divided: what follows the header
 * are the ranges, left out and out of reach, the runs, the threads, the text, and the
 * copy. */
struct stop_request {
	double max_pause, estimate;
	bool always_stop;
	size_t left_out_count, out_of_reach_count;
	size_t run_capacity, thread_capacity, text_capacity;
	uint64_t byte_capacity;
};

/* Lies at the beginning of the shared memory. Written by the tracer, but for the request,
 * and read when it has ended. */
struct stop_shared {
	struct stop_request request;
	_Atomic int stage;
	int outcome;
	pid_t culprit;
	struct stop_report report;
	size_t run_count;
	size_t text_length;
	size_t thread_count;     /* whose registers are known */
	uint64_t bytes;          /* of the copy */
	_Atomic uint32_t hole_count;
	uint64_t holes[MOST_HOLES]; /* pages of the runs that the kernel refused to show */
};

struct stop_job {
	struct process_target *process;
	struct stop_request request;

	/* The shared memory and its parts. */
	uint8_t *memory;
	size_t memory_length;
	struct stop_shared *shared;
	struct address_range *left_out;
	/* Files that cannot be opened: of these also clean pages are copied. */
	struct address_range *out_of_reach;
	struct image_run *runs;
	struct thread_registers *threads;
	char *text;
	uint8_t *bytes;

	pid_t parent; /* of the tracer */
};

/* The length of the memory that a request needs. */
size_t stop_request_length(const struct stop_request *request);

/* Find the request and the parts in the memory of a job. False: it is too small. */
bool stop_job_divide(struct stop_job *job);

/* Give up, before the first tracer, all rights that it does not need, for this process
 * and all that it starts. */
void stop_lock_in(void);

/* What the tracer of a hold is told. */
struct holding {
	int proc;
	pid_t tid, parent;
	bool only_running;
	double most;
	int answers, release;
	int others[2]; /* ends that are not its own, -1: it has none */
};

/* Its whole life, but for stop_lock_in(). */
_Noreturn void hold_main(const struct holding *holding);

/* The tracer: the whole life of the forked process. */
_Noreturn void stop_tracer_main(struct stop_job *job);

/* Of a forked process that holds threads: it ends with its parent, and does nothing else
 * that the program would. */
void stop_settle_in(pid_t parent);

/* What there is to copy: calls `add` for each run, by address, until it returns
 * false. 0 or an errno. */
typedef bool stop_survey_visitor(void *context, uint64_t start, uint64_t end, bool copied);
int stop_survey(const struct stop_job *job, const struct maps *maps, stop_survey_visitor *add,
		void *context);

#endif
