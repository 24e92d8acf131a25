/* SPDX-License-Identifier: MIT */
/* Arenas of pymalloc, told from one another by address. */
#include "base/bisect.h"
#include "base/clock.h"
#include "heap/record/growth/private.h"

static bool has_arena(const struct arenas *arenas, uint64_t mapped)
{
	size_t low = BISECT(arenas->count, at, arenas->items[at].mapped < mapped);
	return low < arenas->count && arenas->items[low].mapped == mapped;
}

/* Who asked for memory of that size, in order; else who was heard of last. */
static struct record_change next_cause(struct record_growth *growth, size_t *used)
{
	struct record_change change = *used < growth->cause_count ? growth->causes[(*used)++]
								  : growth->last;
	change.kind = HEAPSPY_RECORD_ARENAS;
	return change;
}

void growth_read_arenas(struct record_growth *growth)
{
	struct record_counter *counter = growth->arena_counter;
	const struct arenas *before = &growth->arenas;
	struct arenas now = {0};
	double started = clock_monotonic();
	peek_forget(growth->record->python->peek);
	/* None at all: their table was moved while it was read. */
	if (obmalloc_arenas(growth->record->python, &now) != FAULT_NONE ||
	    (now.count == 0 && before->count)) {
		arenas_fini(&now);
		return;
	}
	size_t used = 0;
	for (size_t i = 0; i < now.count; i++) {
		if (has_arena(before, now.items[i].mapped))
			continue;
		struct record_change change = next_cause(growth, &used);
		record_counter_add(counter, &change, now.items[i].mapped, counter->unit);
	}
	size_t none = growth->cause_count;
	for (size_t i = 0; i < before->count; i++) {
		if (has_arena(&now, before->items[i].mapped))
			continue;
		struct record_change change = next_cause(growth, &none);
		record_counter_release(counter, &change, before->items[i].mapped, counter->unit);
	}
	growth->cause_count -= used;
	for (size_t i = 0; i < growth->cause_count; i++)
		growth->causes[i] = growth->causes[i + used];
	arenas_fini(&growth->arenas);
	growth->arenas = now;
	growth->arenas_at = started;
	if (!counter->address)
		counter->now = now.count;
	counter->value = counter->now;
}
