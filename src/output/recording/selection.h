/* SPDX-License-Identifier: MIT */
/* What of a report is wanted, in which order: what every form of it is made from. */
#ifndef OUTPUT_RECORDING_SELECTION_H
#define OUTPUT_RECORDING_SELECTION_H

#include <stdbool.h>
#include <stdio.h>

#include <heapspy/report.h>

#include "base/cleanup.h"
#include "output/sort.h"

/* Rows are struct selected. */
extern const struct sort_column report_columns[];

struct report_view {
	const struct sort_column *sort; /* NULL: by what is kept */
	size_t limit;                   /* of rows, 0: all */
	const char *filter; /* shell pattern of functions and files of frames, NULL: all */
	bool whole_paths;   /* for people; else the end of each */
};

/* A stack, or a line with its own growth. */
struct selected {
	const struct heapspy_grown *grown; /* first: what rows are compared by */
	union {
		const struct heapspy_report_stack *stack;
		const struct heapspy_report_line *line;
	};
};

struct selection {
	const struct heapspy_report *report;
	struct report_view view;
	struct selected *stacks; /* with a frame that the filter lets through */
	size_t stack_count;
	struct selected *lines;  /* that the filter lets through */
	size_t line_count;
	struct heapspy_grown grown; /* of these stacks; the peak of all of them where there is
				       no filter, else 0 */
};

HEAPSPY_CHECK struct heapspy_error *selection_init(const struct heapspy_report *report,
						   const struct report_view *view,
						   struct selection *ret_selection);
void selection_fini(struct selection *selection);

/* What the view sorts by, of one of them. */
uint64_t selection_weight(const struct selection *selection, const struct heapspy_grown *grown);

/* The name of that: "kept". */
const char *selection_weight_name(const struct selection *selection);

/* "put (app/cache.py:12)", "malloc (libc.so.6)": made safe to stand between
 * semicolons. The caller frees it; NULL where there is no memory. */
char *frame_title(const struct heapspy_frame *frame);

/* "app/cache.py:12", "libc.so.6"; NULL where nothing is known, or no memory. The caller
 * frees it. */
char *frame_place(const struct heapspy_frame *frame);

/* That without what says little: "cache.py:12" of a package in a folder of libraries is
 * "package/cache.py:12", of others it is the file in its folder. Part of the place. */
const char *place_end(const char *place);

/* Writers of whole files. Errors of the stream stay in the stream. */
typedef struct heapspy_error *recording_writer(FILE *stream, const struct selection *selection);

recording_writer write_folded, write_speedscope, write_pprof, write_flame_graph, write_timeline;

#endif
