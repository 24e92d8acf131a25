/* SPDX-License-Identifier: MIT */
#include "heap/record/stacks/slots.h"

struct slots *slots_at(struct slot_table *table, uint64_t pc)
{
	struct slots *slots =
		&table->items[(pc * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SLOT_PLACES];
	if (slots->pc != pc)
		*slots = (struct slots){.pc = pc};
	return slots;
}

/* ---- learning -------------------------------------------------------------------------- */

static void count_slot(struct slots *slots, const struct hint *hint, const struct frame *now)
{
	size_t at = 0;
	if (hint->frame.code != now->code)
		return;
	while (at < slots->count && slots->items[at].word != hint->word)
		at++;
	if (at == SLOTS_MOST)
		return;
	if (at == slots->count)
		slots->items[slots->count++] = (struct slot){.word = hint->word};
	slots->items[at].near++;
	slots->items[at].right += hint->frame.position == now->position;
}

/* Where what one of them says has returned since, what is there now says nothing of the
 * others. */
static void learn(struct slots *slots, struct parent_table *parents, const struct hint *hints,
		  size_t count, const struct frame *now)
{
	for (size_t i = 0; i < count; i++)
		if (parents_call(parents, now->code, hints[i].frame.code))
			return;
	for (size_t i = 0; i < count; i++)
		count_slot(slots, &hints[i], now);
}

/* ---- choosing --------------------------------------------------------------------------- */

static uint32_t near_of(const struct slots *slots, uint32_t word)
{
	for (size_t i = 0; i < slots->count; i++)
		if (slots->items[i].word == word)
			return slots->items[i].near;
	return 0;
}

/* The first of the words that were right most often; NULL: none ever was. */
static const struct slot *best_slot(const struct slots *slots)
{
	const struct slot *best = NULL;
	for (size_t i = 0; i < slots->count; i++) {
		const struct slot *slot = &slots->items[i];
		if (slot->right && (!best || slot->right > best->right ||
				    (slot->right == best->right && slot->word < best->word)))
			best = slot;
	}
	return best;
}

/* Where none is known to be right: the first of those that were nearly so most often, and
 * not of a function that calls one which another is of. */
static const struct hint *likely_hint(const struct slots *slots, struct parent_table *parents,
				      const struct hint *hints, size_t count)
{
	const struct hint *found = NULL;
	uint32_t most = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t near = near_of(slots, hints[i].word);
		bool inner = found && parents_call(parents, found->frame.code, hints[i].frame.code);
		if (found && (near < most || (near == most && !inner)))
			continue;
		found = &hints[i];
		most = near;
	}
	return found;
}

const struct hint *slots_choose(struct slots *slots, struct parent_table *parents,
				const struct hint *hints, size_t count, const struct frame *now)
{
	if (now)
		learn(slots, parents, hints, count, now);
	const struct slot *best = best_slot(slots);
	if (!best)
		return likely_hint(slots, parents, hints, count);
	for (size_t i = 0; i < count; i++)
		if (hints[i].word == best->word)
			return &hints[i];
	return NULL;
}
