/* SPDX-License-Identifier: MIT */
/* What the two processes of a stop share: the one that asks (stop.c) and the one
 * that does it (stop_tracer.c). */
#ifndef TARGET_STOP_PRIVATE_H
#define TARGET_STOP_PRIVATE_H

#include <stdatomic.h>

#include "target/image.h"
#include "target/pages.h"
#include "target/process.h"
#include "target/stop.h"

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

/* Lies at the beginning of the shared memory; then the runs, the text of maps, and
 * the copy. Written by the tracer, read when it has ended. */
struct stop_shared {
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
	const struct stop_plan *plan;
	double max_pause, estimate;
	/* Files that cannot be opened: of these also clean pages are copied. */
	const struct address_range *out_of_reach;
	size_t out_of_reach_count;

	/* The shared memory, and how much fits into each part of it. */
	uint8_t *memory;
	size_t memory_length;
	struct stop_shared *shared;
	struct image_run *runs;
	size_t run_capacity;
	char *text;
	size_t text_capacity;
	uint8_t *bytes;
	uint64_t byte_capacity;
	struct thread_registers *threads;
	size_t thread_capacity;

	pid_t parent;
};

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
