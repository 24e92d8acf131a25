/* SPDX-License-Identifier: MIT */
/*
 * What a recording says: which stacks and lines made memory grow, and which only
 * make objects that go again.
 *
 * Growth comes from the allocators' counters where they were watched, else from what
 * RSS grew by between samples. What shrinks is taken from the stack that the recording
 * says it had been charged to; what belongs to none had been there before the recording
 * began. Of RSS nobody knows that: it takes back what it grew by last. So what is kept is
 * never negative.
 *
 * A report refers to its recording, which must outlive it.
 */
#ifndef HEAPSPY_REPORT_H
#define HEAPSPY_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/api.h>
#include <heapspy/error.h>
#include <heapspy/recording.h>

/* Bytes. */
struct heapspy_grown {
	uint64_t kept;  /* at the end, of what grew since the beginning */
	uint64_t peak;  /* the most that was kept at any time */
	uint64_t total; /* all that grew, also what shrank again */
	uint64_t events;
};

/* What was made, whether it stays or not, as samples tell it. */
struct heapspy_churn {
	uint64_t objects; /* of the youngest generation */
	uint64_t bytes;   /* of RSS and arenas, the larger of the two */
	uint64_t samples; /* that found it with the GIL */
};

struct heapspy_report_stack {
	uint32_t stack; /* of the recording */
	uint32_t line;  /* frame of the newest Python code, else the newest; HEAPSPY_NO_STACK: none */
	struct heapspy_grown grown;
	struct heapspy_churn churn;
};

/* A frame of the recording: a line of a function. */
struct heapspy_report_line {
	uint32_t frame;
	struct heapspy_grown own;   /* it, or C code that it called, was the newest */
	struct heapspy_grown whole; /* it was anywhere in the stack */
	struct heapspy_churn churn; /* its own */
};

enum { HEAPSPY_REPORT_JOINED = 3, HEAPSPY_REPORT_TOP = 5 };

/* A type between the first census and the last, and the lines that grew when it did:
 * between two censuses its growth is shared out among them as theirs is. */
struct heapspy_report_type {
	uint32_t type;
	uint64_t objects_before, objects_after, bytes_before, bytes_after;
	struct {
		uint32_t frame;
		double share; /* of its growth */
	} lines[HEAPSPY_REPORT_JOINED];
	size_t line_count;
};

/* Between two censuses: what grew most, largest first. */
struct heapspy_report_interval {
	double from, to;
	uint64_t objects_before, objects_after, bytes_before, bytes_after;
	uint64_t grown; /* bytes that stacks kept more, without those that kept less */
	struct {
		uint32_t type;
		int64_t bytes, objects;
	} types[HEAPSPY_REPORT_TOP];
	size_t type_count;
	struct {
		uint32_t stack;
		uint64_t bytes;
	} stacks[HEAPSPY_REPORT_TOP];
	size_t stack_count;
};

/* That a stack keeps more, or less, from a time on. */
struct heapspy_report_change {
	double time;
	int64_t bytes;
	uint32_t stack;
	uint32_t process;
	enum heapspy_counter counter;
};

struct heapspy_report {
	const struct heapspy_recording *recording;
	enum heapspy_recording_source basis; /* GROWTH or SAMPLES: where the bytes come from */
	struct heapspy_grown grown;          /* of all stacks */
	double peak_time;
	uint64_t freed_before; /* bytes that shrank though they had not grown since the beginning */
	struct heapspy_grown counters[HEAPSPY_COUNTER_COUNT]; /* basis GROWTH: of each */
	struct heapspy_churn churn;          /* of all stacks */
	uint64_t *threads;                   /* of each thread of the recording, total */
	struct heapspy_grown *processes;     /* of each process of the recording; kept until it
	                                        ended, where it did */

	/* Those with growth or churn. Most kept first, then most in total. */
	struct heapspy_report_stack *stacks;
	size_t stack_count;
	struct heapspy_report_line *lines;
	size_t line_count;
	/* In the first census or the last; most grown first. */
	struct heapspy_report_type *types;
	size_t type_count;
	struct heapspy_report_interval *intervals;
	size_t interval_count;
	/* In the order of time. */
	struct heapspy_report_change *changes;
	size_t change_count;
};

HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_report_make(const struct heapspy_recording *recording, struct heapspy_report **ret_report);

/* Takes NULL. */
HEAPSPY_API void heapspy_report_free(struct heapspy_report *report);

#endif
