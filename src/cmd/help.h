/* SPDX-License-Identifier: MIT */
/* Help, from the tables of commands and options. */
#ifndef CMD_HELP_H
#define CMD_HELP_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/command.h"

/* Of the program where command is NULL. */
void help_print(FILE *stream, const struct command *command, bool full);

/* "-p, --pid PID" */
void help_option(FILE *stream, enum option_id id, const struct command *command);

/* "bytes|objects", for '|': the choices of an option, NULL where it takes any
 * value or none. The caller frees it. */
char *help_choices(enum option_id id, const struct command *command, char separator);

#endif
