/* SPDX-License-Identifier: MIT */
#include "cmd/help.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum {
	LINE_COLUMNS = 80,
	NAME_COLUMNS = 28, /* of options in short help */
	DETAIL_INDENT = 10,
};

/* Words of a text, filled into lines; a newline of the text ends one. */
static void print_filled(FILE *stream, const char *text, int indent)
{
	int column = 0;
	while (*text) {
		if (*text == '\n') {
			fputc('\n', stream);
			column = 0;
			text++;
			continue;
		}
		int length = (int)strcspn(text, " \n");
		if (column > 0 && column + 1 + length > LINE_COLUMNS) {
			fputc('\n', stream);
			column = 0;
		}
		column += fprintf(stream, "%*s%.*s", column ? 1 : indent, "", length, text);
		text += length;
		text += *text == ' ';
	}
	fputc('\n', stream);
}

/* The words of --format that the command takes. */
static void put_formats(FILE *stream, const struct command *command, char separator)
{
	const char *word = option_table[OPTION_FORMAT].argument;
	bool first = true;
	for (int i = 0; i < FORMAT_COUNT; i++) {
		int length = (int)strcspn(word, "|");
		if (command_formats(command) >> i & 1) {
			fprintf(stream, "%s%.*s", first ? "" : (char[]){separator, 0}, length, word);
			first = false;
		}
		word += length + 1;
	}
}

char *help_choices(enum option_id id, const struct command *command, char separator)
{
	const char *argument = option_table[id].argument;
	char *choices = NULL;
	if (id != OPTION_SORT && id != OPTION_FORMAT) {
		bool is_choice = argument && !isupper((unsigned char)*argument);
		choices = is_choice ? strdup(argument) : NULL;
		for (char *at = choices; at && (at = strchr(at, '|'));)
			*at = separator;
		return choices;
	}
	size_t size;
	bool has_any = id == OPTION_FORMAT || (command && command->sort);
	FILE *stream = has_any ? open_memstream(&choices, &size) : NULL;
	if (!stream)
		return NULL;
	if (id == OPTION_FORMAT)
		put_formats(stream, command, separator);
	for (const struct sort_column *column = id == OPTION_SORT ? command->sort : NULL;
	     column && column->name; column++) {
		if (column != command->sort)
			fputc(separator, stream);
		fputs(column->name, stream);
	}
	fclose(stream);
	return choices;
}

void help_option(FILE *stream, enum option_id id, const struct command *command)
{
	const struct option_description *option = &option_table[id];
	CLEANUP(freep) char *formats =
		id == OPTION_FORMAT ? help_choices(id, command, '|') : NULL;
	if (option->letter)
		fprintf(stream, "-%c, ", option->letter);
	fprintf(stream, "--%s", option->name);
	if (option->argument)
		fprintf(stream, " %s", formats ?: option->argument);
}

static void print_option(FILE *stream, enum option_id id, const struct command *command, bool full)
{
	CLEANUP(freep) char *name = NULL;
	CLEANUP(freep) char *choices = id == OPTION_SORT ? help_choices(id, command, '|') : NULL;
	size_t size;
	FILE *memory = open_memstream(&name, &size);
	if (!memory)
		return;
	/* Names without a letter stand under names with one. */
	fputs(option_table[id].letter ? "  " : "      ", memory);
	help_option(memory, id, command);
	fclose(memory);

	const char *summary = option_table[id].summary;
	if (full || size + 2 > NAME_COLUMNS)
		fprintf(stream, "%s\n%*s%s", name, full ? DETAIL_INDENT : NAME_COLUMNS, "",
			summary);
	else
		fprintf(stream, "%-*s%s", NAME_COLUMNS, name, summary);
	fprintf(stream, "%s%s\n", choices ? ": " : "", choices ?: "");
	if (full && option_table[id].details)
		print_filled(stream, option_table[id].details, DETAIL_INDENT);
}

static void print_options(FILE *stream, const struct command *command, bool full)
{
	option_set taken = command_options(command);
	fputs("\noptions:\n", stream);
	for (int id = 0; id < OPTION_IDS; id++)
		if (taken >> id & 1)
			print_option(stream, (enum option_id)id, command, full);
}

static void print_program(FILE *stream, bool full)
{
	fputs("usage: heapspy [OPTIONS] COMMAND [OPTIONS] [PID|FILE]\n", stream);
	if (full) {
		fputc('\n', stream);
		print_filled(stream,
			     "Reads a running CPython from outside, by its PID, or a core file, and "
			     "says what its heap holds. The process is not changed, and not stopped "
			     "unless --stop asks for it.",
			     0);
	}
	fputs("\ncommands:\n", stream);
	for (size_t i = 0; commands[i]; i++)
		fprintf(stream, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
	print_options(stream, NULL, full);
	fputs("\nCommands may be shortened. heapspy COMMAND --help has their options, heapspy(1) "
	      "all.\n",
	      stream);
}

static void print_command(FILE *stream, const struct command *command, bool full)
{
	fprintf(stream, "usage: heapspy %s [OPTIONS]%s%s\n", command->name,
		*command->operands ? " " : "", command->operands);
	fprintf(stream, "%s%s\n", full ? "\n" : "", command->summary);
	if (full) {
		fputc('\n', stream);
		print_filled(stream, command->description, 0);
	}
	print_options(stream, command, full);
	if (!full)
		return;
	fputs("\nexamples:\n", stream);
	for (const struct example *example = command->examples; example->arguments; example++)
		fprintf(stream, "  heapspy %s\n      %s\n", example->arguments, example->meaning);
}

void help_print(FILE *stream, const struct command *command, bool full)
{
	if (command)
		print_command(stream, command, full);
	else
		print_program(stream, full);
}
