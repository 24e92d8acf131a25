/* SPDX-License-Identifier: MIT */
/* Making errors. What they mean and who owns them: <heapspy/error.h>. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdint.h>

#include <heapspy/error.h>

#include "base/fault.h"

/* A new error with its `what`. Never NULL: where there is no memory left, a
 * static error that says so is returned instead. */
struct heapspy_error *error_new(enum heapspy_code code, const char *what, ...)
	HEAPSPY_PRINTF(2, 3);

/* As error_new(), with `why` from errno. */
struct heapspy_error *error_errno(enum heapspy_code code, int errnum, const char *what, ...)
	HEAPSPY_PRINTF(3, 4);

/* Set the cause; returns its argument, so that calls chain. */
struct heapspy_error *error_why(struct heapspy_error *error, const char *why, ...)
	HEAPSPY_PRINTF(2, 3);

/* Add a line to the remedy; returns its argument. */
struct heapspy_error *error_remedy(struct heapspy_error *error, const char *remedy, ...)
	HEAPSPY_PRINTF(2, 3);

/* The static out-of-memory error: making it never allocates. */
struct heapspy_error *error_no_memory(void);

/* A read that failed at an address; `what` as in error_new(). */
struct heapspy_error *error_from_fault(enum fault fault, uint64_t address, const char *what, ...)
	HEAPSPY_PRINTF(3, 4);

#endif
