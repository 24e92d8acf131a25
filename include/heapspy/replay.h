/* SPDX-License-Identifier: MIT */
/*
 * Samples written down, and read back: what `heapspy top --record` writes and `--replay`
 * shows (schema heapspy.samples/1), one JSON object a line.
 *
 * First a line about the process, then one for each sample; of several processes each
 * line says which. A census stands in the first sample that has it. What the threads
 * did and what was asked for by hand is not written down.
 *
 * A file is not trusted: texts are sanitised, numbers are checked, lines and lists have
 * a largest length. One that was cut off is read to its last whole line.
 */
#ifndef HEAPSPY_REPLAY_H
#define HEAPSPY_REPLAY_H

#include <stdbool.h>
#include <sys/types.h>

#include <heapspy/api.h>
#include <heapspy/attach.h>
#include <heapspy/error.h>
#include <heapspy/sampler.h>

/* ---- writing ------------------------------------------------------------------------- */

/* The line about a process, with its newline; the caller frees it. NULL without memory.
 * `listed`: it is one of several, or may be. */
HEAPSPY_API char *heapspy_replay_process_line(const struct heapspy_target_info *target,
					      const struct heapspy_python_info *python,
					      pid_t parent, double interval,
					      bool listed);

/* That of a sample, with its census where `written` (NULL: none) is not it. */
HEAPSPY_API char *heapspy_replay_sample_line(pid_t pid, const struct heapspy_sample *sample,
					     const struct heapspy_census *written);

/* ---- reading ------------------------------------------------------------------------- */

struct heapspy_replay;

/* One line. The infos live as long as the replay. */
struct heapspy_replayed {
	pid_t pid, parent;
	const struct heapspy_target_info *target;
	const struct heapspy_python_info *python;
	double interval;               /* of its readings */
	bool listed;
	struct heapspy_sample *sample; /* the caller's; NULL: the process is new */
};

/* HEAPSPY_BAD_FILE: it is no such file, or its first line is damaged. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *heapspy_replay_open(const char *path,
								    struct heapspy_replay **ret_replay);

/* The next line. False: there is no more. */
HEAPSPY_API bool heapspy_replay_next(struct heapspy_replay *replay,
				     struct heapspy_replayed *ret_replayed);

/* Begin anew. */
HEAPSPY_API void heapspy_replay_rewind(struct heapspy_replay *replay);

/* Why it ended before its end, one line; NULL: it did not. */
HEAPSPY_API const char *heapspy_replay_trouble(const struct heapspy_replay *replay);

/* Takes NULL. */
HEAPSPY_API void heapspy_replay_free(struct heapspy_replay *replay);

#endif
