/* SPDX-License-Identifier: MIT */
/* A command of the program: a file and a const struct each. */
#ifndef CMD_COMMAND_H
#define CMD_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include <heapspy/error.h>

#include "cmd/options.h"

/* A way to call it, for --help and the man page. */
struct example {
	const char *arguments, *meaning; /* "dump 4711", "..." */
};

struct command {
	const char *name;
	const char *operands;             /* "PID [INTERVAL [COUNT]]", "" for none */
	const char *summary;              /* one line */
	const char *description;          /* paragraphs, a blank line between */
	option_set options;               /* OPTION() of those it takes besides the global ones */
	const struct sort_column *sort;   /* columns of --sort, NULL: none */
	uint32_t formats;                 /* of --format: bits of enum format, 0: those of all */
	uint8_t takes[3];                 /* options that operands fill, in this order */
	uint8_t take_count, need;         /* how many, and how many must be there */
	bool takes_command;               /* "-- COMMAND ARGS..." in place of all operands */
	bool takes_file;                  /* a core file in place of a PID */
	uint8_t takes_more;               /* operands behind these, left to run() */
	bool takes_path;                  /* and they are names of files */
	const struct example *examples;   /* arguments NULL ends them */
	HEAPSPY_CHECK struct heapspy_error *(*run)(const struct options *options);
};

/* Sorted as help lists them; NULL ends them. */
extern const struct command *const commands[];

/* The command that argv[index] names, by an unambiguous beginning at least. An
 * error of code HEAPSPY_USAGE with the nearest name, if one is near. */
HEAPSPY_CHECK struct heapspy_error *command_find(char **argv, int index,
						 const struct command **ret_command);

/* Let the operands fill what options left open. */
HEAPSPY_CHECK struct heapspy_error *command_take_operands(const struct command *command,
							  struct options *options);

/* All formats it writes. */
static inline uint32_t command_formats(const struct command *command)
{
	return command && command->formats ? command->formats : FORMATS_OF_ALL;
}

/* All options the command takes. */
static inline option_set command_options(const struct command *command)
{
	return OPTIONS_GLOBAL | (command ? command->options : 0);
}

#endif
