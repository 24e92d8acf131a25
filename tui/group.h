/* SPDX-License-Identifier: MIT */
/*
 * Several processes: a dashboard for each, and a list of them to choose from. What
 * they have in common is the screen. Of one process alone there is no list.
 *
 * Samples and keys go in; the dashboard that is on the screen, or the list, comes out.
 */
#ifndef TUI_GROUP_H
#define TUI_GROUP_H

#include <sys/types.h>

#include "app.h"
#include "plain.h"

enum { GONE_KEPT = 16 }; /* so many processes that went are still listed */

/* X(NAME, heading) */
#define PROCESS_SORTS(X)                                                                           \
	X(PRIVATE, "PRIVATE")                                                                      \
	X(SHARED, "SHARED")                                                                        \
	X(HEAP, "HEAP")                                                                            \
	X(OBJECTS, "OBJECTS")                                                                      \
	X(GROWTH, "+/-min")                                                                        \
	X(PID, "PID")

enum process_sort {
#define X(name, heading) PROCESS_SORT_##name,
	PROCESS_SORTS(X)
#undef X
	PROCESS_SORT_COUNT
};

/* One process. Its pointer stays the same. */
struct member {
	pid_t pid, parent;
	char command[512];
	struct app app;
	struct plain plain;
	struct heapspy_sampler *sampler; /* NULL: where its samples come from is not known here */
	size_t number;                   /* in the order of coming */
	struct heapspy_census *recorded; /* the last that was written to a recording */
	bool introduced;                 /* in it */
};

struct group {
	struct app front; /* of the list: help, messages, the grid; there is no model in it */
	struct member **members; /* sorted */
	size_t count, gone, total; /* in the list; of those, gone; that ever were */
	struct member *open; /* whose dashboard is on the screen, NULL: the list is */
	bool listed;         /* there is a list */
	double interval, census_interval;
	enum process_sort sort;
	bool reverse;
	enum since since; /* what growth is counted from */
	pid_t selected;
	pid_t saved;     /* whose heap the snapshot is of that is asked for */
	size_t top;
	void (*end)(void *context, struct member *member); /* before one is forgotten */
	void *context;
};

/* False without memory. */
bool group_init(struct group *group, bool listed, double interval, double census_interval);
void group_fini(struct group *group);

/* Forget all of them. */
void group_clear(struct group *group);

/* NULL without memory. The infos must outlive the member. */
struct member *group_add(struct group *group, pid_t parent,
			 const struct heapspy_target_info *target,
			 const struct heapspy_python_info *python);

/* Takes the sample. Members that went long ago are forgotten: not the one given. */
void group_take(struct group *group, struct member *member, struct heapspy_sample *sample);

/* There was one, and there is none that lives. */
bool group_is_gone(const struct group *group);

static inline bool member_is_gone(const struct member *member)
{
	return member->app.model.sample &&
	       member->app.model.sample->state == HEAPSPY_SAMPLE_GONE;
}

/* What is on the screen. */
struct app *group_app(struct group *group);

/* After its order, or what that depends on, has changed. */
void group_sort(struct group *group);

/* As app_key(). What is asked of the sampler is meant for that of the open member, of
 * all where there is none. */
unsigned group_key(struct group *group, uint32_t key);

/* Of that: of the list. group_keys.c */
unsigned group_key_of_list(struct group *group, uint32_t key);
bool group_list_takes(uint32_t key);
void group_carry_looks(struct app *to, const struct app *from);

/* As app_click(). */
unsigned group_click(struct group *group, unsigned row, unsigned column);

/* Draw the grid of group_app(), which was resized to the size of the screen. */
void group_draw(struct group *group);

/* The number of the selected member; 0 where it is gone. */
size_t group_selected(const struct group *group);

/* The list: view_group.c. */
void view_group(struct group *group);

/* Bytes that live objects grew by; NaN: not known yet. */
double member_growth(const struct member *member, enum since since);

#endif
