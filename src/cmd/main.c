/* SPDX-License-Identifier: MIT */
/* The program: from the command line to an exit status. */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/shell.h"
#include "cmd/command.h"
#include "cmd/help.h"
#include "cmd/say.h"
#include "output/file.h"

static struct heapspy_error *print_asked_for(const struct options *options,
					     const struct command *command)
{
	CLEANUP(output_fini) struct output output = {.directory = -1};
	struct heapspy_error *error = output_open(NULL, false, &output);
	if (error)
		return error;
	if (options->help)
		help_print(output.stream, command, options->help == HELP_FULL);
	else
		fprintf(output.stream, "heapspy %s\n", HEAPSPY_VERSION);
	return output_finish(&output);
}

/* Where it is only --force that is missing, the remedy is the same line with it. */
static void suggest_force(struct heapspy_error *error, int argc, char **argv)
{
	if (error->code != HEAPSPY_OUTPUT || error->errnum != EEXIST)
		return;
	CLEANUP(freep) char *line = NULL;
	size_t size;
	FILE *stream = open_memstream(&line, &size);
	if (!stream)
		return;
	/* Not behind what is a command of its own. */
	const char *force = " --force";
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			fputs(force, stream);
			force = "";
		}
		fputc(' ', stream);
		shell_word(stream, argv[i]);
	}
	fputs(force, stream);
	fclose(stream);
	error_remedy(error, "heapspy%s", line);
}

/* A wrong command line may end the parsing before what asks for JSON is seen. */
static void look_for_json(int argc, char **argv, struct options *options)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "-j") == 0)
			options->format = FORMAT_JSON;
}

/* A usage error that names no better remedy. */
static void suggest_help(struct heapspy_error *error, const struct command *command)
{
	if (error && error->code == HEAPSPY_USAGE && !error->remedy)
		error_remedy(error, "heapspy %s%s--help", command ? command->name : "",
			     command ? " " : "");
}

static struct heapspy_error *run_command(int argc, char **argv, int index,
					 const struct command *command, struct options *options)
{
	struct heapspy_error *error = options_parse(argc, argv, &index, command, options);
	if (error)
		return error;
	if (options->help || options->version)
		return print_asked_for(options, command);
	error = command_take_operands(command, options);
	return error ? error : command->run(options);
}

static struct heapspy_error *run(int argc, char **argv, struct options *options)
{
	const struct command *command = NULL;
	int index = 1;
	struct heapspy_error *error = options_parse(argc, argv, &index, NULL, options);
	if (!error && index < argc)
		error = command_find(argv, index, &command);
	if (!error && command)
		error = run_command(argc, argv, index + 1, command, options);
	else if (!error && (options->help || options->version))
		error = print_asked_for(options, NULL);
	else if (!error)
		error = error_why(error_new(HEAPSPY_USAGE, "no command was given"),
				  "usage: heapspy COMMAND [PID|FILE]");
	if (error && error->code == HEAPSPY_USAGE)
		look_for_json(argc, argv, options);
	suggest_help(error, command);
	return error;
}

/* A file that may not grow any more is an error, as a full disk is. Not SIG_IGN: a program
 * that is started for the user would inherit that. */
static void do_nothing(int number)
{
	(void)number;
}

int main(int argc, char **argv)
{
	output_guard_descriptors();
	signal(SIGXFSZ, do_nothing);
	setlocale(LC_CTYPE, "");
	int status = 0;
	struct options options = {.status = &status};
	struct heapspy_error *error = run(argc, argv, &options);
	if (!error)
		return status;

	status = heapspy_exit_status(error->code);
	/* The reader has seen enough: no reason to complain. */
	if (error->code == HEAPSPY_OUTPUT && error->errnum == EPIPE) {
		status = 128 + SIGPIPE;
	} else {
		suggest_force(error, argc, argv);
		say_error(&options, error);
	}
	heapspy_error_free(error);
	return status;
}
