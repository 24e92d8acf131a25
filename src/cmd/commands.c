/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/shell.h"
#include "cmd/nearest.h"
#include "cmd/target.h"

extern const struct command command_ps, command_dump, command_gc, command_stack, command_record,
	command_report, command_snapshot, command_diff, command_doctor;

#ifdef HEAPSPY_TUI
extern const struct command command_top;
#endif

const struct command *const commands[] = {
	&command_ps,
#ifdef HEAPSPY_TUI
	&command_top,
#endif
	&command_dump,
	&command_gc,
	&command_stack,
	&command_record,
	&command_report,
	&command_snapshot,
	&command_diff,
	&command_doctor,
	NULL,
};

/* ---- by name --------------------------------------------------------------- */

/* The command line as it was, but for the word at `index`. NULL without memory. */
static char *corrected(char **argv, int index, const char *word)
{
	char *line = NULL;
	size_t size;
	FILE *stream = open_memstream(&line, &size);
	if (!stream)
		return NULL;
	fputs("heapspy", stream);
	for (int i = 1; argv[i]; i++) {
		fputc(' ', stream);
		shell_word(stream, i == index ? word : argv[i]);
	}
	fclose(stream);
	return line;
}

static struct heapspy_error *ambiguous(const char *name)
{
	struct heapspy_error *error = error_new(HEAPSPY_USAGE, "command '%s' is ambiguous", name);
	error_why(error, "it may be one of");
	const char *separator = " ";
	for (size_t i = 0; commands[i]; i++) {
		if (strncmp(commands[i]->name, name, strlen(name)) != 0)
			continue;
		error_why(error, "%s%s%s", error->why ?: "", separator, commands[i]->name);
		separator = ", ";
	}
	return error;
}

static struct heapspy_error *unknown(char **argv, int index)
{
	struct nearest nearest = {.to = argv[index]};
	for (size_t i = 0; commands[i]; i++)
		nearest_try(&nearest, commands[i]->name);
	struct heapspy_error *error =
		error_new(HEAPSPY_USAGE, "unknown command '%s'", argv[index]);
	if (!nearest.name)
		return error_remedy(error_why(error, "there is no such command"),
				    "heapspy --help");
	CLEANUP(freep) char *line = corrected(argv, index, nearest.name);
	error_why(error, "there is no such command; the nearest is %s", nearest.name);
	return error_remedy(error, "%s", line ?: "heapspy --help");
}

struct heapspy_error *command_find(char **argv, int index, const struct command **ret_command)
{
	const char *name = argv[index];
	const struct command *found = NULL;
	size_t beginnings = 0;
	for (size_t i = 0; commands[i] && *name; i++) {
		if (strncmp(commands[i]->name, name, strlen(name)) != 0)
			continue;
		found = commands[i];
		beginnings++;
		if (strcmp(found->name, name) == 0) {
			beginnings = 1;
			break;
		}
	}
	if (beginnings > 1)
		return ambiguous(name);
	if (beginnings == 0)
		return unknown(argv, index);
	*ret_command = found;
	return NULL;
}

/* ---- operands ---------------------------------------------------------------- */

static struct heapspy_error *take_command(const struct command *command,
					  const struct options *options)
{
	struct heapspy_error *error = NULL;
	if (!options->command[0])
		error = error_why(error_new(HEAPSPY_USAGE, "there is no command after '--'"),
				  "usage: heapspy %s %s", command->name, command->operands);
	else if (options->operand_count > 0 || options_given(options, OPTION(PID)))
		error = error_why(error_new(HEAPSPY_USAGE, "a process and a command"),
				  "%s watches either one that runs or one that it starts",
				  command->name);
	return error;
}

struct heapspy_error *command_take_operands(const struct command *command,
					    struct options *options)
{
	int used = 0;
	if (options->command)
		return take_command(command, options);
	for (uint8_t i = 0; i < command->take_count; i++) {
		enum option_id id = command->takes[i];
		if (options_given(options, (option_set)1 << id))
			continue;
		if (used < options->operand_count) {
			const char *text = options->operands[used++];
			struct heapspy_error *error =
				id == OPTION_PID && command->takes_file
					? target_set(options, command, text)
					: options_set(options, id, command, text);
			if (error)
				return error;
		} else if (i < command->need && !options->replay) {
			struct heapspy_error *error =
				error_new(HEAPSPY_USAGE, "%s needs a %s", command->name,
					  option_table[id].argument);
			error_why(error, "usage: heapspy %s %s", command->name,
				  command->operands);
			return id == OPTION_PID ? error_remedy(error, "heapspy ps") : error;
		}
	}
	options->operands += used;
	options->operand_count -= used;
	if (options->operand_count <= command->takes_more)
		return NULL;
	struct heapspy_error *error = error_new(HEAPSPY_USAGE, "unexpected argument '%s'",
						options->operands[command->takes_more]);
	return error_why(error, "%s takes %s", command->name,
			 *command->operands ? command->operands : "options only");
}
