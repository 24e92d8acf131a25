/* SPDX-License-Identifier: MIT */
/*
 * Watching several processes: a thread that looks for them, attaches, and hands over a
 * sampler for each. With `subprocesses` it goes on looking for what they start, and what
 * that starts, as long as it lives: workers that come and go are found when they come.
 * That one went is told by its sampler.
 *
 * What is no Python (yet) is looked at again, less and less often.
 */
#ifndef HEAPSPY_SCOUT_H
#define HEAPSPY_SCOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <heapspy/api.h>
#include <heapspy/error.h>
#include <heapspy/sampler.h>

/* So many are watched at the same time; what comes beyond waits. */
enum { HEAPSPY_MOST_WATCHED = 128 };

struct heapspy_scout_options {
	const pid_t *pids; /* copied */
	size_t count;
	bool subprocesses;
	double interval; /* between two looks: seconds; 0: one */
	struct heapspy_sampler_options sampler; /* of each; the pacer should be shared */
};

/* One that was found. */
struct heapspy_discovery {
	pid_t pid, parent;
	struct heapspy_sampler *sampler; /* the caller's from now on; NULL: it cannot be read */
	struct heapspy_error *error;     /* why not; the caller's, too */
};

struct heapspy_scout;

/* Returns after the first look. An error where one of the processes that were named
 * cannot be read; with `subprocesses`, where there is none that can. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_scout_start(const struct heapspy_scout_options *options, struct heapspy_scout **ret_scout);

/* Samplers that nobody took are stopped. Takes NULL. */
HEAPSPY_API void heapspy_scout_stop(struct heapspy_scout *scout);

/* Readable when there is something new; heapspy_scout_take() makes it wait again. */
HEAPSPY_API int heapspy_scout_fd(const struct heapspy_scout *scout);

/* The next one, in the order in which they were found. False: there is none now. */
HEAPSPY_API bool heapspy_scout_take(struct heapspy_scout *scout,
				    struct heapspy_discovery *ret_discovery);

/* The sampler of a discovery was stopped: another may be watched in its place. */
HEAPSPY_API void heapspy_scout_give_up(struct heapspy_scout *scout);

#endif
