/* SPDX-License-Identifier: MIT */
/* What call frame information says, done: DWARF 5, 6.4.3, and expressions, 2.5. */
#include <dwarf.h>

#include "elf/cfi_private.h"

enum { MOST_STEPS = 256, STACK = 32 };

struct evaluation {
	const struct registers *registers;
	cfi_reader *read;
	void *context;
	uint64_t stack[STACK];
	size_t depth;
	enum cfi_result result;
};

static void push(struct evaluation *evaluation, uint64_t value)
{
	if (evaluation->depth < STACK)
		evaluation->stack[evaluation->depth++] = value;
	else
		evaluation->result = CFI_UNREADABLE;
}

static uint64_t pop(struct evaluation *evaluation)
{
	if (evaluation->depth)
		return evaluation->stack[--evaluation->depth];
	evaluation->result = CFI_UNREADABLE;
	return 0;
}

static void push_register(struct evaluation *evaluation, uint64_t number, uint64_t offset)
{
	if (number < REGISTER_COUNT && registers_know(evaluation->registers, (unsigned)number))
		push(evaluation, evaluation->registers->values[number] + offset);
	else
		evaluation->result = CFI_UNKNOWN;
}

static void push_memory(struct evaluation *evaluation, uint64_t size)
{
	uint64_t word, address = pop(evaluation);
	if (size == 0 || size > 8 || evaluation->result != CFI_CALLER ||
	    !evaluation->read(evaluation->context, address, &word)) {
		evaluation->result = CFI_UNREADABLE;
		return;
	}
	push(evaluation, size == 8 ? word : word & ((UINT64_C(1) << 8 * size) - 1));
}

/* Those that take two and leave one. */
static bool compute(struct evaluation *evaluation, uint8_t code)
{
	if (evaluation->depth < 2)
		return false;
	uint64_t right = evaluation->stack[evaluation->depth - 1];
	uint64_t left = evaluation->stack[evaluation->depth - 2];
	int64_t a = (int64_t)left, b = (int64_t)right;
	uint64_t value;
	switch (code) {
	case DW_OP_and: value = left & right; break;
	case DW_OP_or: value = left | right; break;
	case DW_OP_xor: value = left ^ right; break;
	case DW_OP_plus: value = left + right; break;
	case DW_OP_minus: value = left - right; break;
	case DW_OP_mul: value = left * right; break;
	case DW_OP_shl: value = right < 64 ? left << right : 0; break;
	case DW_OP_shr: value = right < 64 ? left >> right : 0; break;
	case DW_OP_shra: value = (uint64_t)(a >> (right < 64 ? right : 63)); break;
	case DW_OP_eq: value = left == right; break;
	case DW_OP_ne: value = left != right; break;
	case DW_OP_ge: value = a >= b; break;
	case DW_OP_gt: value = a > b; break;
	case DW_OP_le: value = a <= b; break;
	case DW_OP_lt: value = a < b; break;
	default: return false;
	}
	evaluation->depth -= 2;
	push(evaluation, value);
	return true;
}

static void stir(struct evaluation *evaluation, const struct cfi_operation *operation)
{
	size_t depth = evaluation->depth;
	uint64_t *stack = evaluation->stack;
	uint64_t picked = operation->code == DW_OP_pick ? operation->number :
			  operation->code == DW_OP_over ? 1 : 0;
	if (depth < 1 || picked >= depth || (operation->code == DW_OP_swap && depth < 2)) {
		evaluation->result = CFI_UNREADABLE;
	} else if (operation->code == DW_OP_swap) {
		uint64_t top = stack[depth - 1];
		stack[depth - 1] = stack[depth - 2];
		stack[depth - 2] = top;
	} else {
		push(evaluation, stack[depth - 1 - picked]);
	}
}

/* What has no effect on where to go on. */
static void execute(struct evaluation *evaluation, const struct cfi_operation *operation)
{
	uint8_t code = operation->code;
	if (code >= DW_OP_lit0 && code <= DW_OP_lit31) {
		push(evaluation, code - DW_OP_lit0);
		return;
	}
	if (code >= DW_OP_breg0 && code <= DW_OP_breg31) {
		push_register(evaluation, code - DW_OP_breg0, operation->number);
		return;
	}
	switch (code) {
	case DW_OP_addr: case DW_OP_const1u: case DW_OP_const1s: case DW_OP_const2u:
	case DW_OP_const2s: case DW_OP_const4u: case DW_OP_const4s: case DW_OP_const8u:
	case DW_OP_const8s: case DW_OP_constu: case DW_OP_consts:
		push(evaluation, operation->number);
		break;
	case DW_OP_bregx: push_register(evaluation, operation->number, operation->number2); break;
	case DW_OP_deref: push_memory(evaluation, 8); break;
	case DW_OP_deref_size: push_memory(evaluation, operation->number); break;
	case DW_OP_plus_uconst: push(evaluation, pop(evaluation) + operation->number); break;
	case DW_OP_neg: push(evaluation, -pop(evaluation)); break;
	case DW_OP_not: push(evaluation, ~pop(evaluation)); break;
	case DW_OP_drop: pop(evaluation); break;
	case DW_OP_dup: case DW_OP_over: case DW_OP_pick: case DW_OP_swap:
		stir(evaluation, operation);
		break;
	case DW_OP_nop: break;
	default:
		if (!compute(evaluation, code))
			evaluation->result = CFI_UNREADABLE;
	}
}

