/* SPDX-License-Identifier: MIT */
/* The document of `heapspy dump`: schema/dump-1.json. */
#ifndef OUTPUT_DUMP_H
#define OUTPUT_DUMP_H

#include <stdbool.h>

#include <heapspy/dump.h>

#include "output/emitter.h"
#include "output/sort.h"

/* Rows are const struct heapspy_type *. */
extern const struct sort_column dump_columns[];

struct dump_view {
	const struct sort_column *sort; /* NULL: bytes, or gc_bytes where they are unknown */
	size_t limit;                   /* of types, 0: all */
	const char *filter;             /* shell pattern of their names, NULL: all */
	bool addresses;                 /* also in the table */
};

/* How it was taken: for other documents, too. */
void emit_capture(struct emitter *emitter, const struct heapspy_capture *capture);

HEAPSPY_CHECK struct heapspy_error *output_dump(struct emitter *emitter,
						const struct heapspy_target_info *target,
						const struct heapspy_python_info *python,
						const struct heapspy_dump *dump,
						const struct dump_view *view);

#endif
