/* SPDX-License-Identifier: MIT */
/* What must be so whatever the input is. */
#ifndef TESTS_FUZZ_REQUIRE_H
#define TESTS_FUZZ_REQUIRE_H

/* Ends the program, with a trace of the sanitizer's, if it is not so. */
#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			require_failed(#condition, __FILE__, __LINE__);                            \
	} while (0)
_Noreturn void require_failed(const char *condition, const char *file, int line);

#endif
