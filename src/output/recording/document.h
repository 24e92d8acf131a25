/* SPDX-License-Identifier: MIT */
/* The document of `heapspy report`: schema/report-1.json. */
#ifndef OUTPUT_RECORDING_DOCUMENT_H
#define OUTPUT_RECORDING_DOCUMENT_H

#include "output/emitter.h"
#include "output/recording/selection.h"

struct source_files;

/* `brief`: for people who did not say how much they want; then the view's limit does not
 * count. */
HEAPSPY_CHECK struct heapspy_error *output_report(struct emitter *emitter,
						  const struct selection *selection,
						  struct source_files *sources, bool brief);

/* What is missing in a recording, a sentence each: how many. */
enum { MOST_MISSING = 4 };
size_t recording_missing(const struct heapspy_recording *recording, char texts[MOST_MISSING][200]);

#endif
