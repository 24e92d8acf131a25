/* SPDX-License-Identifier: MIT */
/* What a thread of Python executed at the moment of an event. */
#include <string.h>

#include "heap/record/stacks/private.h"

enum { CANDIDATES = 64 };

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
		const struct parents *parents = parents_of(&stacks->parents, code);
		/* What has called it before is there now. */
		if (stacks_index_in(&stacks->list, code) < stacks->list.count ||
		    !parents_call(&stacks->parents, stacks->list.items[0].code, code))
			continue;
		if (objects && is_followed(parents, candidates, i, count))
			return i;
		if (!objects)
			found = i;
	}
	return found;
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

/* What was executed then. Some words on a stack are left from earlier calls: only what
 * goes with the frames that are there now, or were before, is believed. */
bool stacks_executed_then(struct record_stacks *stacks, const struct watch_event *event,
			  struct frame *ret_frame)
{
	struct frame candidates[CANDIDATES];
	const struct frame_list *list = &stacks->list;
	stacks->sure = stacks_evaluated_then(stacks, event, ret_frame);
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
