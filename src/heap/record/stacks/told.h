/* SPDX-License-Identifier: MIT */
/* Frames and stacks, each told once, when it is first met; and lists of numbers as such. */
#ifndef HEAP_RECORD_TOLD_H
#define HEAP_RECORD_TOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/stack.h>

#include "base/cleanup.h"
#include "base/index.h"

struct record;

/* Lists of numbers: those that are equal are one. All zeros: none. */
struct lists {
	struct list_place {
		size_t first, count;
	} *places;
	size_t count, capacity;
	uint32_t *numbers;
	size_t number_count, number_capacity;
	struct index index;
};

/* Its number, from 0 on: lists->count as it was, of one that is new. UINT32_MAX without
 * memory. */
uint32_t lists_add(struct lists *lists, const uint32_t *numbers, size_t count);
const uint32_t *lists_get(const struct lists *lists, uint32_t number, size_t *ret_count);
void lists_fini(struct lists *lists);

struct told;

/* NULL without memory. */
struct told *told_new(struct record *record);
void told_free(struct told *told);
DEFINE_CLEANUP(struct told *, told_free)

/* Number of a frame, from 0 on. Its texts must stay for as long as `told` does. Without
 * memory the recording ends with that error. */
uint32_t told_frame(struct told *told, const struct heapspy_frame *frame);

/* Number of a stack of frames that were told, newest first, from 0 on. `cut`: older ones are
 * missing. Likewise. */
uint32_t told_stack(struct told *told, const uint32_t *frames, size_t count, bool cut);

#endif
