/* SPDX-License-Identifier: MIT */
/*
 * The stack of C of a thread, from its registers and its stack.
 *
 * Nothing is asked of the thread itself: registers come from whoever has them (the
 * kernel, a core, perf), and so may the stack, in a copy. The rest comes from the files
 * that are mapped, found as elf/module.h finds them: how to get from a function to its
 * caller from .eh_frame, which stripped files have too. What an address was found to mean
 * is remembered: the second time a frame costs a tenth of a microsecond, and a name less.
 *
 * Finding the frames and naming them are apart: keep the addresses, and name them later,
 * as long as the target still has the same files mapped.
 *
 * One thread at a time.
 */
#ifndef NATIVE_UNWIND_H
#define NATIVE_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "target/registers.h"
#include "target/target.h"

struct unwinder;

/* NULL without memory. `target` must outlive the last unwind(), and unwind_name() of
 * addresses that were not named before; not more. */
struct unwinder *unwinder_new(struct target *target);
void unwinder_free(struct unwinder *unwinder);
DEFINE_CLEANUP(struct unwinder *, unwinder_free)

/* A piece of the stack, as it was when the registers were read. */
struct stack_copy {
	uint64_t address;
	const uint8_t *bytes; /* NULL: there is no copy, all is read from the target */
	size_t size;
	bool alone; /* what is not in it is not to be read: the stack changed since. Else words
		       outside of it are read from the target */
	bool seek;  /* where a frame pointer is needed that is not known, look for it in the
		       stack, and take it if what it leads to is a stack */
};

struct native_frame {
	uint64_t pc;  /* where it goes on: a return address, but in the newest frame */
	uint64_t sp;  /* its stack pointer there */
	uint64_t end; /* where its stack ends: the stack pointer of its caller */
	bool is_call; /* pc is a return address: what is being executed lies before it */
};

enum { UNWIND_MOST = 1 << 16 };

enum unwind_end {
	UNWIND_WHOLE,      /* down to where the thread began */
	UNWIND_FULL,       /* there are more than fit */
	UNWIND_LOST,       /* code that nothing is known of, or damaged */
	UNWIND_REGISTER,   /* a register would be needed that is not known: ask with all */
	UNWIND_UNREADABLE, /* a part of the stack cannot be had, or is not in the copy */
};

/* Newest frame first; `frames` has room for `most`. The frames before whatever end are
 * good. */
enum unwind_end unwind(struct unwinder *unwinder, const struct registers *registers,
		       const struct stack_copy *stack, struct native_frame *frames, size_t most,
		       size_t *ret_count);

/* Called for each frame, newest first, with its registers as far as they are known. False:
 * that is enough. */
typedef bool unwind_visitor(void *context, const struct native_frame *frame,
			    const struct registers *registers);
void unwind_visit(struct unwinder *unwinder, const struct registers *registers,
		  const struct stack_copy *stack, unwind_visitor *visit, void *context);

/* What is at an address. */
struct native_name {
	const char *function; /* NULL: no symbol says; sanitised, as all texts here */
	const char *module;   /* path of its file as the target sees it; NULL: in none */
	uint64_t offset;      /* of the address from where the function begins; 0: not known */
	uint64_t module_offset; /* of it in the file, as its symbols count; 0: not known */
	const char *file;     /* of the source; NULL: no debug information */
	int line;             /* 0: not known */
	bool inlined;         /* put in line into the next one */
	bool tail_call;       /* it is on the stack no more: its last call took its place */
	uint64_t address;     /* that this is of */
};

/* Newest first: what was put in line there, and last the function itself. Never NULL, at
 * least one (which may say nothing). They live as long as the unwinder, texts too. */
const struct native_name *unwind_name(struct unwinder *unwinder, uint64_t pc, bool is_call,
				      size_t *ret_count);

/* Of two frames one of which seems to have called the other: the functions between them
 * that are on the stack no more, newest first; as far as debug information tells, and
 * where there is but one way. `callee` is the newer one. May be NULL with a count of 0. */
const struct native_name *unwind_tail_calls(struct unwinder *unwinder,
					    const struct native_frame *callee,
					    const struct native_frame *caller, size_t *ret_count);

#endif
