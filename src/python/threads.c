/* SPDX-License-Identifier: MIT */
#include "python/threads.h"

#include <stdlib.h>
#include <string.h>

#include "python/attribute.h"
#include "python/dict.h"
#include "python/types.h"
#include "python/unicode.h"

/* ---- thread states --------------------------------------------------------- */

/* One GIL for all up to 3.11; since then interpreters may have their own. */
uint64_t threads_holder(struct python *python, const struct interpreter *interpreter,
			bool *ret_held)
{
	const struct layout *layout = &python->layout;
	uint64_t gil = 0;
	if (HAS(layout, InterpreterState, ceval_gil) && python_since(python, PYTHON_VERSION(3, 12)))
		gil = peek_u64(python->peek,
			       interpreter->address + OFFSET(layout, InterpreterState, ceval_gil));
	else if (HAS(layout, RuntimeState, gil))
		gil = python->address + OFFSET(layout, RuntimeState, gil);
	*ret_held = gil && peek_i32(python->peek, gil + OFFSET(layout, GilState, locked)) == 1;
	return gil ? peek_u64(python->peek, gil + OFFSET(layout, GilState, last_holder)) : 0;
}

/* 0 if none does. */
static uint64_t gil_holder(struct python *python, const struct interpreter *interpreter)
{
	bool held;
	uint64_t holder = threads_holder(python, interpreter, &held);
	return held ? holder : 0;
}

static void reverse(struct thread_states *threads)
{
	for (size_t i = 0; i < threads->count / 2; i++) {
		struct thread_state *other = &threads->items[threads->count - 1 - i];
		struct thread_state state = threads->items[i];
		threads->items[i] = *other;
		*other = state;
	}
}

static bool add(struct thread_states *threads, const struct thread_state *state)
{
	if ((threads->count & (threads->count - 1)) == 0) {
		size_t capacity = threads->count ? threads->count * 2 : 1;
		struct thread_state *items = realloc(threads->items, capacity * sizeof(*items));
		if (!items)
			return false;
		threads->items = items;
	}
	threads->items[threads->count++] = *state;
	return true;
}

enum fault threads_list(struct python *python, const struct interpreter *interpreter,
			struct thread_states *ret_threads)
{
	const struct layout *layout = &python->layout;
	struct peek *peek = python->peek;
	struct thread_states threads = {0};
	peek_take_fault(peek);
	uint64_t holder = gil_holder(python, interpreter);
	uint64_t address = peek_u64(peek, interpreter->address +
						  OFFSET(layout, InterpreterState, threads_head));
	while (address) {
		struct thread_state state = {
			.address = address,
			.ident = peek_u64(peek, address + OFFSET(layout, ThreadState, thread_id)),
			.native_id = HAS(layout, ThreadState, native_thread_id)
					     ? peek_u64(peek, address + OFFSET(layout, ThreadState,
									       native_thread_id))
					     : 0,
			.holds_gil = address == holder,
		};
		uint64_t owner = peek_u64(peek, address + OFFSET(layout, ThreadState, interp));
		if (owner != interpreter->address || threads.count == THREADS_MAX)
			peek_raise(peek, FAULT_STRANGE);
		address = peek_u64(peek, address + OFFSET(layout, ThreadState, next));
		if (!add(&threads, &state))
			peek_raise(peek, FAULT_ABSENT);
	}
	enum fault fault = peek_take_fault(peek);
	if (fault != FAULT_NONE) {
		thread_states_fini(&threads);
		return fault;
	}
	reverse(&threads); /* a new one goes to the head */
	*ret_threads = threads;
	return FAULT_NONE;
}

void thread_states_fini(struct thread_states *threads)
{
	free(threads->items);
	*threads = (struct thread_states){0};
}

/* ---- from pthread_t to TID ----------------------------------------------------- */

/* struct pthread of glibc, x86-64: nptl/descr.h. It begins with a tcbhead_t, which
 * points to itself: sysdeps/x86_64/nptl/tls.h. That of musl begins with itself and, two
 * words later, with the threads before and behind it: src/internal/pthread_impl.h. */
enum {
	GLIBC_SELF = 0x10,
	MUSL_NEXT = 0x18,
	GLIBC_TID = 0x2d0,
	PTHREAD_BYTES = 1024,
	MOST_TID = 1 << 22, /* PID_MAX_LIMIT: include/linux/threads.h of the kernel */
};

static uint64_t only_task_in(const uint32_t *words, size_t count, thread_is_task *is_task,
			     void *context)
{
	uint64_t found = 0;
	for (size_t i = 0; i < count; i++) {
		if (!words[i] || words[i] == found || !is_task(context, words[i]))
			continue;
		if (found)
			return 0;
		found = words[i];
	}
	return found;
}

