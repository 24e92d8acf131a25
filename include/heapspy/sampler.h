/* SPDX-License-Identifier: MIT */
/*
 * Watching a process over time: two threads that read, each at its own cadence, and
 * publish what they read.
 *
 * Often (a second): what costs next to nothing, the kernel's numbers and the counters
 * of the collector, the stacks of the threads. Seldom (ten seconds): a census, that is
 * a heapspy_dump(); less often still where one takes so long that it would load a core
 * more than a little. Readings go on while a census is taken. Samplers that share a
 * pacer take their censuses one after the other, and share what they may cost.
 *
 * What is published does not change any more and belongs to all who keep it: it can
 * be read by any thread, and outlives the sampler. That the process is gone is part
 * of it. Times are seconds, sizes are bytes.
 */
#ifndef HEAPSPY_SAMPLER_H
#define HEAPSPY_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include <heapspy/api.h>
#include <heapspy/attach.h>
#include <heapspy/dump.h>
#include <heapspy/error.h>
#include <heapspy/gc.h>
#include <heapspy/instances.h>
#include <heapspy/snapshot.h>
#include <heapspy/stack.h>

/* One dump, kept as long as somebody needs it. */
struct heapspy_census {
	unsigned references; /* see heapspy_census_keep() */
	uint64_t number;     /* from 1 on */
	struct heapspy_dump *dump;
};

/* What the threads did, kept as long as somebody needs it. */
struct heapspy_stacks {
	unsigned references; /* see heapspy_stacks_keep() */
	struct heapspy_stack stack;
	char *trouble; /* of those with frames of C: why there are none, one line */
};

/* Objects of one type, which somebody asked to look at; kept as long as somebody needs it. */
struct heapspy_look {
	unsigned references; /* see heapspy_look_keep() */
	uint64_t number;     /* that heapspy_sampler_look() returned */
	uint64_t type;       /* address of the type */
	struct heapspy_instances *instances; /* NULL: */
	char *trouble;       /* why, one line */
};

/* A snapshot that somebody asked for. */
struct heapspy_saved {
	unsigned references; /* see heapspy_saved_keep() */
	uint64_t number;     /* that heapspy_sampler_save() returned */
	struct heapspy_snapshot snapshot;
	char *trouble;       /* it could not be written: why, one line */
};

enum heapspy_sample_state {
	HEAPSPY_SAMPLE_LIVE,
	HEAPSPY_SAMPLE_GONE, /* the process ended, or became another: the last sample */
};

struct heapspy_sample {
	unsigned references; /* see heapspy_sample_keep() */
	uint64_t number;     /* of the reading, from 1 on: some are published twice, with and
	                        without a census */
	double time;         /* of the reading: since the epoch */
	enum heapspy_sample_state state;
	enum heapspy_code trouble_code;
	char *trouble;       /* why the last reading failed, one line; NULL: it did not */
	uint64_t rss, swap, rss_peak, virt; /* HEAPSPY_UNKNOWN as in <heapspy/memory.h> */
	unsigned threads;    /* 0: not known */
	struct heapspy_interpreter *interpreters; /* counters alone */
	size_t interpreter_count;
	struct heapspy_stacks *stacks; /* NULL: they could not be read */
	struct heapspy_stacks *native; /* with frames of C, when they were last asked for;
	                                  NULL: never */
	struct heapspy_census *census; /* the last one, NULL: there was none yet */
	struct heapspy_look *look;     /* the last one, NULL: there was none yet */
	struct heapspy_saved *saved;   /* so too */
	bool walking;           /* a census is being taken */
	double walk_cpu;        /* of the last one, in the sampler: seconds of a core */
	double census_interval; /* at present, stretched or not */
};

struct heapspy_pacer;

struct heapspy_sampler_options {
	double interval;        /* 0: a second; longer where a twentieth of it is not enough */
	double census_interval; /* 0: ten */
	struct heapspy_pacer *pacer; /* kept; NULL: one of its own */
	enum heapspy_layout_source layout; /* that the process was attached with */
};

