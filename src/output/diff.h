/* SPDX-License-Identifier: MIT */
/* The document of `heapspy diff`: schema/diff-1.json. */
#ifndef OUTPUT_DIFF_H
#define OUTPUT_DIFF_H

#include <stdbool.h>

#include <heapspy/attach.h>
#include <heapspy/diff.h>

#include "output/emitter.h"
#include "output/sort.h"

/* Rows are const struct heapspy_type_change *. */
extern const struct sort_column diff_columns[];

/* One of the two dumps, and where it is from. */
struct diff_side {
	const char *source; /* "process", "core", "snapshot", "dump" */
	const char *path;   /* of the file, NULL: it is none */
	const struct heapspy_target_info *target;
	const char *python; /* version, NULL: not known */
	const struct heapspy_dump *dump;
};

struct diff_view {
	const struct sort_column *sort; /* NULL: by growth in bytes */
	size_t limit;                   /* of types, 0: all */
	const char *filter;             /* shell pattern of their names, NULL: all */
	bool changed;                   /* only types that changed */
};

HEAPSPY_CHECK struct heapspy_error *output_diff(struct emitter *emitter,
						const struct diff_side *before,
						const struct diff_side *after,
						const struct heapspy_diff *diff,
						const struct diff_view *view);

#endif
