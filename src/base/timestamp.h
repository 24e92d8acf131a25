/* SPDX-License-Identifier: MIT */
/* Times as our JSON has them: RFC 3339 in UTC, 2026-11-21T06:52:59.123Z. */
#ifndef BASE_TIMESTAMP_H
#define BASE_TIMESTAMP_H

#include <stdbool.h>

/* Seconds since the epoch, whatever the locale. False: it is no such time. */
bool timestamp_parse(const char *text, double *ret_time);

#endif
