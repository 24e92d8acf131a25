/* SPDX-License-Identifier: MIT */
/*
 * A recording of a process and of what it starts: each is recorded as if it were alone, in
 * a thread of its own; what they tell becomes one series, with common numbers of frames
 * and stacks. It ends with the first of them.
 */
#ifndef HEAP_RECORD_GROUP_H
#define HEAP_RECORD_GROUP_H

#include <heapspy/record.h>

/* Records one process. */
typedef struct heapspy_error *record_alone(struct heapspy *heapspy,
					   const struct heapspy_record_options *options,
					   heapspy_record_visitor *visit, void *context);

struct heapspy_error *record_group(struct heapspy *heapspy,
				   const struct heapspy_record_options *options,
				   record_alone *alone, heapspy_record_visitor *visit,
				   void *context);

#endif
