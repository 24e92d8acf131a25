/* SPDX-License-Identifier: MIT */
/*
 * Errors: what failed, why, and what to do about it.
 *
 * A function that can fail returns `struct heapspy_error *`: NULL is success,
 * anything else belongs to the caller, who ends it with heapspy_error_free().
 * Out parameters are written only on success.
 *
 * An error never holds text of the target that is not sanitised: it can be
 * printed as it is.
 */
#ifndef HEAPSPY_ERROR_H
#define HEAPSPY_ERROR_H

#include <stdint.h>

#include <heapspy/api.h>

/* X(NAME, exit status of the program, name in JSON) */
#define HEAPSPY_ERROR_CODES(X)                                                 \
	X(FINDING, 1, "finding")             /* asked to judge, found something */ \
	X(USAGE, 2, "usage")                 /* the call itself is wrong */        \
	X(NO_PROCESS, 3, "no-process")       /* there is none with this PID */     \
	X(GONE, 3, "gone")                   /* it went, or became another */      \
	X(PERMISSION, 4, "permission")       /* the kernel refuses */              \
	X(NOT_PYTHON, 5, "not-python")       /* no CPython in it */                \
	X(REFUSED, 5, "refused-build")       /* a Python we do not read */         \
	X(NOT_READY, 5, "not-ready")         /* before start-up or after its end */ \
	X(BUSY, 6, "busy")                   /* traced, or not stopped in time */  \
	X(INCOMPLETE, 7, "incomplete")       /* data missing, marked as such */    \
	X(OUTPUT, 8, "output")               /* could not be written */            \
	X(BAD_FILE, 9, "bad-file")           /* input file is damaged or alien */  \
	X(LIMIT, 10, "limit")                /* memory, descriptors of our own */  \
	X(BUG, 70, "bug")                    /* a mistake in heapspy */

enum heapspy_code {
#define X(name, exit_status, json_name) HEAPSPY_##name,
	HEAPSPY_ERROR_CODES(X)
#undef X
};

struct heapspy_error {
	enum heapspy_code code;
	int errnum;       /* errno that caused it, 0 if none */
	uint64_t address; /* in the target, 0 if none */
	char *what;       /* one line, no newline: what failed */
	char *why;        /* one cause, or NULL */
	char *remedy;     /* commands that run as printed, one a line, or NULL */
};

/* Exit status of the program for this error: heapspy(1), EXIT STATUS. */
HEAPSPY_API int heapspy_exit_status(enum heapspy_code code);

/* "no-process" style name for programs. Static text. */
HEAPSPY_API const char *heapspy_code_name(enum heapspy_code code);

/* Takes NULL. */
HEAPSPY_API void heapspy_error_free(struct heapspy_error *error);

#endif
