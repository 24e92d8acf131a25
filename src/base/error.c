/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct heapspy_error no_memory = {
	.code = HEAPSPY_LIMIT,
	.what = (char *)"out of memory",
	.why = (char *)"the system gives heapspy no more: a limit (ulimit -v), its control group, or "
		       "none is left",
};

int heapspy_exit_status(enum heapspy_code code)
{
	static const int statuses[] = {
#define X(name, exit_status, json_name) [HEAPSPY_##name] = exit_status,
		HEAPSPY_ERROR_CODES(X)
#undef X
	};
	return statuses[code];
}

const char *heapspy_code_name(enum heapspy_code code)
{
	static const char *const names[] = {
#define X(name, exit_status, json_name) [HEAPSPY_##name] = json_name,
		HEAPSPY_ERROR_CODES(X)
#undef X
	};
	return names[code];
}

void heapspy_error_free(struct heapspy_error *error)
{
	if (!error || error == &no_memory)
		return;
	free(error->what);
	free(error->why);
	free(error->remedy);
	free(error);
}

struct heapspy_error *error_no_memory(void)
{
	return &no_memory;
}

HEAPSPY_PRINTF(2, 0)
static struct heapspy_error *new_error(enum heapspy_code code, const char *what, va_list arguments)
{
	struct heapspy_error *error = calloc(1, sizeof(*error));
	if (!error)
		return &no_memory;
	error->code = code;
	if (vasprintf(&error->what, what, arguments) < 0) {
		free(error);
		return &no_memory;
	}
	return error;
}

struct heapspy_error *error_new(enum heapspy_code code, const char *what, ...)
{
	va_list arguments;
	va_start(arguments, what);
	struct heapspy_error *error = new_error(code, what, arguments);
	va_end(arguments);
	return error;
}

struct heapspy_error *error_errno(enum heapspy_code code, int errnum, const char *what, ...)
{
	va_list arguments;
	va_start(arguments, what);
	struct heapspy_error *error = new_error(code, what, arguments);
	va_end(arguments);
	if (error != &no_memory)
		error->errnum = errnum;
	return error_why(error, "%s", strerrordesc_np(errnum) ?: "unknown error");
}

/* Text that cannot be had for want of memory is left out. */
static void replace(char **text, char *next)
{
	if (next) {
		free(*text);
		*text = next;
	}
}

struct heapspy_error *error_why(struct heapspy_error *error, const char *why, ...)
{
	if (error == &no_memory)
		return error;
	va_list arguments;
	va_start(arguments, why);
	char *text = NULL;
	if (vasprintf(&text, why, arguments) >= 0)
		replace(&error->why, text);
	va_end(arguments);
	return error;
}

struct heapspy_error *error_remedy(struct heapspy_error *error, const char *remedy, ...)
{
	if (error == &no_memory)
		return error;
	va_list arguments;
	va_start(arguments, remedy);
	char *line = NULL, *text = NULL;
	if (vasprintf(&line, remedy, arguments) >= 0) {
		if (asprintf(&text, "%s%s%s", error->remedy ?: "", error->remedy ? "\n" : "", line) >= 0)
			replace(&error->remedy, text);
		free(line);
	}
	va_end(arguments);
	return error;
}

struct heapspy_error *error_from_fault(enum fault fault, uint64_t address, const char *what, ...)
{
	static const struct {
		enum heapspy_code code;
		const char *why;
	} faults[] = {
		[FAULT_NONE] = {HEAPSPY_BUG, "no fault"},
		[FAULT_GONE] = {HEAPSPY_GONE, "the process ended or became another program"},
		[FAULT_DENIED] = {HEAPSPY_PERMISSION, "the kernel refuses to show its memory"},
		[FAULT_UNMAPPED] = {HEAPSPY_INCOMPLETE, "nothing is mapped there"},
		[FAULT_ABSENT] = {HEAPSPY_INCOMPLETE, "it is swapped out or not in the file"},
		[FAULT_TORN] = {HEAPSPY_INCOMPLETE, "it changed while it was read"},
		[FAULT_STRANGE] = {HEAPSPY_INCOMPLETE, "it contradicts itself"},
	};
	va_list arguments;
	va_start(arguments, what);
	struct heapspy_error *error = new_error(faults[fault].code, what, arguments);
	va_end(arguments);
	if (error != &no_memory)
		error->address = address;
	return error_why(error, "%s", faults[fault].why);
}
