/* SPDX-License-Identifier: MIT */
#include "heap/record/growth/keepers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Contents that are told from one another, and those last seen to make each. */
enum { CONTENTS = 1024, MAKERS = 8 };

/* What is in use for so long is not only passing by: seconds. */
#define PASSES 0.05

/* An arena that is not full is counted after so long, and growth waits for so long to be
 * charged to whoever keeps it: seconds. */
#define NOT_FULL 2.0
#define MOST_WAITING 10.0

/* Less is charged only at the end. */
#define LEAST_CHARGE (UINT64_C(64) << 10)

struct maker {
	pid_t tid;
	uint32_t stack;
};

struct known {
	struct record_counter *counter; /* NULL: empty */
	struct content content;
	struct maker makers[MAKERS];
	size_t maker_count; /* ever */
	size_t turn;
	double owed;    /* bytes of it that were counted, and not charged */
	double charged; /* bytes */
};

struct record_keepers {
	struct record *record;
	const struct glibc_counters *malloc;
	struct known known[CONTENTS];
	uint64_t random;
	/* Of the arena that is counted. */
	struct { struct content content; double weight; } counted[128];
	size_t counted_count;
	struct record_counter *counter;
};

struct record_keepers *record_keepers_new(struct record *record, const struct glibc_counters *malloc)
{
	struct record_keepers *keepers = calloc(1, sizeof(*keepers));
	if (!keepers)
		return NULL;
	keepers->record = record;
	keepers->malloc = malloc;
	return keepers;
}

void record_keepers_free(struct record_keepers *keepers)
{
	free(keepers);
}

/* Its entry; made where there is none. NULL: there are too many. */
static struct known *known_of(struct record_keepers *keepers, struct record_counter *counter,
			      const struct content *content)
{
	uint64_t hash = ((uintptr_t)counter >> 4 ^ content->type >> 4) + content->size;
	size_t at = (size_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) % CONTENTS;
	for (size_t i = 0; i < CONTENTS; i++, at = (at + 1) % CONTENTS) {
		struct known *known = &keepers->known[at];
		if (known->counter == counter && content_equals(&known->content, content))
			return known;
		if (known->counter)
			continue;
		known->counter = counter;
		known->content = *content;
		return known;
	}
	return NULL;
}

void record_keepers_learn(struct record_keepers *keepers, const struct record_keeper *keeper)
{
	struct known *known =
		keepers ? known_of(keepers, keeper->counter, &keeper->content) : NULL;
	if (known)
		known->makers[known->maker_count++ % MAKERS] =
			(struct maker){keeper->tid, keeper->stack};
}

/* ---- counting ---------------------------------------------------------------------- */

static void count_chunk(void *context, const struct content *content, uint64_t weight)
{
	struct record_keepers *keepers = context;
	struct known *known = known_of(keepers, keepers->counter, content);
	if (known)
		known->owed += (double)weight;
}

/* What lies between the top of a heap as it was and as it is. */
static void survey_heap(struct record_keepers *keepers, struct record_counter *counter, bool at_end)
{
	struct peek *peek = keepers->record->python->peek;
	double now = clock_monotonic();
	uint64_t top = peek_u64(peek, counter->arena + keepers->malloc->top_offset);
	if (peek_take_fault(peek) != FAULT_NONE || !top)
		return;
	bool elsewhere = counter->arena != keepers->malloc->main &&
			 top / GLIBC_HEAP_MAX_SIZE != counter->surveyed / GLIBC_HEAP_MAX_SIZE;
	if (!counter->surveyed || elsewhere || top < counter->surveyed) {
		counter->surveyed = top;
		counter->survey_end = 0;
	}
	if (counter->survey_end && (at_end || now - counter->survey_time > PASSES)) {
		uint64_t end = counter->survey_end < top ? counter->survey_end : top;
		uint64_t start = counter->surveyed;
		keepers->counter = counter;
		counter->surveyed = contents_visit_chunks(peek, start, end, count_chunk, keepers);
		/* What cannot be gone over is left out. */
		if (counter->surveyed == start)
			counter->surveyed = end;
		counter->survey_end = 0;
	}
	if (!counter->survey_end && top > counter->surveyed) {
		counter->survey_end = top;
		counter->survey_time = now;
	}
}

static void count_block(void *context, const struct content *content, uint64_t weight)
{
	struct record_keepers *keepers = context;
	size_t at = 0;
	while (at < keepers->counted_count &&
	       !content_equals(&keepers->counted[at].content, content))
		at++;
	if (at == sizeof(keepers->counted) / sizeof(*keepers->counted))
		return;
	if (at == keepers->counted_count) {
		keepers->counted[keepers->counted_count++].content = *content;
		keepers->counted[at].weight = 0;
	}
	keepers->counted[at].weight += (double)weight;
}

static void survey_arena(struct record_keepers *keepers, struct record_counter *counter,
			 struct record_wait *wait, const struct arena *arena)
{
	double sum = 0;
	keepers->counted_count = 0;
	keepers->random = keepers->random * UINT64_C(6364136223846793005) + 1442695040888963407;
	contents_visit_arena(keepers->record->python, arena, keepers->random >> 16, count_block,
			     keepers);
	for (size_t i = 0; i < keepers->counted_count; i++)
		sum += keepers->counted[i].weight;
	for (size_t i = 0; i < keepers->counted_count; i++) {
		struct known *known = known_of(keepers, counter, &keepers->counted[i].content);
		if (known && sum > 0)
			known->owed += keepers->counted[i].weight / sum * (double)counter->unit;
	}
	wait->surveyed = sum > 0;
}

