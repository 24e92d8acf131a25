/* SPDX-License-Identifier: MIT */
/* Mappings, gathered while smaps is read, and summed up by name. */
#ifndef HEAP_MAPPINGS_H
#define HEAP_MAPPINGS_H

#include <heapspy/mappings.h>

#include "target/process/smaps.h"

struct mapping_group; /* by name */

struct mapping_list {
	struct mapping_group *groups; /* open hash table */
	size_t slots, group_count;
	struct heapspy_mapping *items;
	size_t item_count, capacity;
};

/* Without memory it is left out. */
void mapping_list_add(struct mapping_list *list, const char *name, const struct smaps_entry *entry);

/* False without memory. The list is empty afterwards. */
bool mapping_list_finish(struct mapping_list *list, struct heapspy_mappings *ret_mappings);

void mapping_list_fini(struct mapping_list *list);

#endif
