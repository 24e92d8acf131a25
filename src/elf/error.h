/* SPDX-License-Identifier: MIT */
/*
 * Errors of libelf and libdw as heapspy's own: the one place that knows the
 * error state of those libraries.
 */
#ifndef ELF_ERROR_H
#define ELF_ERROR_H

#include <heapspy/error.h>

/* With `why` from the last error of libelf or libdw in this thread, which is
 * taken: a later call does not see it again. */
struct heapspy_error *error_from_libelf(enum heapspy_code code, const char *what, ...)
    HEAPSPY_PRINTF(2, 3);
struct heapspy_error *error_from_libdw(enum heapspy_code code, const char *what, ...)
    HEAPSPY_PRINTF(2, 3);

#endif
