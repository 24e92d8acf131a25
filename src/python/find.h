/* SPDX-License-Identifier: MIT */
/*
 * Candidates for the runtime of a target: where a `_PyRuntime` may be, and which
 * version it may have. Whether one is real is for python/prove.h to say.
 */
#ifndef PYTHON_FIND_H
#define PYTHON_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elf/module.h"
#include "target/target.h"

struct candidate {
	struct elf_module *module; /* owned; NULL when no file is behind it */
	uint64_t runtime;          /* _PyRuntime; 0: a Python without one, 3.6 and older */
	uint32_t hexversion;       /* exact, or 3.X.0 with `exact` false; 0: unknown */
	bool exact;
	bool free_threaded;
};

struct candidates {
	struct candidate *items; /* best first */
	size_t count;
	bool other_python; /* some PyPy or the like is mapped */
};

struct heapspy_error *find_candidates(struct target *target, struct candidates *ret_candidates);

void candidates_fini(struct candidates *candidates);

#endif