uint64_t threads_native_id(struct python *python, uint64_t ident, thread_is_task *is_task,
			   void *context)
{
	struct peek *peek = python->peek;
	peek_take_fault(peek);
	uint64_t self = peek_u64(peek, ident + GLIBC_SELF);
	uint64_t next = peek_u64(peek, ident + MUSL_NEXT);
	uint64_t tid = peek_u32(peek, ident + GLIBC_TID);
	bool is_glibc = peek_take_fault(peek) == FAULT_NONE && self == ident && next != ident;
	if (is_glibc && is_task(context, tid))
		return tid;
	/* The kernel clears it at the end of a thread; one that has just begun is not among
	 * the tasks. In a PID namespace any small number would be taken for a thread. */
	if (is_glibc && tid <= MOST_TID)
		return 0;
	/* Another C library keeps it elsewhere. */
	uint32_t words[PTHREAD_BYTES / 4];
	peek_bytes(peek, ident, words, sizeof(words));
	if (peek_take_fault(peek) != FAULT_NONE)
		return 0;
	return only_task_in(words, PTHREAD_BYTES / 4, is_task, context);
}

/* ---- names ------------------------------------------------------------------------ */

static uint64_t flags_of(struct python *python, uint64_t object)
{
	const struct layout *layout = &python->layout;
	uint64_t type = peek_u64(python->peek, object + OFFSET(layout, Object, ob_type));
	return peek_u64(python->peek, type + OFFSET(layout, TypeObject, tp_flags));
}

/* The value of a positive int of at most 64 bits, 0 for all else. */
static uint64_t int_value(struct python *python, uint64_t object)
{
	const struct layout *layout = &python->layout;
	if (!(flags_of(python, object) & TYPE_LONG_SUBCLASS))
		return 0;
	/* The sign, 0 for positive, is in the lowest bits: Include/internal/pycore_long.h. */
	uint64_t digits = peek_u64(python->peek, object + OFFSET(layout, VarObject, ob_size));
	if (HAS(layout, LongObject, lv_tag)) {
		uint64_t tag = peek_u64(python->peek, object + OFFSET(layout, LongObject, lv_tag));
		digits = tag & 3 ? 0 : tag >> 3;
	}
	uint64_t value = 0;
	for (uint64_t i = 0; i < digits && digits <= 3; i++) {
		uint64_t at = object + (uint64_t)OFFSET(layout, LongObject, ob_digit) + 4 * i;
		value |= (uint64_t)peek_u32(python->peek, at) << 30 * i;
	}
	return value;
}

/* Reads that names may take in all: of as many threads as there can be, a few dozen each. */
#define MOST_READS (16u << 20)

struct name_visit {
	struct python *python;
	uint64_t last_read;
	void (*visit)(void *context, uint64_t ident, char *name);
	void *context;
};

/* An entry of threading._active: ident -> Thread. */
static bool visit_thread(void *context, uint64_t key, uint64_t value)
{
	struct name_visit *visit = context;
	struct python *python = visit->python;
	if (peek_reads(python->peek) > visit->last_read)
		return false;
	uint64_t ident = int_value(python, key);
	uint64_t text = ident ? attribute_find(python, value, "_name") : 0;
	char *name = text && flags_of(python, text) & TYPE_UNICODE_SUBCLASS
			     ? unicode_read(python->peek, &python->layout, text)
			     : NULL;
	/* A name that cannot be read is missing, and only that. */
	if (peek_take_fault(python->peek) == FAULT_NONE && name)
		visit->visit(visit->context, ident, name);
	else
		free(name);
	return true;
}

static bool is_dict(struct python *python, uint64_t object)
{
	return object && flags_of(python, object) & TYPE_DICT_SUBCLASS;
}

void threads_visit_names(struct python *python, const struct interpreter *interpreter,
			 void (*visit)(void *context, uint64_t ident, char *name), void *context)
{
	const struct layout *layout = &python->layout;
	struct peek *peek = python->peek;
	peek_take_fault(peek);
	uint64_t modules =
		peek_u64(peek, interpreter->address + OFFSET(layout, InterpreterState, modules));
	uint64_t module =
		is_dict(python, modules) ? dict_find(peek, layout, modules, "threading") : 0;
	uint64_t dict = module ? peek_u64(peek, module + OFFSET(layout, ModuleObject, md_dict)) : 0;
	uint64_t active = is_dict(python, dict) ? dict_find(peek, layout, dict, "_active") : 0;
	struct name_visit how = {python, peek_reads(peek) + MOST_READS, visit, context};
	if (peek_take_fault(peek) == FAULT_NONE && is_dict(python, active))
		dict_visit(peek, layout, active, THREADS_MAX, visit_thread, &how);
	peek_take_fault(peek);
}
