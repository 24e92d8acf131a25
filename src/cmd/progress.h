/* SPDX-License-Identifier: MIT */
/*
 * What is going on, said on standard error while it takes more than a second,
 * where that is a terminal; wiped away when it is done. One at a time.
 */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include "cmd/options.h"

struct progress;

/* NULL where nothing is to be said. `what` must outlive it. */
struct progress *progress_begin(const struct options *options, const char *what);

/* Takes NULL. */
void progress_end(struct progress *progress);

#endif
