/* SPDX-License-Identifier: MIT */
/*
 * How functions are left, and what they are called, from a program file: stacks of C.
 * The input is the file; its last bytes are the first registers and the stack.
 */
#include <stdlib.h>
#include <string.h>

#include "elf/cfi.h"
#include "elf/symbols.h"
#include "exercise.h"
#include "harness.h"
#include "target/fake.h"

enum { MOST_STEPS = 32, ADDRESSES = 24 };

static const uint64_t BASE = 0x7f0000010000;

struct stack {
	const uint8_t *bytes;
	size_t length;
};

/* Any address leads somewhere. */
static bool read_word(void *context, uint64_t address, uint64_t *ret_word)
{
	const struct stack *stack = context;
	if (stack->length < 8 || address % 64 == 63)
		return false;
	memcpy(ret_word, stack->bytes + address % (stack->length - 7), sizeof(*ret_word));
	return true;
}

static void unwind(struct cfi *cfi, struct stack *stack, uint64_t address)
{
	struct registers registers = {.known = 0};
	registers_set(&registers, REGISTER_SP, 0x7ffc00000000);
	registers_set(&registers, REGISTER_BP, 0x7ffc00000040);
	registers_set(&registers, REGISTER_IP, address);
	bool is_signal = false;
	for (unsigned i = 0; i < MOST_STEPS; i++) {
		uint64_t at = registers.values[REGISTER_IP] - (i && !is_signal);
		if (cfi_step(cfi, at, &registers, read_word, stack, &is_signal) != CFI_CALLER)
			break;
	}
}

static void read_module(struct elf_module *module, struct stack *stack, size_t mapped)
{
	struct symbols *symbols = symbols_new(module);
	struct cfi *cfi = cfi_new(module);
	for (unsigned i = 0; i < ADDRESSES; i++) {
		uint64_t address = BASE + (uint64_t)i * mapped / ADDRESSES + i, start;
		const char *name;
		if (symbols && symbols_find(symbols, address, &name, &start)) {
			REQUIRE(start <= address);
			REQUIRE(strlen(name) < mapped);
		}
		if (cfi)
			unwind(cfi, stack, address);
	}
	cfi_free(cfi);
	symbols_free(symbols);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	size_t mapped = (length + 4095) & ~(size_t)4095;
	uint8_t *bytes = calloc(1, mapped + 1);
	REQUIRE(bytes != NULL);
	if (length)
		memcpy(bytes, input, length);
	struct fake_piece piece = {
	    .address = BASE,
	    .length = mapped,
	    .bytes = bytes,
	    .path = "/lib/file.so",
	    .inode = 3,
	    .flags = MAPPING_READ | MAPPING_EXEC,
	};
	CLEANUP(target_freep) struct target *target = fake_target_new(&piece, mapped != 0);
	REQUIRE(target != NULL);
	size_t tail = length < 256 ? length : 256;
	struct stack stack = {input + length - tail, tail};
	struct elf_module *module;
	struct heapspy_error *error =
	    mapped ? elf_module_open(target, &target_maps(target)->items[0], &module) : NULL;
	exercise_error(error);
	if (mapped && !error) {
		read_module(module, &stack, mapped);
		elf_module_free(module);
	}
	free(bytes);
	return 0;
}
