/* SPDX-License-Identifier: MIT */
#include "heap/stack/native_reading.h"

#include <stdlib.h>

#include "target/process/tasks.h"
#include "target/stop/hold.h"

/* So often a thread that neither waits nor can be held is tried. */
enum { ATTEMPTS = 6 };

/* Of a stack that is in use, first so much is copied; then all of it that a thread has by
 * default (ulimit -s); then the rest is read where it is; then a frame pointer that is
 * not known is sought. */
enum { COPY_FIRST, COPY_ALL, COPY_AND_REST, COPY_AND_SEEK };
enum { FIRST_ROOM = 256 << 10, COPY_ROOM = 8 << 20 };


static const double DEFAULT_MAX_PAUSE = 0.25;

bool native_reading_init(struct native_reading *reading, struct target *target, bool live,
			 double max_pause)
{
	*reading = (struct native_reading){
		.target = target,
		.live = live,
		.max_pause = max_pause > 0 ? max_pause : DEFAULT_MAX_PAUSE,
		.unwinder = unwinder_new(target),
		.frames = calloc(UNWIND_MOST, sizeof(*reading->frames)),
		.copy = live ? malloc(COPY_ROOM) : NULL,
	};
	if (reading->unwinder && reading->frames && (reading->copy || !live))
		return true;
	native_reading_fini(reading);
	return false;
}

void native_reading_fini(struct native_reading *reading)
{
	unwinder_free(reading->unwinder);
	free(reading->frames);
	free(reading->copy);
	*reading = (struct native_reading){0};
}

struct unwinder *native_reading_take_unwinder(struct native_reading *reading)
{
	return take_pointer(reading->unwinder);
}

static enum unwind_end go_down(struct native_reading *reading, const struct registers *registers,
			       const struct stack_copy *stack)
{
	enum unwind_end end = unwind(reading->unwinder, registers, stack, reading->frames,
				     UNWIND_MOST, &reading->count);
	reading->cut = end != UNWIND_WHOLE;
	return end;
}

/* From the stack pointer up: the part of its mapping that is in use. */
static void copy_stack(struct native_reading *reading, uint64_t sp, unsigned copies,
		       struct stack_copy *ret_stack)
{
	uint64_t most = copies == COPY_FIRST ? FIRST_ROOM : COPY_ROOM;
	/* The red zone below it belongs to it: System V ABI, 3.2.2. */
	uint64_t start = (sp - 128) & ~UINT64_C(7);
	const struct mapping *mapping = maps_find(target_maps(reading->target), sp);
	uint64_t size = !mapping || start < mapping->start ? 0 : mapping->end - start;
	if (size > most)
		size = most;
	if (size && target_read(reading->target, start, reading->copy, size) != FAULT_NONE)
		size = 0;
	*ret_stack = (struct stack_copy){start, reading->copy, size, copies < COPY_AND_REST,
					 copies == COPY_AND_SEEK};
}

/* ---- without a stop --------------------------------------------------------------- */

enum outcome {
	OUTCOME_TAKEN,
	OUTCOME_NEEDS,   /* registers that the kernel does not tell */
	OUTCOME_AWAKE,   /* it does not wait, or did not all the while */
	OUTCOME_AGAIN,   /* with more of the stack */
	OUTCOME_FAILED,
};

static enum outcome outcome_of(enum unwind_end end, bool is_last)
{
	return end == UNWIND_REGISTER			? OUTCOME_NEEDS :
	       end == UNWIND_UNREADABLE && !is_last	? OUTCOME_AGAIN :
							  OUTCOME_TAKEN;
}

static enum outcome take_asleep(struct native_reading *reading, pid_t tid, unsigned copies,
				native_companion *companion, void *context, enum fault *fault)
{
	int proc = target_proc_directory(reading->target);
	struct task task = {.tid = tid};
	struct stack_copy stack;
	bool is_last = copies >= COPY_AND_REST;
	task_look(proc, &task);
	if (task.state == TASK_GONE)
		return OUTCOME_FAILED;
	if (task.state != TASK_ASLEEP || !task.sp || !task.ip)
		return OUTCOME_AWAKE;
	struct registers registers = registers_of_sleeper(task.sp, task.ip);
	copy_stack(reading, task.sp, copies, &stack);
	enum unwind_end end = is_last ? go_down(reading, &registers, &stack) : UNWIND_WHOLE;
	*fault = companion ? companion(context) : FAULT_NONE;
	if (task_runs(proc, tid) != task.runs)
		return OUTCOME_AWAKE;
	if (!is_last)
		end = go_down(reading, &registers, &stack);
	return outcome_of(end, is_last);
}

/* ---- with one --------------------------------------------------------------------- */

static enum outcome take_held(struct native_reading *reading, pid_t tid, bool only_running,
			      unsigned copies, native_companion *companion, void *context,
			      enum fault *fault)
{
	struct hold hold;
	struct stack_copy stack;
	bool is_last = copies >= COPY_AND_REST;
	double pause;
	switch (hold_begin(reading->target, tid, only_running, reading->max_pause, &hold)) {
	case HOLD_HELD:
		break;
	case HOLD_ASLEEP:
		return only_running ? OUTCOME_AWAKE : OUTCOME_FAILED;
	case HOLD_GONE:
	case HOLD_REFUSED:
		return OUTCOME_FAILED;
	}
	copy_stack(reading, hold.registers.values[REGISTER_SP], copies, &stack);
	enum unwind_end end = is_last ? go_down(reading, &hold.registers, &stack) : UNWIND_WHOLE;
	*fault = companion ? companion(context) : FAULT_NONE;
	bool held = hold_end(&hold, &pause);
	reading->pause += pause;
	if (!held)
		return OUTCOME_FAILED;
	if (!is_last)
		end = go_down(reading, &hold.registers, &stack);
	return outcome_of(end, is_last);
}

static bool take_live(struct native_reading *reading, pid_t tid, native_companion *companion,
		      void *context, enum fault *fault)
{
	bool asleep = true, only_running = true;
	unsigned copies = 0;
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		enum outcome outcome =
			asleep ? take_asleep(reading, tid, copies, companion, context, fault)
			       : take_held(reading, tid, only_running, copies, companion, context,
					   fault);
		switch (outcome) {
		case OUTCOME_TAKEN:
			return true;
		case OUTCOME_AWAKE:
			asleep = !asleep;
			break;
		case OUTCOME_NEEDS:
			/* All are known of one that is held: what is lost is lost. */
			if (!asleep)
				return true;
			asleep = only_running = false;
			break;
		case OUTCOME_AGAIN:
			copies++;
			break;
		case OUTCOME_FAILED:
			/* What the kernel told of a thread that must be left alone will do. */
			if (only_running)
				return false;
			copies = COPY_AND_SEEK;
			return take_asleep(reading, tid, copies, companion, context, fault) <=
			       OUTCOME_NEEDS;
		}
	}
	return false;
}

bool native_reading_take(struct native_reading *reading, pid_t tid, native_companion *companion,
			 void *context, enum fault *ret_fault)
{
	reading->count = 0;
	reading->cut = false;
	*ret_fault = FAULT_NONE;
	if (reading->live && tid &&
	    take_live(reading, tid, companion, context, ret_fault))
		return true;
	struct registers registers;
	if (reading->live || !tid || !target_registers(reading->target, tid, &registers)) {
		reading->count = 0;
		*ret_fault = companion ? companion(context) : FAULT_NONE;
		return false;
	}
	struct stack_copy stack = {.seek = true};
	go_down(reading, &registers, &stack);
	*ret_fault = companion ? companion(context) : FAULT_NONE;
	return true;
}
