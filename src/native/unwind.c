/* SPDX-License-Identifier: MIT */
#include "native/unwind.h"

#include <string.h>

#include "native/modules.h"

struct memory {
	struct target *target;
	const struct stack_copy *stack;
	/* The page that was read last, where there is no copy. */
	uint64_t page;
	uint8_t bytes[4096];
	bool has_page;
};

static bool read_page(struct memory *memory, uint64_t page)
{
	if (memory->has_page && memory->page == page)
		return true;
	memory->page = page;
	memory->has_page = target_read(memory->target, page, memory->bytes,
				       sizeof(memory->bytes)) == FAULT_NONE;
	return memory->has_page;
}

static bool read_word(void *context, uint64_t address, uint64_t *ret_word)
{
	struct memory *memory = context;
	const struct stack_copy *stack = memory->stack;
	if (stack->bytes && address >= stack->address && stack->size >= sizeof(*ret_word) &&
	    address - stack->address <= stack->size - sizeof(*ret_word)) {
		memcpy(ret_word, stack->bytes + (address - stack->address), sizeof(*ret_word));
		return true;
	}
	uint64_t within = address % sizeof(memory->bytes);
	if (stack->alone)
		return false;
	if (within > sizeof(memory->bytes) - sizeof(*ret_word))
		return target_read(memory->target, address, ret_word, sizeof(*ret_word)) ==
		       FAULT_NONE;
	if (!read_page(memory, address - within))
		return false;
	memcpy(ret_word, memory->bytes + within, sizeof(*ret_word));
	return true;
}

/* Some cores do not say of the memory that they leave out whether it was executable. */
static bool is_code(struct target *target, uint64_t address)
{
	const struct mapping *mapping = maps_find(target_maps(target), address);
	return mapping && (mapping->flags & MAPPING_EXEC ||
			   (mapping_is_file(mapping) && !(mapping->flags & MAPPING_WRITE)));
}

/* Code that nothing is known of: a compiler at run time made it, or an assembler without
 * directives. Where it keeps a frame pointer, that leads on. */
static enum cfi_result step_by_frame_pointer(struct memory *memory, struct registers *registers)
{
	uint64_t sp = registers->values[REGISTER_SP], bp = registers->values[REGISTER_BP];
	uint64_t saved, pc;
	if (!registers_know(registers, REGISTER_BP) || bp < sp || bp % 8 != 0 ||
	    bp - sp > UINT64_C(1) << 23 || !read_word(memory, bp, &saved) ||
	    !read_word(memory, bp + 8, &pc) || !is_code(memory->target, pc))
		return CFI_NONE;
	struct registers caller = {.known = 0};
	registers_set(&caller, REGISTER_IP, pc);
	registers_set(&caller, REGISTER_SP, bp + 16);
	registers_set(&caller, REGISTER_BP, saved);
	*registers = caller;
	return CFI_CALLER;
}

/* A call through a wrong pointer: all that it did was to push where it came from. */
static enum cfi_result step_from_nowhere(struct memory *memory, struct registers *registers)
{
	uint64_t sp = registers->values[REGISTER_SP], pc;
	if (!read_word(memory, sp, &pc) || !is_code(memory->target, pc))
		return CFI_NONE;
	registers_set(registers, REGISTER_IP, pc);
	registers_set(registers, REGISTER_SP, sp + 8);
	return CFI_CALLER;
}

static enum cfi_result step(struct unwinder *unwinder, struct memory *memory,
			    const struct native_frame *frame, struct registers *registers,
			    bool *ret_is_signal)
{
	uint64_t address = frame->pc - frame->is_call;
	struct native_module *module = modules_find(unwinder, address);
	struct cfi *cfi = module ? module_cfi(module) : NULL;
	enum cfi_result result = CFI_NONE;
	*ret_is_signal = false;
	if (cfi)
		result = cfi_step(cfi, address, registers, read_word, memory, ret_is_signal);
	if (result != CFI_NONE)
		return result;
	if (!frame->is_call && !is_code(unwinder->target, address))
		return step_from_nowhere(memory, registers);
	return step_by_frame_pointer(memory, registers);
}

/* ---- a frame pointer that nobody told -------------------------------------------- */

/* Of a thread that waits the kernel tells no frame pointer, and the C library saves none on
 * the way into a call. It is where a frame of the function begins, which is a pair of
 * words: the frame pointer of the caller, farther up, and the address to go back to. So far
 * up that is sought; locals lie below it. */
enum { MOST_LOCALS = 64 << 10, PROVEN_BY = 3 };

/* Is it right behind a call? That is five bytes with an offset, or two to seven with a
 * register or an address: Intel SDM, volume 2A, CALL. */
