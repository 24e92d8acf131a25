/* SPDX-License-Identifier: MIT */
/* What a thread of Python executed at the moment of an event. */
#include <string.h>

#include "base/clock.h"
#include "heap/record/stacks/private.h"

enum { CANDIDATES = 64 };

/* ---- by the words that are there ------------------------------------------------------ */

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

size_t stacks_index_in(const struct frame_list *list, uint64_t code)
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
		const struct parents *parents = stacks_parents_of(stacks, code);
		if (stacks_index_in(&stacks->list, code) < stacks->list.count ||
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

/* So many frames, and words of one, are looked at for code that is not known, so often:
 * where none was found, and else; seconds. It takes a while. */
#define LEARN_INTERVAL 0.01
#define RELEARN_INTERVAL 0.1
enum { LEARN_FRAMES = 24, LEARN_WORDS = 160 };

static bool find_in_registers(struct search *search, const struct registers *registers)
{
	for (unsigned i = 0; i < sizeof(kept) && !search->found; i++)
		search->found = registers_know(registers, kept[i]) &&
				code_ranges_find(&search->stacks->ranges, registers->values[kept[i]],
						 &search->frame->code, &search->frame->position);
	return search->found;
}

/* Code that was not met before: this may be the address of a frame of it, or of its next
 * instruction. */
static void learn_from(struct search *search, uint64_t word)
{
	struct record_stacks *stacks = search->stacks;
	struct python *python = stacks->record->python;
	uint64_t code = frames_code_at(stacks->frames, word);
	if (!code) {
		struct frame frame = {.code = code_ranges_seek(&stacks->ranges, python, word)};
		struct frame_place place;
		if (frame.code &&
		    frames_describe(stacks->frames, &frame, &place) == FAULT_NONE)
			code = frame.code;
	}
	if (code)
		code_ranges_add(&stacks->ranges, python, code);
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

static struct slots *slots_at(struct record_stacks *stacks, uint64_t pc)
{
	struct slots *slots =
		&stacks->slots[(pc * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SLOT_PLACES];
	if (slots->pc != pc)
		*slots = (struct slots){.pc = pc};
	return slots;
}

/* What a word of a frame of C says where a thread is. */
struct hint {
	uint32_t word;
	struct frame frame;
};

/* Is it right of a thread that is at `now`? */
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

static const struct slot *slot_of(const struct slots *slots, uint32_t word)
{
	for (size_t i = 0; i < slots->count; i++)
		if (slots->items[i].word == word)
			return &slots->items[i];
	return NULL;
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

static bool calls(struct record_stacks *stacks, uint64_t caller, uint64_t called)
{
	const struct parents *parents = stacks_parents_of(stacks, called);
	for (size_t i = 0; caller != called && parents->code == called && i < parents->count; i++)
		if (parents->below[i] == caller)
			return true;
	return false;
}

/* Where none is known to be right: the first of those that were nearly so most often, and
 * not of a function that calls one which another is of. */
static const struct hint *likely_hint(struct record_stacks *stacks, const struct slots *slots,
				      const struct hint *hints, size_t count)
{
	const struct hint *found = NULL;
	uint32_t most = 0;
	for (size_t i = 0; i < count; i++) {
		const struct slot *slot = slot_of(slots, hints[i].word);
		uint32_t near = slot ? slot->near : 0;
		if (found && (near < most || (near == most && !calls(stacks, found->frame.code,
								     hints[i].frame.code))))
			continue;
		found = &hints[i];
		most = near;
	}
	return found;
}

static const struct hint *choose(struct record_stacks *stacks, const struct slots *slots,
				 const struct hint *hints, size_t count)
{
	const struct slot *best = best_slot(slots);
	if (!best)
		return likely_hint(stacks, slots, hints, count);
	for (size_t i = 0; i < count; i++)
		if (hints[i].word == best->word)
			return &hints[i];
	return NULL;
}

/* Has what one of them says returned since? */
static bool any_returned(struct record_stacks *stacks, const struct hint *hints, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (can_have_returned(stacks, stacks_parents_of(stacks, hints[i].frame.code),
				      hints[i].frame.code))
			return true;
	return false;
}

/* Where the compiler had no register for it. */
static void find_in_frame(struct search *search, const struct native_frame *frame,
			  struct slots *slots)
{
	struct record_stacks *stacks = search->stacks;
	const struct frame_list *list = &stacks->list;
	uint64_t words[LEARN_WORDS];
	struct hint hints[LEARN_WORDS] = {0};
	size_t word_count = words_of(search, frame, words, LEARN_WORDS), count = 0;
	for (size_t i = 0; i < word_count && search->learns; i++)
		learn_from(search, words[i]);
	for (size_t i = 0; i < word_count; i++) {
		struct hint *hint = &hints[count];
		hint->word = (uint32_t)i;
		count += code_ranges_find(&stacks->ranges, words[i], &hint->frame.code,
					  &hint->frame.position);
	}
	/* Then what is there now says nothing of the others. */
	if (list->count && !any_returned(stacks, hints, count))
		for (size_t i = 0; i < count; i++)
			count_slot(slots, &hints[i], &list->items[0]);
	const struct hint *hint = choose(stacks, slots, hints, count);
	search->found = hint != NULL;
	if (hint)
		*search->frame = hint->frame;
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

static void learn_registers(struct search *search, const struct registers *registers)
{
	for (unsigned i = 0; i < sizeof(kept); i++)
		if (registers_know(registers, kept[i]))
			learn_from(search, registers->values[kept[i]]);
}

/* At each of its calls the interpreter has its next instruction either in a register or in
 * its frame. Where it is a register, one that is not known is of code that was not met
 * before; what lies in the frame is of earlier calls. */
static void find_in_evaluator(struct search *search, const struct native_frame *frame,
			      const struct registers *registers)
{
	struct slots *slots = slots_at(search->stacks, frame->pc);
	bool first = !slots->in_register && slots->count == 0;
	if (!search->found && (search->learns || first || slots->in_register)) {
		learn_registers(search, registers);
		find_in_registers(search, registers);
	}
	slots->in_register |= search->found;
	if (!slots->in_register)
		find_in_frame(search, frame, slots);
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
	if (pc >= stacks->distrusted && pc < stacks->distrusted_end)
		return true;
	if (search->learns && search->depth <= LEARN_FRAMES)
		learn_registers(search, registers);
	bool found = find_in_registers(search, registers);
	if (is_evaluator)
		find_in_evaluator(search, frame, registers);
	return !found && !is_evaluator;
}

bool stacks_registers_of(const struct watch_event *event, bool alone,
			 struct registers *ret_registers, struct stack_copy *ret_copy)
{
	/* Numbers of DWARF: rax rdx rcx rbx rsi rdi rbp rsp r8 - r15, return address. */
	static const uint8_t numbers[] = {
		WATCH_RAX, WATCH_RDX, WATCH_RCX, WATCH_RBX, WATCH_RSI, WATCH_RDI,
		WATCH_RBP, WATCH_RSP, WATCH_R8,	 WATCH_R9,  WATCH_R10, WATCH_R11,
		WATCH_R12, WATCH_R13, WATCH_R14, WATCH_R15, WATCH_RIP,
	};
	struct registers registers = {0};
	if (!event->registers || !event->stack)
		return false;
	for (unsigned i = 0; i < sizeof(numbers); i++)
		registers_set(&registers, i, event->registers[numbers[i]]);
	*ret_registers = registers;
	*ret_copy = (struct stack_copy){.address = event->registers[WATCH_RSP],
					.bytes = event->stack,
					.size = event->stack_length,
					.alone = alone};
	return true;
}

/* By the tables that compilers leave: the registers of the interpreter at the call that it
 * made. One of them, or a word of its own frame, is the address of the next instruction. */
static bool unwound(struct record_stacks *stacks, const struct watch_event *event,
		    struct frame *ret_frame)
{
	struct registers registers;
	struct stack_copy copy;
	struct search search = {.stacks = stacks, .event = event, .frame = ret_frame};
	if (!stacks_registers_of(event, true, &registers, &copy))
		return false;
	/* What is known may be only what an earlier call left there. */
	double ago = clock_monotonic() - stacks->learned;
	search.learns = ago > RELEARN_INTERVAL;
	unwind_visit(stacks->unwinder, &registers, &copy, look_into, &search);
	if (!search.found && !search.learns && ago > LEARN_INTERVAL) {
		search.learns = true;
		search.depth = 0;
		unwind_visit(stacks->unwinder, &registers, &copy, look_into, &search);
	}
	if (search.learns)
		stacks->learned = clock_monotonic();
	return search.found;
}

/* What was executed then. Some words on a stack are left from earlier calls: only what
 * goes with the frames that are there now, or were before, is believed. */
bool stacks_executed_then(struct record_stacks *stacks, const struct watch_event *event,
			  struct frame *ret_frame)
{
	struct frame candidates[CANDIDATES];
	const struct frame_list *list = &stacks->list;
	stacks->sure = unwound(stacks, event, ret_frame);
	if (stacks->sure)
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
		if (stacks_index_in(list, candidates[i].code) < list->count)
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
