/* SPDX-License-Identifier: MIT */
#include "python/freelists.h"

#include <heapspy/memory.h>

/* PyTuple_MAXSAVESIZE: one list for each length from 1 on. */
#define TUPLE_LISTS 20

/* A list that claims more is damaged: the longest has 100. */
#define MOST 100000

const char *heapspy_free_list_name(enum heapspy_free_list list)
{
	static const char *const names[] = {
#define X(name, json_name) [HEAPSPY_FREE_##name] = json_name,
		HEAPSPY_FREE_LISTS(X)
#undef X
	};
	return names[list];
}

/* Where the counts of a list lie: `lists` of them, `stride` apart. */
struct place {
	int32_t offset; /* from the interpreter state */
	unsigned lists, stride;
};

/* 3.14: an array of struct _Py_freelist, which are all alike. */
static struct place place_in_array(const struct layout *layout, enum heapspy_free_list list)
{
	const int32_t offsets[] = {
		[HEAPSPY_FREE_FLOATS] = OFFSET(layout, FreeLists, floats),
		[HEAPSPY_FREE_TUPLES] = OFFSET(layout, FreeLists, tuples),
		[HEAPSPY_FREE_LISTS_] = OFFSET(layout, FreeLists, lists),
		[HEAPSPY_FREE_DICTS] = OFFSET(layout, FreeLists, dicts),
		[HEAPSPY_FREE_DICT_KEYS] = OFFSET(layout, FreeLists, dictkeys),
	};
	if (offsets[list] == LAYOUT_NONE)
		return (struct place){.offset = LAYOUT_NONE};
	return (struct place){
		.offset = OFFSET(layout, InterpreterState, freelists) + offsets[list] +
			  OFFSET(layout, FreeList, size),
		.lists = list == HEAPSPY_FREE_TUPLES ? TUPLE_LISTS : 1,
		.stride = (unsigned)SIZEOF(layout, FreeList),
	};
}

/* 3.10 - 3.13: an int beside each list. */
static struct place place_of_number(const struct layout *layout, enum heapspy_free_list list)
{
	const int32_t offsets[] = {
		[HEAPSPY_FREE_FLOATS] = OFFSET(layout, InterpreterState, float_numfree),
		[HEAPSPY_FREE_TUPLES] = OFFSET(layout, InterpreterState, tuple_numfree),
		[HEAPSPY_FREE_LISTS_] = OFFSET(layout, InterpreterState, list_numfree),
		[HEAPSPY_FREE_DICTS] = OFFSET(layout, InterpreterState, dict_numfree),
		[HEAPSPY_FREE_DICT_KEYS] = OFFSET(layout, InterpreterState, dictkeys_numfree),
	};
	return (struct place){
		.offset = offsets[list],
		.lists = list == HEAPSPY_FREE_TUPLES ? TUPLE_LISTS : 1,
		.stride = 4,
	};
}

static uint64_t count_list(struct python *python, enum heapspy_free_list list)
{
	const struct layout *layout = &python->layout;
	struct place place = SIZEOF(layout, FreeList) != LAYOUT_NONE ? place_in_array(layout, list)
								      : place_of_number(layout, list);
	uint64_t count = 0;
	if (place.offset == LAYOUT_NONE)
		return HEAPSPY_UNKNOWN;
	for (size_t i = 0; i < python->interpreter_count; i++)
		for (unsigned j = 0; j < place.lists; j++) {
			uint64_t address = python->interpreters[i].address + (unsigned)place.offset;
			count += peek_u32(python->peek, address + j * place.stride);
		}
	return peek_take_fault(python->peek) == FAULT_NONE && count < MOST ? count : HEAPSPY_UNKNOWN;
}

void freelists_count(struct python *python, uint64_t counts[HEAPSPY_FREE_LIST_COUNT])
{
	for (int i = 0; i < HEAPSPY_FREE_LIST_COUNT; i++)
		counts[i] = count_list(python, i);
}
