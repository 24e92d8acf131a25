/* SPDX-License-Identifier: MIT */
#include "heap/record/stacks/parents.h"

struct parents *parents_of(struct parent_table *table, uint64_t code)
{
	return &table->items[(code * UINT64_C(0x9e3779b97f4a7c15) >> 32) % PARENT_PLACES];
}

bool parents_call(struct parent_table *table, uint64_t caller, uint64_t called)
{
	const struct parents *parents = parents_of(table, called);
	for (size_t i = 0; caller != called && parents->code == called && i < parents->count; i++)
		if (parents->below[i] == caller)
			return true;
	return false;
}
