/* SPDX-License-Identifier: MIT */
#include "heap/census/gc_lists.h"

#include <stdlib.h>

/* Steps of one list before it is the next one's turn. */
#define TURN 256

/* Young lists change all the time: a walk that went astray is tried again. */
#define ATTEMPTS 3

enum fault gc_lists_init(struct gc_lists *lists, struct counter *counter)
{
	struct python *python = counter->python;
	*lists = (struct gc_lists){.counter = counter};
	lists->items = calloc(python->interpreter_count * GC_HEADS, sizeof(*lists->items));
	if (!lists->items)
		return FAULT_ABSENT;
	for (size_t i = 0; i < python->interpreter_count; i++) {
		uint64_t gc = python->interpreters[i].gc, heads[GC_HEADS];
		if (i && gc == python->interpreters[0].gc) /* 3.8: one for all */
			continue;
		gc_heads(&python->layout, gc, heads);
		for (unsigned j = 0; j < GC_HEADS; j++)
			lists->items[lists->count++] = (struct gc_list){
				.head = heads[j], .interpreter = i, .generation = j, .cursor = heads[j]};
	}
	enum fault fault = peek_take_fault(python->peek);
	if (fault != FAULT_NONE)
		gc_lists_fini(lists);
	return fault;
}

void gc_lists_fini(struct gc_lists *lists)
{
	free(lists->items);
	lists->items = NULL;
}

static bool is_head(const struct gc_lists *lists, uint64_t address)
{
	for (size_t i = 0; i < lists->count; i++)
		if (lists->items[i].head == address)
			return true;
	return false;
}

/* The head after this one; 0 where the list breaks off. */
static uint64_t next_of(struct gc_lists *lists, uint64_t gc_head)
{
	struct python *python = lists->counter->python;
	uint64_t next = peek_u64(python->peek, gc_head + OFFSET(&python->layout, GcHead, next));
	if (peek_take_fault(python->peek) != FAULT_NONE)
		return 0;
	return next & GC_POINTER_MASK;
}

/* Finds circles that do not close at their beginning: Brent's algorithm. */
struct circle {
	uint64_t mark, steps, limit;
};

static bool goes_round(struct circle *circle, uint64_t address)
{
	if (address == circle->mark)
		return true;
	if (++circle->steps > circle->limit) {
		circle->mark = address;
		circle->limit = circle->limit * 2 + 1;
	}
	return false;
}

