/* SPDX-License-Identifier: MIT */
#include "heap/record/stacks.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "heap/record/private.h"
#include "native/unwind.h"
#include "python/code_ranges.h"
#include "python/frames.h"
#include "python/lines.h"

/* So often a stack that makes no sense is read again. */
enum { ATTEMPTS = 3, FIRST_SLOTS = 1024, PARENTS = 8, REMEMBERED = 16, CANDIDATES = 64, NOTHING = UINT32_MAX };

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

/* A stack in which a code object was seen, and how many frames of it are newer. */
struct parents {
	uint64_t code;
	uint32_t stack, newer;
	uint8_t count;
	uint64_t below[PARENTS]; /* code of those that called it */
};

struct record_stacks {
	struct record *record;
	struct frames *frames;
	struct unwinder *unwinder;
	uint64_t evaluator, evaluator_end; /* _PyEval_EvalFrameDefault(); 0: not found */
	double learned; /* when code was sought that was not met before */
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
	struct parents parents[2048];
};

struct record_stacks *record_stacks_new(struct record *record)
{
	struct record_stacks *stacks = calloc(1, sizeof(*stacks));
	if (!stacks)
		return NULL;
	stacks->record = record;
	stacks->frames = frames_new(record->python);
	stacks->unwinder = unwinder_new(record->heapspy->target);
	uint64_t size;
	/* Exported by all versions: Python/ceval.c. */
	if (record->python->module &&
	    elf_module_symbol(record->python->module, "_PyEval_EvalFrameDefault",
			      &stacks->evaluator, &size))
		stacks->evaluator_end = stacks->evaluator + size;
	if (stacks->frames && stacks->unwinder)
		return stacks;
	record_stacks_free(stacks);
	return NULL;
}

