/* SPDX-License-Identifier: MIT */
/* cmocka and what it needs before it; shared by all unit tests. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <heapspy/error.h>

/* Fails with the text of the error; takes it over. */
static inline void assert_no_error(struct heapspy_error *error)
{
	if (error)
		fail_msg("%s: %s", error->what, error->why ? error->why : "no cause given");
}

#endif