static int compare_words(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

static void sort_unique(struct outside *outside)
{
	if (!outside->count)
		return;
	qsort(outside->items, outside->count, sizeof(*outside->items), compare_words);
	size_t kept = 1;
	for (size_t i = 1; i < outside->count; i++)
		if (outside->items[i] != outside->items[kept - 1])
			outside->items[kept++] = outside->items[i];
	outside->count = kept;
}

/* Every so manieth object of all runs: whoever meets one again goes in a circle, or
 * where another run went before. Then many runs cannot share one long end. */
enum { EVERY = 64 };

struct seen {
	uint64_t *slots; /* 0: free */
	size_t mask, count;
};

static uint64_t *slot_of(uint64_t *slots, size_t mask, uint64_t address)
{
	size_t i = (size_t)(address * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
	while (slots[i] && slots[i] != address)
		i = (i + 1) & mask;
	return &slots[i];
}

/* False without memory: then what is not remembered is not met again. */
static bool grow(struct seen *seen)
{
	size_t mask = seen->mask ? 2 * seen->mask + 1 : 1023;
	uint64_t *slots = calloc(mask + 1, sizeof(*slots));
	if (!slots)
		return false;
	for (size_t i = 0; seen->slots && i <= seen->mask; i++)
		if (seen->slots[i])
			*slot_of(slots, mask, seen->slots[i]) = seen->slots[i];
	free(seen->slots);
	seen->slots = slots;
	seen->mask = mask;
	return true;
}

static bool was_seen(const struct seen *seen, uint64_t address)
{
	return seen->count && *slot_of(seen->slots, seen->mask, address) == address;
}

static bool see(struct seen *seen, uint64_t address)
{
	if (2 * seen->count >= seen->mask && !grow(seen))
		return false;
	*slot_of(seen->slots, seen->mask, address) = address;
	seen->count++;
	return true;
}

/* Count from `start` on while the links stay outside the pools. Another's start
 * ends the run as well: in a list that changes, two runs may meet. */
static void count_run(struct gc_lists *lists, const struct outside *outside, uint64_t start,
		      struct seen *seen)
{
	struct counter *counter = lists->counter;
	uint64_t steps = 0;
	for (uint64_t at = start; at && !is_head(lists, at) && !pool_map_has(&counter->pools, at);) {
		if (was_seen(seen, at) || (++steps % EVERY == 0 && !see(seen, at))) {
			counter->torn++;
			break;
		}
		if (!counter_add_tracked_at(counter, at, COUNT_OBJECT | COUNT_TRACKED)) {
			counter->torn++;
			break;
		}
		at = next_of(lists, at);
		if (bsearch(&at, outside->items, outside->count, sizeof(at), compare_words))
			break;
	}
}

void gc_lists_count_outside(struct gc_lists *lists, struct outside *outside)
{
	for (size_t i = 0; i < lists->count; i++)
		if (!outside_add(outside, next_of(lists, lists->items[i].head)))
			lists->counter->no_memory = true;
	sort_unique(outside);
	struct seen seen = {0};
	for (size_t i = 0; i < outside->count; i++)
		count_run(lists, outside, outside->items[i], &seen);
	free(seen.slots);
	counter_settle(lists->counter);
}

/* One turn; a list that leads into another or breaks off ends there. */
static void walk_turn(struct gc_lists *lists, struct gc_list *list, struct circle *circle)
{
	for (unsigned i = 0; i < TURN && !list->done; i++) {
		list->cursor = next_of(lists, list->cursor);
		if (list->cursor == list->head) {
			list->done = true;
		} else if (!list->cursor || is_head(lists, list->cursor) ||
			   goes_round(circle, list->cursor)) {
			list->done = true;
			lists->damaged = true;
		} else {
			list->length++;
		}
	}
}

/* Walk in turns until one list is left; NULL if all came to their ends. */
static struct gc_list *walk_all_but_longest(struct gc_lists *lists)
{
	struct circle *circles = calloc(lists->count, sizeof(*circles));
	size_t left = lists->count;
	/* What is cached is older than what is walked into now. */
	peek_forget(lists->counter->python->peek);
	lists->damaged = false;
	for (size_t i = 0; i < lists->count; i++) {
		lists->items[i].cursor = lists->items[i].head;
		lists->items[i].length = 0;
		lists->items[i].done = false;
	}
	while (circles && left > 1) {
		left = 0;
		for (size_t i = 0; i < lists->count; i++) {
			if (!lists->items[i].done)
				walk_turn(lists, &lists->items[i], &circles[i]);
			left += !lists->items[i].done;
		}
	}
	free(circles);
	for (size_t i = 0; i < lists->count; i++)
		if (!lists->items[i].done)
			return &lists->items[i];
	return NULL;
}

/* Count or take back every object of a list that was walked before. */
static void count_list(struct gc_lists *lists, const struct gc_list *list, unsigned columns)
{
	uint64_t at = list->head;
	for (uint64_t i = 0; i < list->length; i++) {
		at = next_of(lists, at);
		if (!at || at == list->head)
			break;
		if (!counter_add_tracked_at(lists->counter, at, columns))
			lists->counter->torn++;
	}
}

static bool is_frozen(const struct gc_list *list)
{
	return list->generation == HEAPSPY_GENERATIONS;
}

void gc_lists_measure(struct gc_lists *lists)
{
	struct counter *counter = lists->counter;
	struct gc_list *longest = NULL;
	for (unsigned i = 0; i < ATTEMPTS && (i == 0 || lists->damaged); i++)
		longest = walk_all_but_longest(lists);
	if (longest) {
		uint64_t others = 0;
		for (size_t i = 0; i < lists->count; i++)
			if (&lists->items[i] != longest)
				others += lists->items[i].length;
		longest->length = counter->tracked > others ? counter->tracked - others : 0;
	}
	/* Most of a heap may be frozen, before a fork: then the rest is counted anew. */
	lists->longest = longest;
	bool anew = longest && is_frozen(longest);
	if (anew)
		counter_reset_tracked(counter);
	for (size_t i = 0; i < lists->count; i++)
		if (is_frozen(&lists->items[i]) != anew && &lists->items[i] != longest)
			count_list(lists, &lists->items[i], anew ? COUNT_TRACKED : COUNT_TRACKED | COUNT_MINUS);
	counter_settle(counter);
}

static unsigned generation_of(struct gc_lists *lists, const struct gc_list *list)
{
	const struct layout *layout = &lists->counter->python->layout;
	return is_frozen(list) ? HEAPSPY_GENERATIONS : gc_generation_of_list(layout, list->generation);
}

void gc_lists_tell(struct gc_lists *lists, const struct census_watch *watch)
{
	uint64_t head = (uint64_t)SIZEOF(&lists->counter->python->layout, GcHead);
	for (size_t i = 0; i < lists->count; i++) {
		const struct gc_list *list = &lists->items[i];
		uint64_t at = list->head;
		for (uint64_t j = 0; j < list->length && list != lists->longest; j++) {
			at = next_of(lists, at);
			if (!at || is_head(lists, at))
				break;
			watch->list(watch->context, at + head, generation_of(lists, list));
		}
	}
	bool known = lists->longest && !lists->damaged;
	watch->rest(watch->context, known, known ? generation_of(lists, lists->longest) : 0);
}
