/* SPDX-License-Identifier: MIT */
/* What every public header needs: the mark of an exported function. */
#ifndef HEAPSPY_API_H
#define HEAPSPY_API_H

/* The library is built with -fvisibility=hidden; only what bears this mark
 * can be called from outside. */
#define HEAPSPY_API __attribute__((visibility("default")))

/* A result that must be looked at: an error left alone is also a leak. */
#define HEAPSPY_CHECK __attribute__((warn_unused_result))

#define HEAPSPY_PRINTF(text, first) __attribute__((format(printf, text, first)))

#endif
