/* SPDX-License-Identifier: MIT */
/*
 * What is known of the process over time, made of the samples as they come: histories,
 * what changed since when, which types grow all the time, what happened.
 *
 * Belongs to the thread of the dashboard. It never reads the process.
 */
#ifndef TUI_MODEL_H
#define TUI_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/sampler.h>

enum {
	MOMENTS = 3600, /* readings that are remembered */
	WALKS = 32,     /* censuses that are, for rates: a minute of them at least */
	EVENTS = 200,
	STREAK = 4,     /* so many growths in a row are suspect */
};

/* Of one reading. */
struct moment {
	double time;
	uint64_t rss, heap, live; /* HEAPSPY_UNKNOWN: not known yet */
	int64_t collections[HEAPSPY_GENERATIONS]; /* of the main interpreter */
	double collected_for; /* seconds, all generations together; NaN: not recorded */
	bool census;         /* one was done */
	bool full;           /* so was a collection of the oldest generation */
	bool collecting;     /* one was seen running */
};

/* A census, and its types by address. */
struct walk {
	struct heapspy_census *census;
	uint32_t *order;
};

/* One type of the last census, and how it changed. */
struct growth {
	const struct heapspy_type *type; /* as long as the census is kept */
	int64_t last_objects, last_bytes; /* since the census before */
	int64_t base_objects, base_bytes; /* since the baseline */
	double minute_objects, minute_bytes; /* in a minute, over the last one */
	uint32_t streak;                  /* censuses in a row in which its bytes grew */
};

struct event {
	double time;
	bool bad;
	char text[160];
};

struct model {
	const struct heapspy_target_info *target;
	const struct heapspy_python_info *python;
	double interval; /* of the readings */
	struct heapspy_sample *sample; /* the last one, NULL: there was none yet */
	double first_time;
	struct moment *moments; /* a ring */
	size_t moment_count, moment_next;
	size_t collecting_seen, readings; /* readings with a collection running; all */
	struct walk walks[WALKS]; /* the oldest first */
	size_t walk_count, walk_limit;
	struct walk baseline;
	double baseline_time;
	double stretched; /* seconds between censuses that was last told of */
	struct growth *growths; /* of the last census, in its order */
	size_t growth_count;
	uint32_t comparisons;   /* censuses that were compared with the one before */
	struct event events[EVENTS]; /* a ring */
	size_t event_count, event_next, event_total;
};

/* What the infos point to outlives the model. False without memory. */
bool model_init(struct model *model, const struct heapspy_target_info *target,
		const struct heapspy_python_info *python, double interval);
void model_fini(struct model *model);

/* Remember so many censuses, at least two: each takes some hundred kilobytes. */
void model_limit(struct model *model, size_t walks);

/* Takes the sample. True: it brought a new census. */
bool model_take(struct model *model, struct heapspy_sample *sample);

/* Changes count from the last census on. */
void model_set_baseline(struct model *model);

/* The reading `back` readings ago, NULL where there is none. */
const struct moment *model_moment(const struct model *model, size_t back);

/* The event `back` events ago, NULL where there is none. */
const struct event *model_event(const struct model *model, size_t back);
void model_log(struct model *model, double time, bool bad, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Is it a type that grew in each of the last censuses? */
static inline bool growth_is_suspect(const struct growth *growth)
{
	return growth->streak >= STREAK;
}

/* A type in the census `back` censuses ago, NULL where it had no objects; `ret_time` NaN:
 * there is no such census. */
const struct heapspy_type *model_type_ago(const struct model *model, size_t back,
					  uint64_t address, double *ret_time);

/* The one that grows most, application types before built-in ones. NULL: none. */
const struct growth *model_suspect(const struct model *model);

/* Bytes of address space that pymalloc holds, and of those what is in use; of other
 * allocators all that objects take. HEAPSPY_UNKNOWN before the first census. */
uint64_t model_heap(const struct heapspy_sample *sample);
uint64_t model_live(const struct heapspy_sample *sample);

/* What RSS grew by in a minute, over the last minute; NaN: not known yet. */
double model_rss_rate(const struct model *model);

/* Collections of a generation in a minute, over the last one; NaN: not known yet. */
double model_collection_rate(const struct model *model, unsigned generation);

/* The share of the last minute that collections took; NaN: not known. */
double model_collecting_share(const struct model *model);

#endif
