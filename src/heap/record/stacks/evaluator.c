/* SPDX-License-Identifier: MIT */
/* Where the interpreter was at the moment of an event, by unwinding to its frame of C. */
#include <string.h>

#include "base/clock.h"
#include "heap/record/stacks/private.h"

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

/* Where the compiler had no register for it. */
static void find_in_frame(struct search *search, const struct native_frame *frame,
			  struct slots *slots)
{
	struct record_stacks *stacks = search->stacks;
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
	const struct frame *now = stacks->list.count ? stacks->list.items : NULL;
	const struct hint *hint = slots_choose(slots, &stacks->parents, hints, count, now);
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
	struct slots *slots = slots_at(&search->stacks->slots, frame->pc);
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

/* By the tables that compilers leave: the registers of the interpreter at the call that it
 * made. One of them, or a word of its own frame, is the address of the next instruction. */
bool stacks_evaluated_then(struct record_stacks *stacks, const struct watch_event *event,
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