static void survey_arenas(struct record_keepers *keepers, struct record_counter *counter,
			  const struct arenas *arenas, bool at_end)
{
	double now = clock_monotonic();
	for (size_t i = 0; i < counter->wait_count; i++) {
		struct record_wait *wait = &counter->waits[i];
		double age = now - wait->change.time;
		if (wait->surveyed || (age < PASSES && !at_end))
			continue;
		for (size_t j = 0; j < arenas->count; j++) {
			const struct arena *arena = &arenas->items[j];
			if (arena->mapped == wait->key &&
			    (at_end || age > NOT_FULL || arena->carved_end >= arena->end))
				survey_arena(keepers, counter, wait, arena);
		}
	}
}

/* ---- charging ------------------------------------------------------------------------- */

/* So much of what waits, the oldest of what was counted first, to those that make this. */
static void charge(struct record_keepers *keepers, struct known *known, double bytes)
{
	struct record_counter *counter = known->counter;
	size_t makers = known->maker_count < MAKERS ? known->maker_count : MAKERS;
	bool whole = counter->unit > 1;
	/* A piece for each, or an arena to each in turn. */
	size_t pieces = whole || bytes < (double)LEAST_CHARGE ? 1 : makers;
	for (size_t i = 0; i < pieces; i++) {
		const struct maker *maker = &known->makers[known->turn++ % makers];
		struct record_change change = {
			.record = keepers->record, .tid = maker->tid, .stack = maker->stack};
		uint64_t taken = record_counter_charge_to(counter, &change,
							  (uint64_t)(bytes / (double)pieces), whole);
		known->owed -= (double)taken;
		known->charged += (double)taken;
	}
}

static struct known *most_owed(struct record_keepers *keepers, const struct record_counter *counter,
			       double *ret_unknown, double *ret_charged)
{
	struct known *best = NULL;
	*ret_unknown = *ret_charged = 0;
	for (size_t i = 0; i < CONTENTS; i++) {
		struct known *known = &keepers->known[i];
		if (known->counter != counter)
			continue;
		if (!known->maker_count && known->owed > 0)
			*ret_unknown += known->owed;
		if (!known->maker_count)
			continue;
		*ret_charged += known->charged;
		if (!best || known->owed > best->owed)
			best = known;
	}
	return best;
}

static uint64_t ready(const struct record_counter *counter, double until)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < counter->wait_count; i++)
		if (counter->unit == 1 || counter->waits[i].surveyed ||
		    counter->waits[i].change.time < until)
			bytes += counter->waits[i].bytes;
	return bytes;
}

static void charge_known(struct record_keepers *keepers, struct record_counter *counter,
			 bool at_end)
{
	double unknown = 0, charged;
	struct known *best;
	uint64_t left = ready(counter, 0);
	double least = counter->unit > 1 ? 0 : at_end ? 1 : (double)LEAST_CHARGE;
	while (left && (best = most_owed(keepers, counter, &unknown, &charged))) {
		double bytes = counter->unit > 1 ? (double)counter->unit
						 : fmin(best->owed, (double)left);
		if (bytes < least || best->owed <= 0)
			break;
		/* Something is left for those that are not known yet. */
		if (counter->unit > 1 && !at_end && (double)left < unknown + bytes / 2)
			break;
		uint64_t before = counter->waiting;
		charge(keepers, best, bytes);
		if (counter->waiting == before)
			break;
		left = ready(counter, 0);
	}
}

/* What has waited for too long: those that keep the rest keep that as well. */
static void charge_rest(struct record_keepers *keepers, struct record_counter *counter,
			double until)
{
	double unknown, charged, sum = 0;
	uint64_t rest = 0;
	for (size_t i = 0; i < counter->wait_count; i++)
		if (counter->waits[i].change.time < until)
			rest += counter->waits[i].bytes;
	if (rest == 0)
		return;
	most_owed(keepers, counter, &unknown, &charged);
	if (charged <= 0) {
		record_counter_charge(counter, until);
		return;
	}
	for (size_t i = 0; i < CONTENTS; i++) {
		struct known *known = &keepers->known[i];
		if (known->counter != counter)
			continue;
		known->owed = known->maker_count
				      ? fmax(known->owed, 0) + (double)rest * known->charged / charged
				      : 0;
		sum += known->owed;
	}
	for (size_t i = 0; i < counter->wait_count; i++)
		counter->waits[i].surveyed |= counter->waits[i].change.time < until;
	if (sum > 0)
		charge_known(keepers, counter, true);
}

void record_keepers_survey(struct record_keepers *keepers, struct record_counter *counter,
			   const struct arenas *arenas, bool at_end)
{
	if (!keepers || !counter->holds)
		return;
	if (counter->arena && keepers->malloc)
		survey_heap(keepers, counter, at_end);
	else if (counter->wait_count)
		survey_arenas(keepers, counter, arenas, at_end);
	if (counter->waiting == 0)
		return;
	charge_known(keepers, counter, at_end);
	charge_rest(keepers, counter, at_end ? HUGE_VAL : clock_monotonic() - MOST_WAITING);
}
