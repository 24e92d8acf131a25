/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

enum { MINUTE = 60 };

/* ---- censuses ------------------------------------------------------------------------ */

static int by_address(const void *a, const void *b, void *types)
{
	const struct heapspy_type *all = types;
	uint64_t left = all[*(const uint32_t *)a].address,
		 right = all[*(const uint32_t *)b].address;
	return left < right ? -1 : left > right;
}

static bool walk_init(struct walk *walk, struct heapspy_census *census)
{
	const struct heapspy_dump *dump = census->dump;
	uint32_t *order = malloc((dump->type_count + 1) * sizeof(*order));
	if (!order)
		return false;
	for (size_t i = 0; i < dump->type_count; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, dump->type_count, sizeof(*order), by_address, dump->types);
	*walk = (struct walk){.census = heapspy_census_keep(census), .order = order};
	return true;
}

static void walk_fini(struct walk *walk)
{
	heapspy_census_drop(walk->census);
	free(walk->order);
	*walk = (struct walk){0};
}

/* The number of this very type in that census, or -1. An address may have been given
 * to another type in between. */
static ptrdiff_t walk_find(const struct walk *walk, const struct heapspy_type *type)
{
	const struct heapspy_dump *dump = walk->census->dump;
	size_t low = 0, high = dump->type_count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct heapspy_type *there = &dump->types[walk->order[middle]];
		if (there->address == type->address)
			return strcmp(there->name, type->name) == 0 ? (ptrdiff_t)walk->order[middle]
								    : -1;
		if (there->address < type->address)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

static int64_t difference(uint64_t now, uint64_t before)
{
	if (now == HEAPSPY_UNKNOWN || before == HEAPSPY_UNKNOWN)
		return 0;
	return (int64_t)(now - before);
}

static void compare(const struct walk *then, const struct heapspy_type *type, int64_t *ret_objects,
		    int64_t *ret_bytes)
{
	static const struct heapspy_type nothing;
	ptrdiff_t found = walk_find(then, type);
	const struct heapspy_type *before =
	    found >= 0 ? &then->census->dump->types[found] : &nothing;
	*ret_objects = difference(type->objects, before->objects);
	*ret_bytes = difference(type->bytes, before->bytes);
}

/* The oldest census that is at most so old; that before the last one at least. */
static const struct walk *walk_ago(const struct model *model, double seconds)
{
	size_t last = model->walk_count - 1;
	double now = model->walks[last].census->dump->capture.time;
	for (size_t i = 0; i < last; i++)
		if (now - model->walks[i].census->dump->capture.time <= seconds * 1.05)
			return &model->walks[i];
	return &model->walks[last ? last - 1 : 0];
}

static void add_walk(struct model *model, const struct walk *walk)
{
	while (model->walk_count >= model->walk_limit) {
		walk_fini(&model->walks[0]);
		model->walk_count--;
		memmove(model->walks, model->walks + 1, model->walk_count * sizeof(*model->walks));
	}
	model->walks[model->walk_count++] = *walk;
}

void model_limit(struct model *model, size_t walks)
{
	model->walk_limit = walks < 2 ? 2 : walks > WALKS ? WALKS : walks;
}

static void measure_baseline(struct model *model)
{
	for (size_t i = 0; i < model->growth_count; i++) {
		struct growth *growth = &model->growths[i];
		compare(&model->baseline, growth->type, &growth->base_objects, &growth->base_bytes);
	}
}

void model_set_baseline(struct model *model)
{
	struct walk walk;
	if (!model->walk_count || !walk_init(&walk, model->walks[model->walk_count - 1].census))
		return;
	if (model->baseline.census)
		model_log(model, walk.census->dump->capture.time, false,
			  "changes count from here on");
	walk_fini(&model->baseline);
	model->baseline = walk;
	model->baseline_time = walk.census->dump->capture.time;
	measure_baseline(model);
}

static void log_suspects(struct model *model, double time)
{
	for (size_t i = 0; i < model->growth_count; i++) {
		const struct growth *growth = &model->growths[i];
		char count[TEXT_SIZE], rate[TEXT_SIZE];
		if (growth->streak != STREAK)
			continue;
		model_log(model, time, true, "%.80s grew in %u of %u heap walks (%s, %s/min)",
			  growth->type->name, growth->streak, model->comparisons,
			  text_count(count, growth->type->objects),
			  text_change(rate, growth->minute_objects));
	}
}

static bool take_census(struct model *model, struct heapspy_census *census)
{
	const struct heapspy_dump *dump = census->dump;
	struct growth *growths = calloc(dump->type_count + 1, sizeof(*growths));
	struct walk walk;
	if (!growths || !walk_init(&walk, census)) {
		free(growths);
		return false;
	}
	bool first = model->walk_count == 0;
	add_walk(model, &walk);
	const struct walk *before = first ? NULL : &model->walks[model->walk_count - 2];
	const struct walk *minute = walk_ago(model, MINUTE);
	double span = dump->capture.time - minute->census->dump->capture.time;
	for (size_t i = 0; i < dump->type_count && before; i++) {
		struct growth *growth = &growths[i];
		const struct heapspy_type *type = &dump->types[i];
		int64_t objects, bytes;
		compare(before, type, &growth->last_objects, &growth->last_bytes);
		compare(minute, type, &objects, &bytes);
		growth->minute_objects = span > 0 ? (double)objects * MINUTE / span : 0;
		growth->minute_bytes = span > 0 ? (double)bytes * MINUTE / span : 0;
		ptrdiff_t old = walk_find(before, type);
		if (growth->last_bytes > 0)
			growth->streak = 1 + (old >= 0 ? model->growths[old].streak : 0);
	}
	for (size_t i = 0; i < dump->type_count; i++)
		growths[i].type = &dump->types[i];
	free(model->growths);
	model->growths = growths;
	model->growth_count = dump->type_count;
	model->comparisons += before != NULL;
	if (first)
		model_set_baseline(model);
	else
		measure_baseline(model);
	log_suspects(model, dump->capture.time);
	return true;
}

const struct heapspy_type *model_type_ago(const struct model *model, size_t back,
					  uint64_t address, double *ret_time)
{
	*ret_time = NAN;
	if (back >= model->walk_count)
		return NULL;
	const struct walk *walk = &model->walks[model->walk_count - 1 - back];
	const struct heapspy_dump *dump = walk->census->dump;
	size_t low = 0, high = dump->type_count;
	*ret_time = dump->capture.time;
	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct heapspy_type *type = &dump->types[walk->order[middle]];
		if (type->address == address)
			return type;
		if (type->address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* An application's own types tell more than the dicts and strs that they hold. */
const struct growth *model_suspect(const struct model *model)
{
	const struct growth *found = NULL;
	for (size_t i = 0; i < model->growth_count; i++) {
		const struct growth *growth = &model->growths[i];
		if (!growth_is_suspect(growth))
			continue;
		bool own = strchr(growth->type->name, '.') != NULL;
		bool found_own = found && strchr(found->type->name, '.') != NULL;
		if (!found || own > found_own ||
		    (own == found_own && growth->minute_bytes > found->minute_bytes))
			found = growth;
	}
	return found;
}

/* ---- readings -------------------------------------------------------------------------- */

uint64_t model_heap(const struct heapspy_sample *sample)
{
	if (!sample->census)
		return HEAPSPY_UNKNOWN;
	const struct heapspy_dump *dump = sample->census->dump;
	return dump->allocator.arenas ? dump->allocator.arenas * dump->allocator.arena_size
				      : dump->total.bytes;
}

uint64_t model_live(const struct heapspy_sample *sample)
{
	if (!sample->census)
		return HEAPSPY_UNKNOWN;
	const struct heapspy_dump *dump = sample->census->dump;
	return dump->allocator.arenas ? dump->allocator.bytes_in_use : dump->total.bytes;
}

const struct moment *model_moment(const struct model *model, size_t back)
{
	if (back >= model->moment_count)
		return NULL;
	return &model->moments[(model->moment_next + MOMENTS - 1 - back) % MOMENTS];
}

static void fill_collections(struct model *model, struct moment *moment)
{
	const struct heapspy_sample *sample = model->sample;
	if (!sample->interpreter_count)
		return;
	const struct heapspy_gc *gc = &sample->interpreters[0].gc;
	const struct moment *before = model_moment(model, 0);
	for (unsigned i = 0; i < HEAPSPY_GENERATIONS; i++)
		moment->collections[i] = gc->generations[i].collections;
	moment->collecting = gc->collecting;
	moment->collected_for = 0;
	for (unsigned i = 0; i < HEAPSPY_GENERATIONS; i++)
		moment->collected_for += gc->generations[i].duration;
	int64_t full = moment->collections[HEAPSPY_GENERATIONS - 1];
	if (!before || full <= before->collections[HEAPSPY_GENERATIONS - 1])
		return;
	moment->full = true;
	const struct heapspy_generation *oldest = &gc->generations[HEAPSPY_GENERATIONS - 1];
	char count[TEXT_SIZE], collected[TEXT_SIZE], pause[TEXT_SIZE];
	model_log(model, sample->time, false, "full collection #%s: %s collected so far%s%s",
		  text_count(count, (uint64_t)full),
		  text_count(collected, (uint64_t)oldest->collected),
		  isnan(oldest->last) ? "" : "; the last one took ",
		  isnan(oldest->last) ? "" : text_pause(pause, oldest->last));
}

/* What the settings of the collector became, and how far apart censuses are. */
static void log_changes(struct model *model, const struct heapspy_sample *old)
{
	const struct heapspy_sample *sample = model->sample;
	char interval[TEXT_SIZE], cost[TEXT_SIZE];
	if (old && old->interpreter_count && sample->interpreter_count) {
		const struct heapspy_gc *before = &old->interpreters[0].gc;
		const struct heapspy_gc *now = &sample->interpreters[0].gc;
		if (before->enabled != now->enabled)
			model_log(model, sample->time, !now->enabled, "the collector was %s",
				  now->enabled ? "enabled" : "disabled");
		if (before->garbage < now->garbage)
			model_log(model, sample->time, true, "gc.garbage has %s objects",
				  text_count(interval, now->garbage));
	}
	/* Not for every little difference. */
	double every = sample->census_interval;
	bool more = every > 1.5 * model->stretched, less = every < model->stretched / 1.5;
	if (!sample->census || (model->stretched > 0 && !more && !less))
		return;
	if (model->stretched > 0)
		model_log(model, sample->time, false, "heap walks are now %s apart, one takes %s",
			  text_seconds(interval, every),
			  text_seconds(cost, sample->census->dump->capture.duration));
	model->stretched = every;
}

static void add_moment(struct model *model)
{
	const struct heapspy_sample *sample = model->sample;
	struct moment moment = {
		.time = sample->time, .rss = sample->rss, .collected_for = NAN};
	fill_collections(model, &moment);
	if (!model->moment_count)
		model->first_time = sample->time;
	model->moments[model->moment_next] = moment;
	model->moment_next = (model->moment_next + 1) % MOMENTS;
	model->moment_count += model->moment_count < MOMENTS;
	model->readings++;
	model->collecting_seen += moment.collecting;
}

bool model_take(struct model *model, struct heapspy_sample *sample)
{
	struct heapspy_sample *old = model->sample;
	bool live = sample->state == HEAPSPY_SAMPLE_LIVE;
	bool news = sample->census && (!old || !old->census || sample->census != old->census);
	bool reading = (!old || sample->number != old->number) && live && !sample->trouble;
	model->sample = sample;
	if (reading)
		add_moment(model);
	if (reading)
		log_changes(model, old);
	struct moment *moment =
	    model->moment_count ? (struct moment *)model_moment(model, 0) : NULL;
	if (moment) {
		moment->heap = model_heap(sample);
		moment->live = model_live(sample);
		moment->census |= news;
	}
	if (!live && (!old || old->state == HEAPSPY_SAMPLE_LIVE))
		model_log(model, sample->time, true, "the process is gone: %s",
			  sample->trouble ?: "");
	else if (sample->trouble && (!old || !old->trouble))
		model_log(model, sample->time, true, "%s", sample->trouble);
	news = news && take_census(model, sample->census);
	heapspy_sample_drop(old);
	return news;
}

/* The oldest reading that is at most a minute old; NULL where it is the last one. */
static const struct moment *minute_ago(const struct model *model)
{
	const struct moment *now = model_moment(model, 0), *found = NULL;
	for (size_t back = 1; back < model->moment_count; back++) {
		const struct moment *moment = model_moment(model, back);
		if (now->time - moment->time > MINUTE)
			break;
		found = moment;
	}
	return found && now->time > found->time ? found : NULL;
}

double model_rss_rate(const struct model *model)
{
	const struct moment *then = minute_ago(model), *now = model_moment(model, 0);
	if (!then || now->rss == HEAPSPY_UNKNOWN || then->rss == HEAPSPY_UNKNOWN)
		return NAN;
	return ((double)now->rss - (double)then->rss) * MINUTE / (now->time - then->time);
}

double model_collection_rate(const struct model *model, unsigned generation)
{
	const struct moment *then = minute_ago(model), *now = model_moment(model, 0);
	if (!then)
		return NAN;
	return (double)(now->collections[generation] - then->collections[generation]) * MINUTE /
	       (now->time - then->time);
}

double model_collecting_share(const struct model *model)
{
	const struct moment *then = minute_ago(model), *now = model_moment(model, 0);
	return then ? (now->collected_for - then->collected_for) / (now->time - then->time) : NAN;
}

/* ---- what happened ---------------------------------------------------------------------- */

void model_log(struct model *model, double time, bool bad, const char *format, ...)
{
	struct event *event = &model->events[model->event_next];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(event->text, sizeof(event->text), format, arguments);
	va_end(arguments);
	event->time = time;
	event->bad = bad;
	model->event_next = (model->event_next + 1) % EVENTS;
	model->event_count += model->event_count < EVENTS;
	model->event_total++;
}

const struct event *model_event(const struct model *model, size_t back)
{
	if (back >= model->event_count)
		return NULL;
	return &model->events[(model->event_next + EVENTS - 1 - back) % EVENTS];
}

/* ---- life ------------------------------------------------------------------------------- */

bool model_init(struct model *model, const struct heapspy_target_info *target,
		const struct heapspy_python_info *python, double interval)
{
	*model = (struct model){.target = target, .python = python, .interval = interval,
				.walk_limit = WALKS};
	model->moments = calloc(MOMENTS, sizeof(*model->moments));
	return model->moments != NULL;
}

void model_fini(struct model *model)
{
	heapspy_sample_drop(model->sample);
	for (size_t i = 0; i < model->walk_count; i++)
		walk_fini(&model->walks[i]);
	walk_fini(&model->baseline);
	free(model->growths);
	free(model->moments);
	*model = (struct model){0};
}
