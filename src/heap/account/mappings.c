/* SPDX-License-Identifier: MIT */
#include "heap/account/mappings.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* More groups than that are one; only so many mappings are told of one by one. */
enum { MOST_GROUPS = 2048, MOST_ITEMS = 256, MOST_GATHERED = 1 << 17 };

struct mapping_group {
	char *name;	 /* raw; NULL: the slot is free */
	uint32_t number; /* in the order in which they were met */
	struct heapspy_mapping_group sums;
};

static uint64_t hash(const char *name)
{
	uint64_t value = UINT64_C(14695981039346656037); /* FNV-1a */
	for (; *name; name++)
		value = (value ^ (uint8_t)*name) * UINT64_C(1099511628211);
	return value;
}

static struct mapping_group *find(struct mapping_list *list, const char *name)
{
	if (!list->groups) {
		list->slots = 2 * MOST_GROUPS;
		list->groups = calloc(list->slots, sizeof(*list->groups));
		if (!list->groups)
			return NULL;
	}
	if (list->group_count >= MOST_GROUPS - 1)
		name = "[others]";
	size_t at = hash(name) % list->slots;
	while (list->groups[at].name && strcmp(list->groups[at].name, name) != 0)
		at = (at + 1) % list->slots;
	struct mapping_group *group = &list->groups[at];
	if (!group->name) {
		group->name = strdup(name);
		group->number = (uint32_t)list->group_count;
		list->group_count += group->name != NULL;
	}
	return group->name ? group : NULL;
}

void mapping_list_add(struct mapping_list *list, const char *name, const struct smaps_entry *entry)
{
	struct mapping_group *group = find(list, name);
	if (!group)
		return;
	struct heapspy_mapping_group *sums = &group->sums;
	sums->mappings++;
	sums->size += entry->end - entry->start;
	sums->rss += entry->rss;
	sums->pss += entry->pss;
	sums->private_bytes += entry->private_bytes;
	sums->swap += entry->swap;
	if (list->item_count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 256;
		struct heapspy_mapping *items =
		    capacity > MOST_GATHERED ? NULL
					     : realloc(list->items, capacity * sizeof(*items));
		if (!items)
			return;
		list->items = items;
		list->capacity = capacity;
	}
	struct heapspy_mapping *item = &list->items[list->item_count++];
	*item = (struct heapspy_mapping){
	    .start = entry->start,
	    .end = entry->end,
	    .group = group->number,
	    .rss = entry->rss,
	    .pss = entry->pss,
	    .private_bytes = entry->private_bytes,
	    .swap = entry->swap,
	};
	memcpy(item->flags, entry->flags, sizeof(item->flags));
}

static int by_rss(const void *a, const void *b)
{
	const struct heapspy_mapping *left = a, *right = b;
	if (left->rss != right->rss)
		return left->rss > right->rss ? -1 : 1;
	return left->start < right->start ? -1 : left->start > right->start;
}

static int by_group(const void *a, const void *b)
{
	const struct heapspy_mapping *left = a, *right = b;
	if (left->group != right->group)
		return left->group < right->group ? -1 : 1;
	return left->start < right->start ? -1 : left->start > right->start;
}

static int compare_groups(const void *a, const void *b)
{
	const struct heapspy_mapping_group *left = &(*(const struct mapping_group *const *)a)->sums;
	const struct heapspy_mapping_group *right =
	    &(*(const struct mapping_group *const *)b)->sums;
	if (left->rss != right->rss)
		return left->rss > right->rss ? -1 : 1;
	if (left->size != right->size)
		return left->size > right->size ? -1 : 1;
	return strcmp((*(const struct mapping_group *const *)a)->name,
		      (*(const struct mapping_group *const *)b)->name);
}

bool mapping_list_finish(struct mapping_list *list, struct heapspy_mappings *ret_mappings)
{
	struct heapspy_mappings mappings = {
	    .groups = calloc(list->group_count + 1, sizeof(*mappings.groups)),
	};
	struct mapping_group **sorted = calloc(list->group_count + 1, sizeof(*sorted));
	uint32_t *places = calloc(list->group_count + 1, sizeof(*places));
	bool done = mappings.groups && sorted && places;
	for (size_t i = 0; done && i < list->slots; i++)
		if (list->groups[i].name)
			sorted[list->groups[i].number] = &list->groups[i];
	if (done && list->group_count > 1)
		qsort(sorted, list->group_count, sizeof(*sorted), compare_groups);
	for (size_t i = 0; done && i < list->group_count; i++) {
		struct heapspy_mapping_group *group = &mappings.groups[mappings.group_count++];
		*group = sorted[i]->sums;
		group->name = text_from_bytes(sorted[i]->name, strlen(sorted[i]->name));
		places[sorted[i]->number] = (uint32_t)i;
		done = group->name != NULL;
	}
	if (done) {
		for (size_t i = 0; i < list->item_count; i++)
			list->items[i].group = places[list->items[i].group];
		if (list->item_count > 1)
			qsort(list->items, list->item_count, sizeof(*list->items), by_rss);
		mappings.item_count = list->item_count < MOST_ITEMS ? list->item_count : MOST_ITEMS;
		if (mappings.item_count > 1)
			qsort(list->items, mappings.item_count, sizeof(*list->items), by_group);
		mappings.items =
		    realloc(list->items, (mappings.item_count + 1) * sizeof(*list->items))
			?: list->items;
		list->items = NULL;
	}
	free(sorted);
	free(places);
	mapping_list_fini(list);
	if (done)
		*ret_mappings = mappings;
	else
		heapspy_mappings_fini(&mappings);
	return done;
}

void mapping_list_fini(struct mapping_list *list)
{
	for (size_t i = 0; i < list->slots; i++)
		free(list->groups[i].name);
	free(list->groups);
	free(list->items);
	*list = (struct mapping_list){0};
}

void heapspy_mappings_fini(struct heapspy_mappings *mappings)
{
	for (size_t i = 0; i < mappings->group_count; i++)
		free((char *)mappings->groups[i].name);
	free(mappings->groups);
	free(mappings->items);
	*mappings = (struct heapspy_mappings){0};
}