static bool is_after_call(struct target *target, uint64_t address)
{
	uint8_t bytes[7];
	if (!is_code(target, address) ||
	    target_read(target, address - sizeof(bytes), bytes, sizeof(bytes)) != FAULT_NONE)
		return false;
	if (bytes[2] == 0xe8)
		return true;
	for (size_t length = 2; length <= sizeof(bytes); length++) {
		const uint8_t *call = bytes + sizeof(bytes) - length;
		if (call[0] == 0xff && (call[1] >> 3 & 7) == 2)
			return true;
	}
	return false;
}

static bool is_frame(struct memory *memory, uint64_t address, uint64_t *ret_caller)
{
	uint64_t saved, pc;
	if (!read_word(memory, address, &saved) || !read_word(memory, address + 8, &pc) ||
	    saved <= address || saved % 8 != 0 || saved - address > UINT64_C(8) << 20)
		return false;
	*ret_caller = saved;
	return is_after_call(memory->target, pc);
}

/* Callers that the unwinding gets to with it. */
static bool is_proven(struct unwinder *unwinder, struct memory *memory,
		      const struct native_frame *frame, struct registers registers)
{
	struct native_frame now = *frame;
	for (unsigned i = 0; i < PROVEN_BY; i++) {
		bool is_signal;
		enum cfi_result result = step(unwinder, memory, &now, &registers, &is_signal);
		if (result == CFI_OUTERMOST)
			return i > 0;
		if (result != CFI_CALLER ||
		    !is_after_call(memory->target, registers.values[REGISTER_IP]))
			return false;
		now.pc = registers.values[REGISTER_IP];
		now.is_call = true;
	}
	return true;
}

static bool find_frame_pointer(struct unwinder *unwinder, struct memory *memory,
			       const struct native_frame *frame, struct registers *registers)
{
	uint64_t caller, next, start = (frame->sp + 7) & ~UINT64_C(7);
	for (uint64_t at = start; at - start < MOST_LOCALS; at += 8) {
		if (!is_frame(memory, at, &caller) || !is_frame(memory, caller, &next))
			continue;
		struct registers with = *registers;
		registers_set(&with, REGISTER_BP, at);
		if (!is_proven(unwinder, memory, frame, with))
			continue;
		*registers = with;
		return true;
	}
	return false;
}

enum unwind_end unwind(struct unwinder *unwinder, const struct registers *registers,
		       const struct stack_copy *stack, struct native_frame *frames, size_t most,
		       size_t *ret_count)
{
	static const struct stack_copy no_copy = {0};
	struct memory memory = {.target = unwinder->target, .stack = stack ?: &no_copy};
	struct registers now = *registers;
	bool is_call = false, may_move = false;
	size_t count = 0;
	*ret_count = 0;
	if (!registers_know(&now, REGISTER_IP) || !registers_know(&now, REGISTER_SP))
		return UNWIND_REGISTER;
	for (;;) {
		struct native_frame frame = {
			.pc = now.values[REGISTER_IP],
			.sp = now.values[REGISTER_SP],
			.is_call = is_call,
		};
		/* Where a thread begins there is no address to go back to. */
		if (frame.pc == 0 && count > 0)
			return UNWIND_WHOLE;
		if (count == most)
			return UNWIND_FULL;
		enum cfi_result result = step(unwinder, &memory, &frame, &now, &may_move);
		if (result == CFI_UNKNOWN && memory.stack->seek &&
		    !registers_know(&now, REGISTER_BP) &&
		    find_frame_pointer(unwinder, &memory, &frame, &now))
			result = step(unwinder, &memory, &frame, &now, &may_move);
		frame.end = result == CFI_CALLER ? now.values[REGISTER_SP] : frame.sp;
		frames[count++] = frame;
		*ret_count = count;
		if (result == CFI_OUTERMOST)
			return UNWIND_WHOLE;
		if (result == CFI_UNKNOWN)
			return UNWIND_REGISTER;
		if (result == CFI_UNREADABLE)
			return UNWIND_UNREADABLE;
		/* A stack grows; but for signals, which may have one of their own. */
		if (result == CFI_NONE || (frame.end <= frame.sp && !may_move))
			return UNWIND_LOST;
		is_call = !may_move;
	}
}

void unwind_visit(struct unwinder *unwinder, const struct registers *registers,
		  const struct stack_copy *stack, unwind_visitor *visit, void *context)
{
	struct memory memory = {.target = unwinder->target, .stack = stack};
	struct registers now = *registers;
	bool is_call = false, may_move = false;
	for (unsigned i = 0; i < UNWIND_MOST; i++) {
		struct native_frame frame = {
			.pc = now.values[REGISTER_IP],
			.sp = now.values[REGISTER_SP],
			.is_call = is_call,
		};
		struct registers here = now;
		if (frame.pc == 0)
			return;
		enum cfi_result result = step(unwinder, &memory, &frame, &now, &may_move);
		frame.end = result == CFI_CALLER ? now.values[REGISTER_SP] : frame.sp;
		if (!visit(context, &frame, &here) || result != CFI_CALLER ||
		    (frame.end <= frame.sp && !may_move))
			return;
		is_call = !may_move;
	}
}
