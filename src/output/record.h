/* SPDX-License-Identifier: MIT */
/*
 * The lines of `heapspy record`: schema/record-1.json, one for each entry.
 *
 * What went wrong shows when a line is finished: each is written out at once, so that a
 * recording that is cut off can be read up to there.
 */
#ifndef OUTPUT_RECORD_H
#define OUTPUT_RECORD_H

#include <heapspy/record.h>

#include "output/emitter.h"
#include "output/file.h"

/* `emitter` renders compact JSON on the stream of `output`. */
HEAPSPY_CHECK struct heapspy_error *output_record(struct emitter *emitter, struct output *output,
						  const struct heapspy_record_entry *entry);

#endif
