/* SPDX-License-Identifier: MIT */
/* What a command reads, its TARGET: a process, or a core file or snapshot. */
#ifndef CMD_TARGET_H
#define CMD_TARGET_H

#include <heapspy/attach.h>

#include "cmd/options.h"

/* An operand: digits are a PID, all else is the name of a file. */
HEAPSPY_CHECK struct heapspy_error *target_set(struct options *options,
					       const struct command *command, const char *text);

/* Open what is needed of a process, with --stop also what stops it; of a file nothing,
 * and *ret_heapspy is left as it is. For more than one target; then sandbox_enter(). */
HEAPSPY_CHECK struct heapspy_error *target_reach(const struct options *options,
						 struct heapspy **ret_heapspy);

/* For one target: target_reach(), and lock ourselves in with no more than that needs. */
HEAPSPY_CHECK struct heapspy_error *target_lock_in(const struct options *options,
						   struct heapspy **ret_heapspy);

/* Find its Python: of what was reached, of a process that is only reached now where
 * *heapspy is NULL, or of the file. It is to be detached whatever comes of it. */
HEAPSPY_CHECK struct heapspy_error *target_attach(const struct options *options,
						  struct heapspy **heapspy);

/* "process 12", "core.12": for a message. As long as the options live. */
const char *target_text(const struct options *options, char *buffer, size_t size);

#endif
