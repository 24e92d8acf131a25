/* SPDX-License-Identifier: MIT */
/* The document of `heapspy ps`: schema/ps-1.json. */
#ifndef OUTPUT_PROCESSES_H
#define OUTPUT_PROCESSES_H

#include <stddef.h>

#include <heapspy/processes.h>

#include "output/emitter.h"
#include "output/sort.h"

/* Rows are struct heapspy_process. */
extern const struct sort_column process_columns[];

struct processes_view {
	const struct sort_column *sort; /* NULL: by pid */
	size_t limit;                   /* 0: all */
	const char *filter;             /* shell pattern of their commands, NULL: all */
};

/* Puts the processes in order. */
void output_processes(struct emitter *emitter, struct heapspy_processes *processes,
		      const struct processes_view *view);

#endif
