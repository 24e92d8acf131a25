/* SPDX-License-Identifier: MIT */
#include <heapspy/gc.h>

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "heap/attach.h"
#include "python/gc.h"

/* A counter that changes while it is read is read again. */
#define ATTEMPTS 3

static enum fault read_all(struct python *python, struct heapspy_interpreter *interpreters)
{
	for (size_t i = 0; i < python->interpreter_count; i++) {
		interpreters[i].id = python->interpreters[i].id;
		enum fault fault = gc_read(python->peek, &python->layout, python->interpreters[i].gc,
					   &interpreters[i].gc);
		if (fault != FAULT_NONE)
			return fault;
	}
	return FAULT_NONE;
}

static enum fault read_once(struct python *python, struct heapspy_interpreter **ret_interpreters)
{
	peek_forget(python->peek);
	enum fault fault = python_list_interpreters(python);
	if (fault != FAULT_NONE)
		return fault;
	struct heapspy_interpreter *interpreters =
		calloc(python->interpreter_count, sizeof(*interpreters));
	if (!interpreters)
		return FAULT_ABSENT;
	fault = read_all(python, interpreters);
	if (fault == FAULT_NONE)
		*ret_interpreters = interpreters;
	else
		free(interpreters);
	return fault;
}

struct heapspy_error *heapspy_gc_read(struct heapspy *heapspy, struct heapspy_gc_reading *ret_reading)
{
	struct python *python = heapspy->python;
	struct heapspy_gc_reading reading = {.mode = attach_mode(heapspy), .time = attach_time(heapspy)};
	double start = clock_monotonic();
	enum fault fault = FAULT_NONE;
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		fault = read_once(python, &reading.interpreters);
		if (fault == FAULT_NONE || fault == FAULT_GONE)
			break;
	}
	struct heapspy_error *error = attach_verify(heapspy);
	if (!error && fault != FAULT_NONE)
		error = error_from_fault(fault, python->interpreters[0].gc,
					 "cannot read the collector of %s",
					 target_name(heapspy->target));
	if (error) {
		if (fault == FAULT_NONE)
			free(reading.interpreters);
		return error;
	}
	reading.interpreter_count = python->interpreter_count;
	reading.duration = clock_monotonic() - start;
	*ret_reading = reading;
	return NULL;
}

void heapspy_gc_reading_fini(struct heapspy_gc_reading *reading)
{
	free(reading->interpreters);
	*reading = (struct heapspy_gc_reading){0};
}
