/* SPDX-License-Identifier: MIT */
#include "heap/stop_plan.h"

#include <stdlib.h>

#include "base/error.h"
#include "native/glibc.h"
#include "python/obmalloc.h"

/* Smaller ones are copied faster than they are looked into. */
#define LEAST_SIZE (UINT64_C(4) << 20)

#define PAGE UINT64_C(4096)

#define SAMPLES 64
#define SAMPLE_WORDS 8

struct planner {
	struct python *python;
	struct arenas arenas;
	struct left_out *left_out;
	bool no_memory;
};

void left_out_fini(struct left_out *left_out)
{
	free(left_out->items);
	*left_out = (struct left_out){0};
}

/* The items of a list, the entries of a dict, an array of objects: those are wanted.
 * Told by samples from all over the buffer: of what is not zero a part points into
 * memory that is mapped. */
static bool holds_pointers(struct target *target, uint64_t start, uint64_t size)
{
	struct target_read reads[SAMPLES];
	uint64_t words[SAMPLES][SAMPLE_WORDS], step = size / SAMPLES & ~UINT64_C(7);
	for (size_t i = 0; i < SAMPLES; i++)
		reads[i] = (struct target_read){start + i * step, words[i], sizeof(words[i]),
						FAULT_NONE};
	target_read_many(target, reads, SAMPLES);
	size_t filled = 0, pointers = 0;
	for (size_t i = 0; i < SAMPLES; i++) {
		for (size_t j = 0; j < SAMPLE_WORDS && reads[i].fault == FAULT_NONE; j++) {
			uint64_t word = words[i][j];
			filled += word != 0;
			pointers += word % 8 == 0 && word > PAGE &&
				    maps_find(target_maps(target), word);
		}
	}
	return pointers * 4 > filled;
}

/* The first page stays: the head of an object may be in it. */
static void consider(void *context, const struct glibc_chunk *chunk)
{
	struct planner *planner = context;
	struct left_out *left_out = planner->left_out;
	uint64_t start = (chunk->address & ~(PAGE - 1)) + PAGE;
	uint64_t end = (chunk->address + chunk->size + PAGE - 1) & ~(PAGE - 1);
	if (chunk->size < LEAST_SIZE || end <= start ||
	    holds_pointers(planner->python->target, start, end - start))
		return;
	if ((left_out->count & (left_out->count - 1)) == 0) {
		size_t capacity = left_out->count ? left_out->count * 2 : 1;
		struct address_range *items = realloc(left_out->items, capacity * sizeof(*items));
		if (!items) {
			planner->no_memory = true;
			return;
		}
		left_out->items = items;
	}
	left_out->items[left_out->count++] = (struct address_range){start, end};
}

static uint64_t skip_arena(void *context, uint64_t address)
{
	return arenas_end_at(&((struct planner *)context)->arenas, address);
}

struct heapspy_error *stop_plan_make(struct python *python, struct left_out *ret_left_out)
{
	struct left_out left_out = {0};
	struct planner planner = {.python = python, .left_out = &left_out};
	enum fault fault = obmalloc_arenas(python, &planner.arenas);
	if (fault != FAULT_NONE)
		return error_from_fault(fault, 0, "cannot read the arenas of pymalloc");
	struct glibc glibc = {0};
	struct glibc_totals totals = {0};
	glibc_walk_mmapped(&glibc, python->peek, skip_arena, consider, &planner, &totals);
	glibc_fini(&glibc);
	arenas_fini(&planner.arenas);
	if (planner.no_memory) {
		left_out_fini(&left_out);
		return error_no_memory();
	}
	*ret_left_out = left_out;
	return NULL;
}
