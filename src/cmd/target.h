/* SPDX-License-Identifier: MIT */
/* What a command reads, its TARGET: a process, or a core file or snapshot. */
#ifndef CMD_TARGET_H
#define CMD_TARGET_H

#include <heapspy/attach.h>

#include "cmd/options.h"

/* An operand: digits are a PID, all else is the name of a file. */
HEAPSPY_CHECK struct heapspy_error *target_set(struct options *options,
					       const struct command *command, const char *text);

HEAPSPY_CHECK struct heapspy_error *target_attach(const struct options *options,
						  struct heapspy **ret_heapspy);

/* "process 12", "core.12": for a message. As long as the options live. */
const char *target_text(const struct options *options, char *buffer, size_t size);

#endif
