/* SPDX-License-Identifier: MIT */
/*
 * The arguments of a core's program.
 *
 * The note has the first 80 characters, with blanks between them. The whole lies
 * on the stack where the kernel put it: argc, argv, NULL, the environment, NULL,
 * and the auxiliary vector, which is also a note of the core, and so is found by
 * its bytes. create_elf_tables() in fs/binfmt_elf.c of the kernel.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "target/core/private.h"
#include "target/peek.h"

/* The pointers of 2 MiB of arguments that have 8 bytes each: a quarter of an 8 MiB
 * stack is the limit for both. */
#define MAX_STACK ((size_t)4 << 20)
#define MAX_ARGUMENT ((size_t)128 << 10)

static char **one_argument(char *text)
{
	char **command = text ? calloc(2, sizeof(*command)) : NULL;
	if (command)
		command[0] = text;
	else
		free(text);
	return command;
}

static char **from_note(const struct core_process *process)
{
	const struct elf_prpsinfo *psinfo = &process->psinfo;
	if (!process->has_psinfo)
		return calloc(1, sizeof(char *));
	size_t length = strnlen(psinfo->pr_psargs, sizeof(psinfo->pr_psargs));
	while (length && psinfo->pr_psargs[length - 1] == ' ')
		length--;
	return one_argument(text_from_bytes(psinfo->pr_psargs, length));
}

/* The end of the stack, from what may be argc on. */
struct stack {
	uint64_t address;
	uint64_t *words;
	size_t count;
};

static bool read_stack(struct target *target, const struct core_process *process,
		       struct stack *ret_stack)
{
	uint64_t top = core_process_auxv(process, AT_RANDOM);
	const struct mapping *mapping = top ? maps_find(target_maps(target), top) : NULL;
	if (!mapping)
		return false;
	top &= ~UINT64_C(7);
	size_t length = top - mapping->start < MAX_STACK ? top - mapping->start : MAX_STACK;
	struct stack stack = {
		.address = top - length, .words = malloc(length + 1), .count = length / 8};
	size_t covered;
	if (!stack.words ||
	    target_read_some(target, stack.address, stack.words, length, &covered) != FAULT_NONE) {
		free(stack.words);
		return false;
	}
	*ret_stack = stack;
	return true;
}

/* Index of the auxiliary vector; 0 where it is not found. */
static size_t find_vector(const struct stack *stack, const struct core_process *process)
{
	size_t words = 2 * process->auxv_count;
	if (words < 8)
		return 0;
	for (size_t at = stack->count; at-- > 0;)
		if (words <= stack->count - at && stack->words[at] == process->auxv[0] &&
		    memcmp(&stack->words[at], process->auxv, words * 8) == 0)
			return at;
	return 0;
}

/* Index of argv, and argc. Behind argv stand a NULL, the environment and a NULL. */
static bool find_arguments(const struct stack *stack, size_t vector, size_t *ret_first,
			   size_t *ret_count)
{
	if (vector < 3 || stack->words[vector - 1] != 0)
		return false;
	size_t end = vector - 2; /* of argv: the NULL before the environment */
	while (end > 0 && stack->words[end] != 0)
		end--;
	for (size_t count = 1; count < end; count++) {
		if (stack->words[end - count - 1] == count) {
			*ret_first = end - count;
			*ret_count = count;
			return true;
		}
	}
	return false;
}

static char **read_arguments(struct target *target, const uint64_t *pointers, size_t count)
{
	CLEANUP(peek_freep) struct peek *peek = peek_new(target);
	CLEANUP(freep) char *raw = malloc(MAX_ARGUMENT);
	char **command = calloc(count + 1, sizeof(*command));
	for (size_t i = 0; peek && raw && command && i < count; i++) {
		peek_string(peek, pointers[i], raw, MAX_ARGUMENT);
		if (peek_take_fault(peek) != FAULT_NONE ||
		    !(command[i] = text_from_bytes(raw, strlen(raw))))
			break;
	}
	if (command && command[count - 1])
		return command;
	for (size_t i = 0; command && i < count; i++)
		free(command[i]);
	free(command);
	return NULL;
}

static char **from_stack(struct target *target, const struct core_process *process)
{
	struct stack stack;
	if (!read_stack(target, process, &stack))
		return NULL;
	size_t first, count, vector = find_vector(&stack, process);
	char **command = NULL;
	if (vector && find_arguments(&stack, vector, &first, &count))
		command = read_arguments(target, &stack.words[first], count);
	free(stack.words);
	return command;
}

char **target_core_command(struct target *target)
{
	const struct core_facts *facts = target_core_facts(target);
	if (!facts)
		return calloc(1, sizeof(char *));
	return from_stack(target, &facts->process) ?: from_note(&facts->process);
}
