/* SPDX-License-Identifier: MIT */
/* What is said on standard error, each in one write. */
#ifndef CMD_SAY_H
#define CMD_SAY_H

#include "cmd/options.h"

/* An error: the message, and the JSON of it where that was asked for. */
void say_error(const struct options *options, const struct heapspy_error *error);

/* A remark, unless it is to be quiet. */
void say_remark(const struct options *options, const char *remark);

#endif
