/* SPDX-License-Identifier: MIT */
/* The fixtures that a test is given on its command line as NAME=PATH. */
#ifndef TESTS_FIXTURES_H
#define TESTS_FIXTURES_H

#include "unit.h"

static char **fixtures;

static inline const char *fixture(const char *name)
{
	size_t length = strlen(name);
	for (char **at = fixtures; *at; at++) {
		if (strncmp(*at, name, length) == 0 && (*at)[length] == '=')
			return *at + length + 1;
	}
	fail_msg("no fixture %s", name);
	return NULL;
}

#endif