void record_stacks_free(struct record_stacks *stacks)
{
	if (!stacks)
		return;
	frames_free(stacks->frames);
	unwinder_free(stacks->unwinder);
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

static void add_candidate(const struct record_stacks *stacks, uint64_t word,
			  struct frame *candidates, size_t *count)
{
	struct frame frame = {0};
	if (*count < CANDIDATES &&
	    code_ranges_find(&stacks->ranges, word, &frame.code, &frame.position))
		candidates[(*count)++] = frame;
}

/* From the newest calls on. */
static size_t list_candidates(const struct record_stacks *stacks, const struct watch_event *event,
			      struct frame *candidates)
{
	size_t count = 0;
	for (size_t i = 0; event->registers && i < sizeof(register_order); i++)
		add_candidate(stacks, event->registers[register_order[i]], candidates, &count);
	for (size_t i = 0; i + 8 <= event->stack_length; i += 8) {
		uint64_t word;
		memcpy(&word, event->stack + i, sizeof(word));
		add_candidate(stacks, word, candidates, &count);
	}
	return count;
}

static size_t index_in(const struct frame_list *list, uint64_t code)
{
	size_t at = 0;
	while (at < list->count && list->items[at].code != code)
		at++;
	return at;
}

/* It may have returned since, for what has called it before is there now. */
static bool can_have_returned(const struct record_stacks *stacks, const struct parents *parents,
			      uint64_t code)
{
	if (parents->code != code || !stacks->list.count)
		return false;
	for (size_t i = 0; i < parents->count; i++)
		if (parents->below[i] == stacks->list.items[0].code)
			return true;
	return false;
}

/* Up to 3.10 each function of Python has its own of C: behind it comes what called it. */
static bool is_followed(const struct parents *parents, const struct frame *candidates, size_t at,
			size_t count)
{
	uint64_t code = candidates[at].code;
	while (at < count && candidates[at].code == code)
		at++;
	return parents->code == code && parents->count && at < count &&
	       candidates[at].code == parents->below[0];
}

/* One that has returned, of those before `end`; `count` where there is none. From 3.11 on
 * the words that earlier calls left behind come before those that count. */
static size_t find_returned(struct record_stacks *stacks, const struct frame *candidates,
			    size_t end, size_t count)
{
	bool objects = !python_since(stacks->record->python, PYTHON_VERSION(3, 11));
	size_t found = count;
	for (size_t i = 0; i < end; i++) {
		uint64_t code = candidates[i].code;
		const struct parents *parents = parents_of(stacks, code);
		if (index_in(&stacks->list, code) < stacks->list.count ||
		    !can_have_returned(stacks, parents, code))
			continue;
		if (objects && is_followed(parents, candidates, i, count))
			return i;
		if (!objects)
			found = i;
	}
	return found;
}

/* ---- by unwinding ------------------------------------------------------------------- */

/* Registers that a function of C keeps for its caller: rbx, rbp, r12 - r15. */
static const uint8_t kept[] = {3, 6, 12, 13, 14, 15};

struct search {
	struct record_stacks *stacks;
	const struct watch_event *event;
	struct frame *frame;
	bool learns; /* from what it meets */
	unsigned depth;
	bool found;
};

/* So many frames, and words of one, are looked at for code that is not known. */
#define LEARN_INTERVAL 0.01 /* seconds: it takes a while */
enum { LEARN_FRAMES = 24, LEARN_WORDS = 160 };

static bool find_in_registers(struct search *search, const struct registers *registers)
{
	for (unsigned i = 0; i < sizeof(kept) && !search->found; i++)
		search->found = registers_know(registers, kept[i]) &&
				code_ranges_find(&search->stacks->ranges, registers->values[kept[i]],
						 &search->frame->code, &search->frame->position);
	return search->found;
}

/* Code that was not met before: this may be the address of a frame of it. */
static void learn_from(struct search *search, uint64_t word)
{
	struct record_stacks *stacks = search->stacks;
	uint64_t code = frames_code_at(stacks->frames, word);
	if (code)
		code_ranges_add(&stacks->ranges, stacks->record->python, code);
}

/* The words of a frame of C, as far as they are in the copy. */
static size_t words_of(const struct search *search, const struct native_frame *frame,
		       uint64_t *words, size_t most)
{
	const struct watch_event *event = search->event;
	uint64_t start = event->registers[WATCH_RSP];
	size_t count = 0;
	for (uint64_t at = frame->sp; count < most && at >= start && at + 8 <= frame->end &&
				      at + 8 - start <= event->stack_length; at += 8)
		memcpy(&words[count++], event->stack + (at - start), sizeof(*words));
	return count;
}

/* Where the compiler had no register for it. */
static void find_in_frame(struct search *search, const struct native_frame *frame)
{
	uint64_t words[LEARN_WORDS];
	size_t count = words_of(search, frame, words, LEARN_WORDS);
	for (size_t i = 0; i < count && search->learns; i++)
		learn_from(search, words[i]);
	for (size_t i = 0; i < count && !search->found; i++)
		search->found = code_ranges_find(&search->stacks->ranges, words[i],
						 &search->frame->code, &search->frame->position);
}

/* Compilers split parts off the interpreter's function, which have no symbol; but something
 * of it is known to lie in its frame, from 3.12 on. */
static bool is_run(const struct record_stacks *stacks, const struct native_frame *frame)
{
	const struct frame_list *list = &stacks->list;
	for (size_t i = 0; i < list->run_count; i++)
		if (list->runs[i].anchor >= frame->sp && list->runs[i].anchor < frame->end)
			return true;
	return false;
}

/* What the interpreter has in a register stays there, or is saved by what it calls. */
static bool look_into(void *context, const struct native_frame *frame,
		      const struct registers *registers)
{
	struct search *search = context;
	struct record_stacks *stacks = search->stacks;
	uint64_t pc = frame->pc - frame->is_call;
	bool is_evaluator = (pc >= stacks->evaluator && pc < stacks->evaluator_end) ||
			    is_run(stacks, frame);
	search->depth++;
	for (unsigned i = 0; i < sizeof(kept) && search->learns && search->depth <= LEARN_FRAMES; i++)
		if (registers_know(registers, kept[i]))
			learn_from(search, registers->values[kept[i]]);
	if (find_in_registers(search, registers))
		return false;
	if (is_evaluator)
		find_in_frame(search, frame);
	if (is_evaluator && !search->found && search->learns)
		find_in_registers(search, registers);
	return !is_evaluator;
}

/* By the tables that compilers leave: the registers of the interpreter at the call that it
 * made. One of them, or a word of its own frame, is the address of the next instruction. */
static bool unwound(struct record_stacks *stacks, const struct watch_event *event,
		    struct frame *ret_frame)
{
	/* Numbers of DWARF: rax rdx rcx rbx rsi rdi rbp rsp r8 - r15, return address. */
	static const uint8_t numbers[] = {
		WATCH_RAX, WATCH_RDX, WATCH_RCX, WATCH_RBX, WATCH_RSI, WATCH_RDI,
		WATCH_RBP, WATCH_RSP, WATCH_R8,	 WATCH_R9,  WATCH_R10, WATCH_R11,
		WATCH_R12, WATCH_R13, WATCH_R14, WATCH_R15, WATCH_RIP,
	};
	struct registers registers = {0};
	struct search search = {.stacks = stacks, .event = event, .frame = ret_frame};
	if (!event->registers || !event->stack)
		return false;
	for (unsigned i = 0; i < sizeof(numbers); i++)
		registers_set(&registers, i, event->registers[numbers[i]]);
	struct stack_copy copy = {.address = event->registers[WATCH_RSP], .bytes = event->stack,
				  .size = event->stack_length, .alone = true};
	unwind_visit(stacks->unwinder, &registers, &copy, look_into, &search);
	double now = clock_monotonic();
	if (!search.found && now - stacks->learned > LEARN_INTERVAL) {
		stacks->learned = now;
		search.learns = true;
		search.depth = 0;
		unwind_visit(stacks->unwinder, &registers, &copy, look_into, &search);
	}
	return search.found;
}

/* What was executed then. Some words on a stack are left from earlier calls: only what
 * goes with the frames that are there now, or were before, is believed. */
static bool executed_then(struct record_stacks *stacks, const struct watch_event *event,
			  struct frame *ret_frame)
{
	struct frame candidates[CANDIDATES];
	const struct frame_list *list = &stacks->list;
	if (unwound(stacks, event, ret_frame))
		return true;
	size_t count = list_candidates(stacks, event, candidates), newest = 0, now = count;
	if (count == 0 || list->count == 0)
		return false;
	while (newest < count && candidates[newest].code != list->items[0].code)
		newest++;
	bool objects = !python_since(stacks->record->python, PYTHON_VERSION(3, 11));
	size_t found = newest == count || objects ? find_returned(stacks, candidates, newest, count)
						  : count;
	if (found == count)
		found = newest;
	for (size_t i = 0; i < count && found == count; i++)
		if (index_in(list, candidates[i].code) < list->count)
			found = i;
	if (found == count)
		return false;
	/* Where it still is, if it is one of them. */
	for (size_t i = found; i < count && found == newest; i++)
		if (candidates[i].code == list->items[0].code &&
		    candidates[i].position == list->items[0].position)
			now = i;
	*ret_frame = candidates[now < count ? now : found];
	return true;
}

/* ---- both together --------------------------------------------------------------------- */

/* Of each frame of a stack that was read as a whole: of the first `newer` frames there is
 * one less or more in what is told. */
static void remember_parents(struct record_stacks *stacks, uint32_t number, size_t below,
			     bool known)
{
	const struct frame_list *list = &stacks->list;
	size_t first = known ? below - 1 : 0;
	for (size_t i = first; i < list->count && i < first + REMEMBERED; i++) {
		struct parents *parents = parents_of(stacks, list->items[i].code);
		*parents = (struct parents){.code = list->items[i].code, .stack = number,
					    .newer = (uint32_t)(i - first)};
		for (size_t j = i + 1; j < list->count && parents->count < PARENTS; j++)
			parents->below[parents->count++] = list->items[j].code;
	}
}

/* Ids of the frames that called it when it was last seen. */
static size_t add_callers(struct record_stacks *stacks, uint64_t code, size_t count)
{
	const struct parents *parents = parents_of(stacks, code);
	const struct told *told = &stacks->stacks[parents->stack];
	for (size_t i = parents->newer + 1; i < told->count; i++)
		stacks->building[count++] = stacks->ids[told->first + i];
	return count;
}

uint32_t record_stacks_take(struct record_stacks *stacks, uint64_t state,
			    const struct watch_event *event)
{
	walk(stacks, state);
	struct frame_list *list = &stacks->list;
	struct frame then = {0};
	bool known = event && executed_then(stacks, event, &then);
	size_t below = known ? index_in(list, then.code) : 0;
	bool returned = known && below == list->count;
	bool seen = returned && parents_of(stacks, then.code)->code == then.code;
	size_t most = 1 + list->count;
	if (seen)
		most += stacks->stacks[parents_of(stacks, then.code)->stack].count;
	if (!grow(&stacks->building, &stacks->building_capacity, most, sizeof(uint32_t)))
		return 0;
	size_t count = 0;
	if (known)
		stacks->building[count++] = describe(stacks, &then);
	if (seen)
		count = add_callers(stacks, then.code, count);
	else
		for (size_t i = returned ? 0 : known ? below + 1 : 0; i < list->count; i++)
			stacks->building[count++] = describe(stacks, &list->items[i]);
	uint32_t number = stack_number(stacks, stacks->building, count);
	if (!returned && count)
		remember_parents(stacks, number, below + 1, known);
	return number;
}
