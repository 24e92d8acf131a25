/* SPDX-License-Identifier: MIT */
/* Locking ourselves in, as every command does before it looks at what a target holds. */
#ifndef CMD_SANDBOX_H
#define CMD_SANDBOX_H

#include <heapspy/sandbox.h>

#include "cmd/options.h"

/* Once for each run of the program. Where it cannot be had, or is not wanted, that is
 * remarked on, and the command goes on. */
void sandbox_enter(const struct options *options, const struct heapspy_sandbox *sandbox);

#endif