struct heapspy_sampler;

/* `duty`: most that the censuses of all its samplers may take of a core; 0: 0.05.
 * NULL without memory. */
HEAPSPY_API struct heapspy_pacer *heapspy_pacer_new(double duty);
HEAPSPY_API struct heapspy_pacer *heapspy_pacer_keep(struct heapspy_pacer *pacer);
HEAPSPY_API void heapspy_pacer_drop(struct heapspy_pacer *pacer);

/* Takes the attachment, also where it fails: heapspy_sampler_stop() ends it. options
 * may be NULL. Signals that come from outside are blocked in the thread. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_sampler_start(struct heapspy *heapspy, const struct heapspy_sampler_options *options,
		      struct heapspy_sampler **ret_sampler);

/* At once: a census that is under way is abandoned. Takes NULL. */
HEAPSPY_API void heapspy_sampler_stop(struct heapspy_sampler *sampler);

/* What it watches: heapspy_target_info() and heapspy_python_info(), as long as it does. */
HEAPSPY_API const struct heapspy_target_info *
heapspy_sampler_target(const struct heapspy_sampler *sampler);
HEAPSPY_API const struct heapspy_python_info *
heapspy_sampler_python(const struct heapspy_sampler *sampler);

/* Readable when there is something new; heapspy_sampler_latest() makes it wait again. */
HEAPSPY_API int heapspy_sampler_fd(const struct heapspy_sampler *sampler);

/* The newest sample, kept for the caller; NULL before the first. */
HEAPSPY_API struct heapspy_sample *heapspy_sampler_latest(struct heapspy_sampler *sampler);

/* As soon as possible, whatever the interval says. */
HEAPSPY_API void heapspy_sampler_walk_now(struct heapspy_sampler *sampler);
HEAPSPY_API void heapspy_sampler_set_census_interval(struct heapspy_sampler *sampler,
						     double interval);

/* As soon as possible look at the objects of a type, and take a census after it. Of
 * several that wait, the last one is done. Returns its number, from 1 on. */
HEAPSPY_API uint64_t heapspy_sampler_look(struct heapspy_sampler *sampler,
					  const struct heapspy_instances_options *options);

/* As soon as possible read the stacks with their frames of C, once. Each thread that runs
 * is held for that, for `max_pause` seconds at most. Returns its number. */
HEAPSPY_API uint64_t heapspy_sampler_native(struct heapspy_sampler *sampler, double max_pause);

/* Write a snapshot: `fd` as of heapspy_snapshot_write(), and not to be closed before it
 * is done or the sampler was stopped. One at a time: 0 while another is being written. */
HEAPSPY_API uint64_t heapspy_sampler_save(struct heapspy_sampler *sampler,
					  const struct heapspy_snapshot_options *options, int fd);

/* One more, and one less, who needs it. Return and take NULL. */
HEAPSPY_API struct heapspy_sample *heapspy_sample_keep(struct heapspy_sample *sample);
HEAPSPY_API void heapspy_sample_drop(struct heapspy_sample *sample);
HEAPSPY_API struct heapspy_census *heapspy_census_keep(struct heapspy_census *census);
HEAPSPY_API void heapspy_census_drop(struct heapspy_census *census);
HEAPSPY_API struct heapspy_stacks *heapspy_stacks_keep(struct heapspy_stacks *stacks);
HEAPSPY_API void heapspy_stacks_drop(struct heapspy_stacks *stacks);
HEAPSPY_API struct heapspy_look *heapspy_look_keep(struct heapspy_look *look);
HEAPSPY_API void heapspy_look_drop(struct heapspy_look *look);
HEAPSPY_API struct heapspy_saved *heapspy_saved_keep(struct heapspy_saved *saved);
HEAPSPY_API void heapspy_saved_drop(struct heapspy_saved *saved);

#endif
