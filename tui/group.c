/* SPDX-License-Identifier: MIT */
#include "group.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* ---- members ------------------------------------------------------------------------------ */

static const struct heapspy_dump *dump_of(const struct member *member)
{
	const struct heapspy_sample *sample = member->app.model.sample;
	return sample && sample->census ? sample->census->dump : NULL;
}

double member_growth(const struct member *member, enum since since)
{
	const struct model *model = &member->app.model;
	double growth = 0;
	if (!model->comparisons)
		return NAN;
	for (size_t i = 0; i < model->growth_count; i++)
		growth += growth_bytes(&model->growths[i], since);
	return growth;
}

/* What it is sorted by, the largest first; what is not known last. */
static double key_of(const struct group *group, const struct member *member)
{
	const struct heapspy_dump *dump = dump_of(member);
	double growth = member_growth(member, group->since);
	if (group->sort == PROCESS_SORT_PID)
		return -(double)member->pid;
	if (!dump)
		return -INFINITY;
	switch (group->sort) {
	case PROCESS_SORT_SHARED:
		return (double)(dump->memory.rss - dump->memory.uss);
	case PROCESS_SORT_HEAP:
		return (double)model_heap(member->app.model.sample);
	case PROCESS_SORT_OBJECTS:
		return (double)dump->total.objects;
	case PROCESS_SORT_GROWTH:
		return isnan(growth) ? -INFINITY : growth;
	default:
		return (double)dump->memory.uss;
	}
}

/* Those that went come last, whatever the order. */
static int compare_members(const void *a, const void *b, void *argument)
{
	const struct member *left = *(struct member *const *)a, *right = *(struct member *const *)b;
	const struct group *group = argument;
	bool left_gone = member_is_gone(left), right_gone = member_is_gone(right);
	if (left_gone != right_gone)
		return left_gone - right_gone;
	double left_key = key_of(group, left), right_key = key_of(group, right);
	if (left_key != right_key)
		return (left_key > right_key) == group->reverse ? 1 : -1;
	return left->number < right->number ? -1 : left->number > right->number;
}

void group_sort(struct group *group)
{
	qsort_r(group->members, group->count, sizeof(*group->members), compare_members, group);
}

struct member *group_add(struct group *group, pid_t parent,
			 const struct heapspy_target_info *target,
			 const struct heapspy_python_info *python)
{
	struct member *member = calloc(1, sizeof(*member));
	void *members = realloc(group->members, (group->count + 1) * sizeof(*group->members));
	if (members)
		group->members = members;
	if (!member || !members ||
	    !app_init(&member->app, target, python, group->interval, group->census_interval)) {
		free(member);
		return NULL;
	}
	member->pid = target->pid;
	text_words(member->command, sizeof(member->command), target->command);
	member->parent = parent;
	member->number = group->total++;
	member->app.listed = group->listed;
	member->app.grid.ascii = group->front.grid.ascii;
	group->members[group->count++] = member;
	/* Each remembers less where there are many. */
	for (size_t i = 0; i < group->count && group->listed; i++)
		model_limit(&group->members[i]->app.model, group->count > 8 ? 8 : 16);
	if (!group->listed)
		group->open = member;
	group_sort(group);
	return member;
}

static void forget(struct group *group, size_t number)
{
	struct member *member = group->members[number];
	memmove(&group->members[number], &group->members[number + 1],
		(group->count - number - 1) * sizeof(*group->members));
	group->count--;
	if (group->end)
		group->end(group->context, member);
	heapspy_census_drop(member->recorded);
	app_fini(&member->app);
	free(member);
}

/* Of those that went, the first of all, but for those that somebody looks at. */
static void forget_one(struct group *group, const struct member *kept)
{
	size_t oldest = group->count;
	for (size_t i = 0; i < group->count; i++) {
		const struct member *member = group->members[i];
		if (member == group->open || member == kept || !member_is_gone(member))
			continue;
		if (oldest == group->count || member->app.model.sample->time <
						  group->members[oldest]->app.model.sample->time)
			oldest = i;
	}
	if (oldest == group->count)
		return;
	forget(group, oldest);
	group->gone--;
}

void group_take(struct group *group, struct member *member, struct heapspy_sample *sample)
{
	bool was_gone = member_is_gone(member);
	app_take(&member->app, sample);
	if (!was_gone && member_is_gone(member)) {
		group->gone++;
		if (group->listed)
			snprintf(group->front.message, sizeof(group->front.message),
				 "process %d is gone", (int)member->pid);
		if (group->gone > GONE_KEPT)
			forget_one(group, member);
	}
	group_sort(group);
}

bool group_is_gone(const struct group *group)
{
	return group->count > 0 && group->gone == group->count;
}

size_t group_selected(const struct group *group)
{
	for (size_t i = 0; i < group->count && group->selected; i++)
		if (group->members[i]->pid == group->selected)
			return i;
	return 0;
}

/* ---- keys --------------------------------------------------------------------------------- */

struct app *group_app(struct group *group)
{
	return group->open ? &group->open->app : &group->front;
}

unsigned group_key(struct group *group, uint32_t key)
{
	if (!group->open)
		return group_key_of_list(group, key);
	unsigned requests = app_key(&group->open->app, key);
	if (requests & REQUEST_LEAVE && group->listed) {
		group_carry_looks(&group->front, &group->open->app);
		group->selected = group->open->pid;
		group->open = NULL;
	}
	return requests;
}

unsigned group_click(struct group *group, unsigned row, unsigned column)
{
	const struct rect *list = &group->front.layout.main;
	if (group->open)
		return app_click(&group->open->app, row, column);
	size_t to = group->top + row - list->row - 1;
	if (!group->front.help && row > list->row && row < list->row + list->rows &&
	    to < group->count)
		group->selected = to ? group->members[to]->pid : 0;
	return 0;
}

/* ---- drawing ------------------------------------------------------------------------------- */

void group_draw(struct group *group)
{
	if (group->open)
		app_draw(&group->open->app);
	else
		view_group(group);
}

/* ---- life ---------------------------------------------------------------------------------- */

bool group_init(struct group *group, bool listed, double interval, double census_interval)
{
	*group = (struct group){
	    .listed = listed, .interval = interval, .census_interval = census_interval};
	return app_init(&group->front, NULL, NULL, interval, census_interval);
}

void group_clear(struct group *group)
{
	group->open = NULL;
	while (group->count)
		forget(group, group->count - 1);
	group->gone = group->total = 0;
}

void group_fini(struct group *group)
{
	group_clear(group);
	free(group->members);
	app_fini(&group->front);
	*group = (struct group){0};
}
