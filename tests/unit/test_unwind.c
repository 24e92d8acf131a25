/* SPDX-License-Identifier: MIT */
/* Stacks of C: of this very process, out of a copy, and ones that were made to hurt. The
 * target is a fork of it, with the same code at the same addresses. */
#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>

#include "child.h"
#include "native/unwind.h"

enum { MOST = 200, COPY = 1 << 16 };

struct reading {
	struct registers registers;
	uint8_t copy[COPY];
	uint64_t address;
	size_t size;
	bool had_signal;
};

static struct reading reading;
static struct unwinder *unwinder;

static struct registers from_context(const ucontext_t *context)
{
	const greg_t *greg = context->uc_mcontext.gregs;
	struct user_regs_struct user = {
		.rbx = (uint64_t)greg[REG_RBX], .rbp = (uint64_t)greg[REG_RBP],
		.rsp = (uint64_t)greg[REG_RSP], .rip = (uint64_t)greg[REG_RIP],
		.r12 = (uint64_t)greg[REG_R12], .r13 = (uint64_t)greg[REG_R13],
		.r14 = (uint64_t)greg[REG_R14], .r15 = (uint64_t)greg[REG_R15]};
	return registers_from_user(&user);
}

/* The stack from its pointer on, as it is now: later calls write over it. Sanitizers put
 * words into it that nobody is to read. */
__attribute__((noinline, no_sanitize_address)) static void take(const ucontext_t *context, const char *top)
{
	reading.registers = from_context(context);
	reading.address = reading.registers.values[REGISTER_SP] - 128;
	reading.size = (uintptr_t)top - reading.address;
	if (reading.size > COPY)
		reading.size = COPY;
	const volatile uint8_t *stack = (const uint8_t *)(uintptr_t)reading.address;
	for (size_t i = 0; i < reading.size; i++)
		reading.copy[i] = stack[i];
}

static const char *stack_top;

__attribute__((noinline)) static void innermost(int depth)
{
	ucontext_t context;
	getcontext(&context);
	take(&context, stack_top);
	__asm__ volatile("" : : "r"(depth) : "memory");
}

__attribute__((noinline)) static void recursive(int depth)
{
	if (depth)
		recursive(depth - 1);
	else
		innermost(depth);
	__asm__ volatile("" : : "r"(depth) : "memory");
}

static void handle(int number, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	reading.had_signal = true;
	innermost(number);
	__asm__ volatile("" : : : "memory");
}

__attribute__((noinline)) static void interrupted(void)
{
	raise(SIGUSR1);
	__asm__ volatile("" : : : "memory");
}

static size_t unwind_copy(struct native_frame *frames, size_t most, enum unwind_end *ret_end)
{
	struct stack_copy stack = {reading.address, reading.copy, reading.size, true, false};
	size_t count;
	*ret_end = unwind(unwinder, &reading.registers, &stack, frames, most, &count);
	return count;
}

static const char *name_of(const struct native_frame *frame)
{
	size_t count;
	const struct native_name *names =
		unwind_name(unwinder, frame->pc, frame->is_call, &count);
	return names[count - 1].function ?: "?";
}

static struct child child;

static void rest(void *context)
{
	(void)context;
	child_wait();
}

static int set_up(void **state)
{
	static struct target *target;
	child = child_start(rest, NULL);
	struct heapspy_error *error = target_open_process(child.pid, &target);
	assert_null(error);
	unwinder = unwinder_new(target);
	assert_non_null(unwinder);
	*state = target;
	return 0;
}

static int tear_down(void **state)
{
	unwinder_free(unwinder);
	target_free(*state);
	child_end(&child);
	return 0;
}

static void test_names(void **state)
{
	struct native_frame frames[MOST];
	enum unwind_end end;
	(void)state;
	recursive(5);
	size_t count = unwind_copy(frames, MOST, &end);
	assert_true(count > 7);
	assert_string_equal(name_of(&frames[0]), "innermost");
	for (size_t i = 1; i <= 6; i++)
		assert_string_equal(name_of(&frames[i]), "recursive");
	assert_string_equal(name_of(&frames[7]), "test_names");
	assert_false(frames[0].is_call);
	for (size_t i = 1; i < count; i++) {
		assert_true(frames[i].is_call);
		assert_int_equal(frames[i].sp, frames[i - 1].end);
	}
	/* Again, from what is remembered; and no more than there is room for. */
	struct native_frame again[MOST];
	assert_int_equal(unwind_copy(again, MOST, &end), count);
	assert_memory_equal(again, frames, count * sizeof(*frames));
	assert_int_equal(unwind_copy(again, 3, &end), 3);
	assert_int_equal(end, UNWIND_FULL);
}

/* What was interrupted made no call. */
static void test_signal(void **state)
{
	struct native_frame frames[MOST];
	enum unwind_end end;
	(void)state;
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	interrupted();
	assert_true(reading.had_signal);
	size_t count = unwind_copy(frames, MOST, &end);
	assert_string_equal(name_of(&frames[1]), "handle");
	assert_true(frames[2].is_call);
	assert_false(frames[3].is_call);
	bool found = false;
	for (size_t i = 3; i < count; i++)
		found |= strcmp(name_of(&frames[i]), "interrupted") == 0;
	assert_true(found);
}

/* A copy that ends before the stack does. */
static void test_cut(void **state)
{
	struct native_frame frames[MOST];
	enum unwind_end end;
	(void)state;
	recursive(5);
	size_t all = unwind_copy(frames, MOST, &end);
	reading.size = (size_t)(frames[3].end - reading.address) - 8;
	assert_int_equal(unwind_copy(frames, MOST, &end), 4);
	assert_int_equal(end, UNWIND_UNREADABLE);
	assert_true(all > 4);
	reading.registers.known = 0;
	assert_int_equal(unwind_copy(frames, MOST, &end), 0);
	assert_int_equal(end, UNWIND_REGISTER);
}

/* Bytes that make no sense, registers that lead anywhere: it ends, with no more frames
 * than there is room for, and the stack grows with each. */
static void test_nonsense(void **state)
{
	struct native_frame frames[MOST];
	enum unwind_end end;
	(void)state;
	srand(1);
	for (unsigned round = 0; round < 3000; round++) {
		recursive(3);
		struct stack_copy stack = {reading.address, reading.copy, reading.size,
					   round % 2 == 0, round % 3 == 0};
		for (unsigned i = 0; i < 1u << round % 8; i++) {
			size_t at = (size_t)rand() % (reading.size / 8) * 8;
			uint64_t word = round % 5 ? reading.address + (uint64_t)(rand() % COPY)
						  : (uint64_t)rand() << 32 | (uint64_t)rand();
			memcpy(reading.copy + at, &word, sizeof(word));
		}
		if (round % 4 == 0)
			reading.registers.values[(unsigned)rand() % REGISTER_COUNT] =
				reading.address + (uint64_t)(rand() % COPY);
		if (round % 7 == 0)
			reading.registers.known &= (uint32_t)rand() | 1u << REGISTER_SP |
						   1u << REGISTER_IP;
		size_t count;
		end = unwind(unwinder, &reading.registers, &stack, frames, MOST, &count);
		assert_true(count <= MOST && end <= UNWIND_UNREADABLE);
		for (size_t i = 0; i < count; i++)
			name_of(&frames[i]);
	}
}

int main(void)
{
	stack_top = __builtin_frame_address(0);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_signal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cut, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nonsense, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