/* Where a branch leads: libdw names operations by their offset, and gives the distance
 * from the operation behind the branch, which is three bytes long. */
static size_t branch(const struct cfi_operation *operations, size_t count, size_t at)
{
	uint64_t offset = operations[at].offset + 3 + (uint64_t)(int16_t)operations[at].number;
	for (size_t i = 0; i < count; i++)
		if (operations[i].offset == offset)
			return i;
	return count;
}

/* With the CFA on the stack, where there is one already. */
static uint64_t evaluate(struct evaluation *evaluation, const struct cfi_row *row,
			 const struct cfi_rule *rule, const uint64_t *cfa)
{
	const struct cfi_operation *operations = row->operations + rule->number;
	evaluation->depth = 0;
	unsigned steps = 0;
	for (size_t i = 0; i < rule->length && evaluation->result == CFI_CALLER; steps++) {
		uint8_t code = operations[i].code;
		if (steps == MOST_STEPS) {
			evaluation->result = CFI_UNREADABLE;
		} else if (code == DW_OP_call_frame_cfa && cfa) {
			push(evaluation, *cfa);
			i++;
		} else if (code == DW_OP_skip || (code == DW_OP_bra && pop(evaluation))) {
			i = branch(operations, rule->length, i);
		} else {
			if (code != DW_OP_bra)
				execute(evaluation, &operations[i]);
			i++;
		}
	}
	return pop(evaluation);
}

static enum cfi_result fetch(struct evaluation *evaluation, uint64_t address,
			     struct registers *caller, unsigned number)
{
	uint64_t word;
	if (!evaluation->read(evaluation->context, address, &word))
		return CFI_UNREADABLE;
	registers_set(caller, number, word);
	return CFI_CALLER;
}

static enum cfi_result restore(struct evaluation *evaluation, const struct cfi_row *row,
			       unsigned number, uint64_t cfa, struct registers *caller)
{
	const struct cfi_rule *rule = &row->rules[number];
	const struct registers *registers = evaluation->registers;
	unsigned source = rule->kind == CFI_IN ? rule->in : number;
	uint64_t value;
	switch ((enum cfi_rule_kind)rule->kind) {
	case CFI_LOST:
		break;
	case CFI_SAME:
	case CFI_IN:
		if (registers_know(registers, source))
			registers_set(caller, number, registers->values[source] +
							      (uint64_t)rule->number);
		break;
	case CFI_SAVED_AT:
		return fetch(evaluation, cfa + (uint64_t)rule->number, caller, number);
	case CFI_IS:
		registers_set(caller, number, cfa + (uint64_t)rule->number);
		break;
	case CFI_SAVED_AT_RESULT:
	case CFI_IS_RESULT:
		evaluation->result = CFI_CALLER;
		value = evaluate(evaluation, row, rule, &cfa);
		if (evaluation->result != CFI_CALLER)
			return evaluation->result;
		if (rule->kind == CFI_SAVED_AT_RESULT)
			return fetch(evaluation, value, caller, number);
		registers_set(caller, number, value);
		break;
	}
	return CFI_CALLER;
}

enum cfi_result cfi_apply(const struct cfi_row *row, struct registers *registers, cfi_reader *read,
			  void *context)
{
	struct evaluation evaluation = {
		.registers = registers, .read = read, .context = context, .result = CFI_CALLER};
	uint64_t cfa;
	if (row->cfa.kind == CFI_IN) {
		if (!registers_know(registers, row->cfa.in))
			return CFI_UNKNOWN;
		cfa = registers->values[row->cfa.in] + (uint64_t)row->cfa.number;
	} else {
		cfa = evaluate(&evaluation, row, &row->cfa, NULL);
		if (evaluation.result != CFI_CALLER)
			return evaluation.result;
	}
	if (row->rules[REGISTER_IP].kind == CFI_LOST)
		return CFI_OUTERMOST;

	/* Without the return address nothing can go on; other registers may be lost. */
	struct registers caller = {.known = 0};
	enum cfi_result result = restore(&evaluation, row, REGISTER_IP, cfa, &caller);
	if (result != CFI_CALLER)
		return result;
	for (unsigned i = 0; i < REGISTER_IP; i++)
		restore(&evaluation, row, i, cfa, &caller);
	/* The stack pointer is the CFA unless a rule says otherwise: only libdw for some
	 * machines has one. */
	if (row->rules[REGISTER_SP].kind == CFI_LOST || row->rules[REGISTER_SP].kind == CFI_SAME)
		registers_set(&caller, REGISTER_SP, cfa);
	if (!registers_know(&caller, REGISTER_IP) || !registers_know(&caller, REGISTER_SP))
		return CFI_UNKNOWN;
	*registers = caller;
	return CFI_CALLER;
}
