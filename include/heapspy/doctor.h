/* SPDX-License-Identifier: MIT */
/* Can this process be read; if not, why; and where each offset comes from. */
#ifndef HEAPSPY_DOCTOR_H
#define HEAPSPY_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <heapspy/api.h>
#include <heapspy/attach.h>
#include <heapspy/error.h>

struct heapspy_check {
	const char *name; /* "process", "permission", "interpreter", "layout", ... */
	bool passed;
	char *detail; /* one line for a person */
};

/* One offset of the layout, from every source that gives it. */
struct heapspy_offset {
	const char *structure; /* "PyDictObject" */
	const char *field;     /* "ma_keys", or "sizeof" */
	int32_t used;          /* what heapspy reads with; -1: not in this build */
	const char *source;    /* where `used` comes from: "table", "dwarf", "debug-offsets" */
	int32_t table, dwarf, debug_offsets; /* -1: this source does not give it */
};

struct heapspy_diagnosis {
	struct heapspy_check *checks;
	size_t check_count;
	struct heapspy_offset *offsets; /* empty unless asked for */
	size_t offset_count;
	struct heapspy_error *error; /* the one cause, NULL when all is well */
};

/* Checks of this machine alone when pid is 0. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_diagnose(pid_t pid, bool with_offsets, struct heapspy_diagnosis *ret_diagnosis);

HEAPSPY_API void heapspy_diagnosis_fini(struct heapspy_diagnosis *diagnosis);

#endif
