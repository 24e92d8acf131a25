/* SPDX-License-Identifier: MIT */
#include "heap/record/stacks/told.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "heap/record/private.h"

/* Behind the frames of a stack that is cut. */
enum { CUT = UINT32_MAX };

struct told {
	struct record *record;
	struct heapspy_frame *frames;
	size_t frame_count, frame_capacity;
	struct index frame_index;
	struct lists stacks;
	uint32_t *building;
	size_t building_capacity;
};

/* ---- lists of numbers --------------------------------------------------------------- */

struct sought {
	const uint32_t *numbers;
	size_t count;
};

static bool same_list(const void *things, uint32_t at, const void *sought)
{
	const struct lists *lists = things;
	const struct sought *one = sought;
	const struct list_place *place = &lists->places[at];
	return place->count == one->count &&
	       (one->count == 0 || memcmp(lists->numbers + place->first, one->numbers,
					  one->count * sizeof(*one->numbers)) == 0);
}

uint32_t lists_add(struct lists *lists, const uint32_t *numbers, size_t count)
{
	struct sought sought = {numbers, count};
	uint64_t hash = index_hash(numbers, count * sizeof(*numbers), 1);
	uint32_t known = index_find(&lists->index, hash, same_list, lists, &sought);
	if (known != UINT32_MAX)
		return known;
	if (!ARRAY_RESERVE(lists->places, lists->capacity, lists->count + 1) ||
	    !ARRAY_RESERVE(lists->numbers, lists->number_capacity, lists->number_count + count + 1) ||
	    !index_add(&lists->index, hash, (uint32_t)lists->count))
		return UINT32_MAX;
	if (count)
		memcpy(lists->numbers + lists->number_count, numbers, count * sizeof(*numbers));
	lists->places[lists->count] = (struct list_place){lists->number_count, count};
	lists->number_count += count;
	return (uint32_t)lists->count++;
}

const uint32_t *lists_get(const struct lists *lists, uint32_t number, size_t *ret_count)
{
	*ret_count = lists->places[number].count;
	return lists->numbers + lists->places[number].first;
}

void lists_fini(struct lists *lists)
{
	free(lists->places);
	free(lists->numbers);
	index_fini(&lists->index);
}

/* ---- telling -------------------------------------------------------------------------- */

struct told *told_new(struct record *record)
{
	struct told *told = calloc(1, sizeof(*told));
	if (told)
		told->record = record;
	return told;
}

void told_free(struct told *told)
{
	if (!told)
		return;
	lists_fini(&told->stacks);
	index_fini(&told->frame_index);
	free(told->frames);
	free(told->building);
	free(told);
}

static bool same_text(const char *left, const char *right)
{
	return left == right || (left && right && strcmp(left, right) == 0);
}

/* Those of Python have one text each, as long as they are of one code object; those of C
 * have one for each address. */
static bool same_frame(const void *things, uint32_t at, const void *sought)
{
	const struct told *told = things;
	const struct heapspy_frame *left = &told->frames[at], *right = sought;
	if (left->native != right->native || left->line != right->line ||
	    left->offset != right->offset)
		return false;
	if (!left->native)
		return left->function == right->function && left->file == right->file;
	return same_text(left->function, right->function) && same_text(left->file, right->file) &&
	       same_text(left->module, right->module);
}

static uint64_t hash_text(const char *text, uint64_t seed)
{
	return text ? index_hash(text, strlen(text), seed) : seed;
}

static uint64_t hash_frame(const struct heapspy_frame *frame)
{
	uint64_t parts[] = {(uint64_t)frame->line, frame->offset, 0, 0};
	if (frame->native) {
		parts[2] = hash_text(frame->function, 1);
		parts[3] = hash_text(frame->module, hash_text(frame->file, 2));
	} else {
		parts[2] = (uintptr_t)frame->function;
		parts[3] = (uintptr_t)frame->file;
	}
	return index_hash(parts, sizeof(parts), frame->native);
}

/* Without memory the recording ends. */
static uint32_t give_up(struct told *told)
{
	if (!told->record->error)
		told->record->error = error_no_memory();
	return 0;
}

uint32_t told_frame(struct told *told, const struct heapspy_frame *frame)
{
	uint64_t hash = hash_frame(frame);
	uint32_t number = index_find(&told->frame_index, hash, same_frame, told, frame);
	if (number != UINT32_MAX)
		return number;
	number = (uint32_t)told->frame_count;
	if (!ARRAY_RESERVE(told->frames, told->frame_capacity, told->frame_count + 1) ||
	    !index_add(&told->frame_index, hash, number))
		return give_up(told);
	told->frames[told->frame_count++] = *frame;
	struct heapspy_record_entry entry = {
		.kind = HEAPSPY_RECORD_FRAME, .frame = {.id = number, .frame = frame}};
	record_emit(told->record, &entry);
	return number;
}

uint32_t told_stack(struct told *told, const uint32_t *frames, size_t count, bool cut)
{
	if (!ARRAY_RESERVE(told->building, told->building_capacity, count + 1))
		return give_up(told);
	if (count)
		memcpy(told->building, frames, count * sizeof(*frames));
	told->building[count] = CUT;
	size_t before = told->stacks.count;
	uint32_t number = lists_add(&told->stacks, told->building, count + cut);
	if (number == UINT32_MAX)
		return give_up(told);
	if (number < before)
		return number;
	struct heapspy_record_entry entry = {
		.kind = HEAPSPY_RECORD_STACK,
		.stack = {.id = number, .frames = told->building, .count = count, .cut = cut},
	};
	record_emit(told->record, &entry);
	return number;
}
