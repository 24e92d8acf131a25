/* SPDX-License-Identifier: MIT */
/* The document of `heapspy gc`: schema/gc-1.json, one for each reading. */
#ifndef OUTPUT_GC_H
#define OUTPUT_GC_H

#include <stdbool.h>

#include <heapspy/attach.h>
#include <heapspy/gc.h>

#include "output/emitter.h"

struct gc_view {
	bool series; /* one of many: in the table a row, not a page */
	bool first;  /* of the series: says whose it is */
};

void output_gc(struct emitter *emitter, const struct heapspy_target_info *target,
	       const struct heapspy_python_info *python, const struct heapspy_gc_reading *reading,
	       const struct gc_view *view);

#endif
