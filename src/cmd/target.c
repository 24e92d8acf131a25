/* SPDX-License-Identifier: MIT */
#include "cmd/target.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/sandbox.h"

struct heapspy_error *target_set(struct options *options, const struct command *command,
				 const char *text)
{
	bool is_number = *text && !text[strspn(text, "0123456789")];
	if (is_number)
		return options_set(options, OPTION_PID, command, text);
	if (!strchr(text, '/') && access(text, F_OK) < 0) {
		struct heapspy_error *error = options_set(options, OPTION_PID, command, text);
		return error_why(error,
				 "it is no number from 1 on, and there is no file of this name");
	}
	options->given |= OPTION(PID);
	options->file = text;
	return NULL;
}

struct heapspy_error *target_reach(const struct options *options, struct heapspy **ret_heapspy)
{
	return options->file ? NULL : heapspy_reach(options->pid, options->stop || options->native, ret_heapspy);
}

struct heapspy_error *target_lock_in(const struct options *options, struct heapspy **ret_heapspy)
{
	struct heapspy_error *error = target_reach(options, ret_heapspy);
	if (!error)
		sandbox_enter(options, &(struct heapspy_sandbox){.processes = !options->file});
	return error;
}

struct heapspy_error *target_attach(const struct options *options, struct heapspy **heapspy)
{
	struct heapspy_attach_options attach = {.layout = options->layout};
	if (options->file)
		return heapspy_open(options->file, &attach, heapspy);
	struct heapspy_error *error = *heapspy ? NULL : target_reach(options, heapspy);
	return error ? error : heapspy_recognise(*heapspy, &attach);
}

const char *target_text(const struct options *options, char *buffer, size_t size)
{
	CLEANUP(freep) char *safe =
		options->file ? text_from_bytes(options->file, strlen(options->file)) : NULL;
	if (options->file)
		snprintf(buffer, size, "%s", safe ?: "a core");
	else
		snprintf(buffer, size, "process %d", (int)options->pid);
	return buffer;
}
