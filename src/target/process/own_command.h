/* SPDX-License-Identifier: MIT */
/* The command line of this very process, as a shell reads it back: for remedies
 * that say "the same again, but with more rights". */
#ifndef TARGET_OWN_COMMAND_H
#define TARGET_OWN_COMMAND_H

#include <sys/types.h>

/* The argument `pid` replaced by `replacement`. The caller frees it; NULL where
 * there is no memory. Not sanitised. */
char *own_command(pid_t pid, pid_t replacement);

#endif
