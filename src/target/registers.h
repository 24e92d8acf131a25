/* SPDX-License-Identifier: MIT */
/*
 * The registers of a thread that its stack is unwound from, by their numbers in DWARF
 * (System V ABI for AMD64, figure 3.36). Not all need be known: of a thread that waits in
 * a system call the kernel tells two without stopping it, and of a caller only those are
 * left that its callees saved.
 */
#ifndef TARGET_REGISTERS_H
#define TARGET_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

enum { REGISTER_BX = 3, REGISTER_BP = 6, REGISTER_SP = 7, REGISTER_IP = 16, REGISTER_COUNT = 17 };

struct registers {
	uint64_t values[REGISTER_COUNT];
	uint32_t known; /* a bit for each */
};

static inline bool registers_know(const struct registers *registers, unsigned number)
{
	return number < REGISTER_COUNT && registers->known >> number & 1;
}

static inline void registers_set(struct registers *registers, unsigned number, uint64_t value)
{
	registers->values[number] = value;
	registers->known |= UINT32_C(1) << number;
}

/* As ptrace(2), perf and the notes of cores have them. */
static inline struct registers registers_from_user(const struct user_regs_struct *user)
{
	return (struct registers){
		.values = {user->rax, user->rdx, user->rcx, user->rbx, user->rsi, user->rdi,
			   user->rbp, user->rsp, user->r8, user->r9, user->r10, user->r11,
			   user->r12, user->r13, user->r14, user->r15, user->rip},
		.known = (UINT32_C(1) << REGISTER_COUNT) - 1,
	};
}

/* Those that are known. The flags only if all are: they never are zero. */
static inline void registers_to_user(const struct registers *registers,
				     struct user_regs_struct *user)
{
	unsigned long long *const fields[REGISTER_COUNT] = {
		&user->rax, &user->rdx, &user->rcx, &user->rbx, &user->rsi, &user->rdi,
		&user->rbp, &user->rsp, &user->r8,  &user->r9,	&user->r10, &user->r11,
		&user->r12, &user->r13, &user->r14, &user->r15, &user->rip};
	for (unsigned i = 0; i < REGISTER_COUNT; i++)
		if (registers_know(registers, i))
			*fields[i] = registers->values[i];
	user->eflags = registers->known == (UINT32_C(1) << REGISTER_COUNT) - 1 ? 2 : 0;
}

/* The two that the kernel tells of a thread which waits. */
static inline struct registers registers_of_sleeper(uint64_t sp, uint64_t ip)
{
	struct registers registers = {.known = 0};
	registers_set(&registers, REGISTER_SP, sp);
	registers_set(&registers, REGISTER_IP, ip);
	return registers;
}

/* Of one thread of several. */
struct thread_registers {
	pid_t tid;
	struct registers registers;
};

#endif
