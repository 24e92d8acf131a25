/* SPDX-License-Identifier: MIT */
#include "heap/record_stacks.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "heap/record_private.h"
#include "python/code_ranges.h"
#include "python/frames.h"
#include "python/lines.h"

/* So often a stack that makes no sense is read again. */
enum { ATTEMPTS = 3, FIRST_SLOTS = 1024, NOTHING = UINT32_MAX };

/* A place that was told: the texts are those of the code object, which stay. */
struct place {
	const char *function, *file;
	int32_t line;
};

/* A stack that was told: ids of its frames in `ids`, newest first. */
struct told {
	size_t first, count;
};

/* An open hash table of numbers of things; the things are elsewhere. */
struct table {
	uint32_t *slots;
	size_t slot_count, used;
};

/* The stack in which a code object was last seen as the newest. */
struct parents {
	uint64_t code;
	uint32_t stack;
};

struct record_stacks {
	struct record *record;
	struct frames *frames;
	struct code_ranges ranges;
	struct frame_list list;
	struct place *places;
	size_t place_count, place_capacity;
	struct told *stacks;
	size_t stack_count, stack_capacity;
	uint32_t *ids;
	size_t id_count, id_capacity;
	uint32_t *building;
	size_t building_capacity;
	struct table place_table, stack_table;
	struct parents parents[4096];
};

struct record_stacks *record_stacks_new(struct record *record)
{
	struct record_stacks *stacks = calloc(1, sizeof(*stacks));
	if (!stacks)
		return NULL;
	stacks->record = record;
	stacks->frames = frames_new(record->python);
	if (stacks->frames)
		return stacks;
	free(stacks);
	return NULL;
}

void record_stacks_free(struct record_stacks *stacks)
{
	if (!stacks)
		return;
	frames_free(stacks->frames);
	code_ranges_fini(&stacks->ranges);
	frame_list_fini(&stacks->list);
	free(stacks->places);
	free(stacks->stacks);
	free(stacks->ids);
	free(stacks->building);
	free(stacks->place_table.slots);
	free(stacks->stack_table.slots);
	free(stacks);
}

/* ---- telling each once --------------------------------------------------------- */

static bool grow(void *items, size_t *capacity, size_t wanted, size_t size)
{
	if (wanted <= *capacity)
		return true;
	size_t more = *capacity ? 2 * *capacity : 64;
	while (more < wanted)
		more *= 2;
	void *grown = realloc(*(void **)items, more * size);
	if (!grown)
		return false;
	*(void **)items = grown;
	*capacity = more;
	return true;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash ^= value;
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

/* Twice as many slots; `hash_of` says where each belongs. */
static bool table_grow(struct table *table, struct record_stacks *stacks,
		       uint64_t hash_of(const struct record_stacks *stacks, uint32_t number))
{
	if (2 * (table->used + 1) <= table->slot_count)
		return true;
	size_t count = table->slot_count ? 2 * table->slot_count : FIRST_SLOTS;
	uint32_t *slots = malloc(count * sizeof(*slots));
	if (!slots)
		return false;
	memset(slots, 0xff, count * sizeof(*slots));
	for (size_t i = 0; i < table->slot_count; i++) {
		if (table->slots[i] == NOTHING)
			continue;
		size_t at = hash_of(stacks, table->slots[i]) & (count - 1);
		while (slots[at] != NOTHING)
			at = (at + 1) & (count - 1);
		slots[at] = table->slots[i];
	}
	free(table->slots);
	table->slots = slots;
	table->slot_count = count;
	return true;
}

static uint64_t hash_place(const struct record_stacks *stacks, uint32_t number)
{
	const struct place *place = &stacks->places[number];
	return mix(mix(mix(1, (uintptr_t)place->function), (uintptr_t)place->file),
		   (uint64_t)place->line);
}

static uint64_t hash_stack(const struct record_stacks *stacks, uint32_t number)
{
	const struct told *told = &stacks->stacks[number];
	uint64_t hash = 1;
	for (size_t i = 0; i < told->count; i++)
		hash = mix(hash, stacks->ids[told->first + i]);
	return hash;
}

static uint32_t place_number(struct record_stacks *stacks, const struct place *place)
{
	struct table *table = &stacks->place_table;
	if (!grow(&stacks->places, &stacks->place_capacity, stacks->place_count + 1,
		  sizeof(*stacks->places)) ||
	    !table_grow(table, stacks, hash_place))
		return NOTHING;
	uint32_t number = (uint32_t)stacks->place_count;
	stacks->places[number] = *place;
	size_t at = hash_place(stacks, number) & (table->slot_count - 1);
	for (; table->slots[at] != NOTHING; at = (at + 1) & (table->slot_count - 1)) {
		const struct place *known = &stacks->places[table->slots[at]];
		if (known->function == place->function && known->file == place->file &&
		    known->line == place->line)
			return table->slots[at];
	}
	table->slots[at] = number;
	table->used++;
	stacks->place_count++;
	struct heapspy_frame frame = {
		.function = place->function, .file = place->file, .line = place->line};
	struct heapspy_record_entry entry = {
		.kind = HEAPSPY_RECORD_FRAME, .frame = {.id = number, .frame = &frame}};
	record_emit(stacks->record, &entry);
	return number;
}

static uint32_t stack_number(struct record_stacks *stacks, const uint32_t *ids, size_t count)
{
	struct table *table = &stacks->stack_table;
	if (!grow(&stacks->stacks, &stacks->stack_capacity, stacks->stack_count + 1,
		  sizeof(*stacks->stacks)) ||
	    !grow(&stacks->ids, &stacks->id_capacity, stacks->id_count + count + 1,
		  sizeof(*stacks->ids)) ||
	    !table_grow(table, stacks, hash_stack))
		return 0;
	uint32_t number = (uint32_t)stacks->stack_count;
	if (count)
		memcpy(&stacks->ids[stacks->id_count], ids, count * sizeof(*ids));
	stacks->stacks[number] = (struct told){stacks->id_count, count};
	size_t at = hash_stack(stacks, number) & (table->slot_count - 1);
	for (; table->slots[at] != NOTHING; at = (at + 1) & (table->slot_count - 1)) {
		const struct told *known = &stacks->stacks[table->slots[at]];
		if (known->count == count &&
		    memcmp(&stacks->ids[known->first], &stacks->ids[stacks->id_count],
			   count * sizeof(*ids)) == 0)
			return table->slots[at];
	}
	table->slots[at] = number;
	table->used++;
	stacks->stack_count++;
	stacks->id_count += count;
	struct heapspy_record_entry entry = {
		.kind = HEAPSPY_RECORD_STACK,
		.stack = {.id = number, .frames = &stacks->ids[stacks->stacks[number].first],
			  .count = count},
	};
	record_emit(stacks->record, &entry);
	return number;
}

/* ---- reading -------------------------------------------------------------------- */

static void walk(struct record_stacks *stacks, uint64_t state)
{
	struct python *python = stacks->record->python;
	stacks->list.count = 0;
	for (unsigned i = 0; i < ATTEMPTS && state; i++) {
		peek_forget(python->peek);
		enum fault fault = frames_walk(stacks->frames, state, &stacks->list);
		if (fault == FAULT_NONE || fault == FAULT_GONE)
			break;
	}
	for (size_t i = 0; i < stacks->list.count; i++)
		code_ranges_add(&stacks->ranges, python, stacks->list.items[i].code);
}

static uint32_t describe(struct record_stacks *stacks, const struct frame *frame)
{
	struct frame_place found = {.function = "?", .line = LINE_NONE};
	frames_describe(stacks->frames, frame, &found);
	struct place place = {found.function, found.file, found.line};
	return place_number(stacks, &place);
}

static struct parents *parents_of(struct record_stacks *stacks, uint64_t code)
{
	size_t count = sizeof(stacks->parents) / sizeof(*stacks->parents);
	return &stacks->parents[mix(1, code) & (count - 1)];
}

/* ---- what was executed then --------------------------------------------------------- */

/* Those that functions of C keep for their callers come first. */
static const uint8_t register_order[] = {
	WATCH_RBX, WATCH_RBP, WATCH_R12, WATCH_R13, WATCH_R14, WATCH_R15, WATCH_RSI, WATCH_RDI,
	WATCH_RAX, WATCH_RCX, WATCH_RDX, WATCH_R8,  WATCH_R9,  WATCH_R10, WATCH_R11,
};

static bool executed_then(const struct record_stacks *stacks, const struct watch_event *event,
			  struct frame *frame)
{
	for (size_t i = 0; event->registers && i < sizeof(register_order); i++)
		if (code_ranges_find(&stacks->ranges, event->registers[register_order[i]],
				     &frame->code, &frame->position))
			return true;
	for (size_t i = 0; i + 8 <= event->stack_length; i += 8) {
		uint64_t word;
		memcpy(&word, event->stack + i, sizeof(word));
		if (code_ranges_find(&stacks->ranges, word, &frame->code, &frame->position))
			return true;
	}
	return false;
}

/* ---- both together --------------------------------------------------------------------- */

uint32_t record_stacks_take(struct record_stacks *stacks, uint64_t state,
			    const struct watch_event *event)
{
	walk(stacks, state);
	struct frame_list *list = &stacks->list;
	struct frame then = {0};
	bool known = event && executed_then(stacks, event, &then);
	size_t below = 0;
	const struct parents *parents = NULL;
	while (known && below < list->count && list->items[below].code != then.code)
		below++;
	if (known && below == list->count) {
		/* It has returned since: then what had called it before is below it. */
		parents = parents_of(stacks, then.code);
		if (parents->code != then.code)
			parents = NULL;
		below = list->count > 1 ? 1 : 0;
	} else if (known) {
		below++;
	}
	size_t most = 1 + list->count;
	if (parents)
		most += stacks->stacks[parents->stack].count;
	if (!grow(&stacks->building, &stacks->building_capacity, most, sizeof(uint32_t)))
		return 0;
	size_t count = 0;
	if (known)
		stacks->building[count++] = describe(stacks, &then);
	if (parents) {
		const struct told *told = &stacks->stacks[parents->stack];
		for (size_t i = 1; i < told->count; i++)
			stacks->building[count++] = stacks->ids[told->first + i];
	} else {
		for (size_t i = below; i < list->count; i++)
			stacks->building[count++] = describe(stacks, &list->items[i]);
	}
	uint32_t number = stack_number(stacks, stacks->building, count);
	uint64_t newest = known && !parents ? then.code : list->count ? list->items[0].code : 0;
	/* Where the whole of it was seen. */
	if (newest && !parents && count && (!known || below > 1 || list->items[0].code == newest))
		*parents_of(stacks, newest) = (struct parents){newest, number};
	return number;
}
