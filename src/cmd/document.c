/* SPDX-License-Identifier: MIT */
/*
 * Run by the build, not installed: what is written about the command line, from
 * the tables that it is parsed by.
 *
 *	document man TEMPLATE    the man page: the lines @COMMANDS@, @OPTIONS@, @KEYS@
 *	                         and @EXAMPLES@ of the template are filled in
 *	document bash|zsh|fish   completions
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/command.h"
#include "cmd/help.h"
#ifdef HEAPSPY_TUI
#include "tui/tui.h"
#endif

/* Lists the PIDs that can be completed, and is quiet about what is wrong. */
#define LIST_PIDS "heapspy ps --format csv 2>/dev/null | sed -n 's/^\\([0-9]*\\),.*/\\1/p'"

static bool takes(const struct command *command, int id)
{
	return command_options(command) >> id & 1;
}

static bool is_file(int id)
{
	return id == OPTION_OUTPUT || id == OPTION_COMMAND_OUTPUT || id == OPTION_RECORD ||
	       id == OPTION_REPLAY;
}

static bool wants_pid(const struct command *command)
{
	return command->take_count > 0 && command->takes[0] == OPTION_PID;
}

/* ---- man ------------------------------------------------------------------- */

static void roff(const char *text)
{
	for (const char *at = text; *at; at++) {
		if (*at == '-')
			fputs("\\-", stdout);
		else if (*at == '\\')
			fputs("\\e", stdout);
		else if (*at == '\'')
			fputs("\\(aq", stdout);
		else
			putchar(*at);
	}
}

static void man_commands(void)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct command *command = commands[i];
		printf(".TP\n.B %s", command->name);
		if (*command->operands)
			printf(" \\fI%s\\fR", command->operands);
		printf("\n");
		roff(command->summary);
		printf(".\n");
		for (const char *at = command->description; *at;) {
			int length = (int)(strstr(at, "\n\n") ? strstr(at, "\n\n") - at
							      : (long)strlen(at));
			CLEANUP(freep) char *paragraph = strndup(at, (size_t)length);
			printf(at == command->description ? "" : ".IP\n");
			roff(paragraph ?: "");
			printf("\n");
			at += length;
			at += strspn(at, "\n");
		}
	}
}

static void man_option(int id)
{
	const struct option_description *option = &option_table[id];
	printf(".TP\n\\fB");
	if (option->letter)
		printf("\\-%c\\fR, \\fB", option->letter);
	roff("--");
	roff(option->name);
	printf("\\fR");
	if (option->argument) {
		printf(" \\fI");
		roff(option->argument);
		printf("\\fR");
	}
	printf("\n");
	char first[2] = {(char)toupper((unsigned char)option->summary[0]), 0};
	roff(first);
	roff(option->summary + 1);
	printf(".\n");
	if (option->details) {
		roff(option->details);
		printf("\n");
	}
	for (size_t i = 0; commands[i] && id == OPTION_SORT; i++) {
		CLEANUP(freep) char *choices = help_choices(OPTION_SORT, commands[i], ' ');
		if (choices) {
			printf("Columns of %s: ", commands[i]->name);
			roff(choices);
			printf(".\n");
		}
	}
	if (OPTIONS_GLOBAL >> id & 1)
		return;
	const char *separator = "(";
	for (size_t i = 0; commands[i]; i++) {
		if (takes(commands[i], id)) {
			printf("%s%s", separator, commands[i]->name);
			separator = ", ";
		}
	}
	printf(")\n");
}

static void man_examples(void)
{
	for (size_t i = 0; commands[i]; i++) {
		for (const struct example *example = commands[i]->examples; example->arguments;
		     example++) {
			printf(".TP\n.B heapspy ");
			roff(example->arguments);
			printf("\n");
			roff(example->meaning);
			printf("\n");
		}
	}
}

/* Those of the dashboard, where there is one. */
static void man_keys(void)
{
#ifdef HEAPSPY_TUI
	const char *names, *meaning;
	printf(".SH KEYS\nOf the dashboard,\n.BR \"heapspy top\" :\n");
	for (size_t i = 0; tui_key(i, &names, &meaning); i++) {
		printf(".TP\n.B ");
		roff(names);
		printf("\n\\&");
		roff(meaning);
		printf("\n");
	}
#endif
}

static bool print_man(const char *path)
{
	FILE *template = fopen(path, "re");
	if (!template)
		return false;
	char line[512];
	while (fgets(line, sizeof(line), template)) {
		if (strcmp(line, "@COMMANDS@\n") == 0)
			man_commands();
		else if (strcmp(line, "@EXAMPLES@\n") == 0)
			man_examples();
		else if (strcmp(line, "@KEYS@\n") == 0)
			man_keys();
		else if (strcmp(line, "@OPTIONS@\n") == 0)
			for (int id = 0; id < OPTION_IDS; id++)
				man_option(id);
		else if (strncmp(line, ".TH", 3) == 0)
			printf(".TH HEAPSPY 1 \"\" \"heapspy %s\" \"User Commands\"\n",
			       HEAPSPY_VERSION);
		else
			fputs(line, stdout);
	}
	bool read = !ferror(template);
	fclose(template);
	return read;
}

/* ---- bash ------------------------------------------------------------------- */

static void bash_options(const struct command *command)
{
	for (int id = 0; id < OPTION_IDS; id++) {
		if (!takes(command, id))
			continue;
		if (option_table[id].letter)
			printf(" -%c", option_table[id].letter);
		printf(" --%s", option_table[id].name);
	}
}

/* What follows an option, where that does not depend on the command. */
static void bash_values(void)
{
	for (int id = 0; id < OPTION_IDS; id++) {
		const struct option_description *option = &option_table[id];
		if (!option->argument || id == OPTION_SORT || id == OPTION_FORMAT)
			continue;
		printf("\t--%s", option->name);
		if (option->letter)
			printf("|-%c", option->letter);
		CLEANUP(freep) char *choices = help_choices((enum option_id)id, NULL, ' ');
		if (choices)
			printf(") words='%s' ;;\n", choices);
		else if (id == OPTION_PID)
			printf(") words=$(_heapspy_pids) ;;\n");
		else
			printf(is_file(id) ? ") files=yes ;;\n" : ") ;;\n");
	}
}

static void bash_values_by_command(enum option_id id)
{
	printf("\t--%s)\n\t\tcase $command in\n", option_table[id].name);
	for (size_t i = 0; commands[i]; i++) {
		CLEANUP(freep) char *choices = help_choices(id, commands[i], ' ');
		if (choices && takes(commands[i], id))
			printf("\t\t%s) words='%s' ;;\n", commands[i]->name, choices);
	}
	printf("\t\tesac\n\t\t;;\n");
}

static void print_bash(void)
{
	printf("# bash completion of heapspy, made from its option table; do not edit\n\n"
	       "_heapspy_pids() {\n\t" LIST_PIDS "\n}\n\n"
	       "_heapspy() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	       "\tlocal command='' words='' files='' i\n"
	       "\t# --name=value is three words here.\n"
	       "\tif [[ $cur == = ]]; then\n\t\tcur=''\n"
	       "\telif [[ $prev == = ]]; then\n\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n\tfi\n"
	       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	       "\t\tcase ${COMP_WORDS[i]} in\n"
	       "\t\t--color) ((i++)) ;;\n"
	       "\t\t-*) ;;\n"
	       "\t\t*) command=${COMP_WORDS[i]}; break ;;\n"
	       "\t\tesac\n\tdone\n\n"
	       "\tcase $prev in\n");
	bash_values();
	bash_values_by_command(OPTION_SORT);
	bash_values_by_command(OPTION_FORMAT);
	printf("\t*)\n\t\tcase $command in\n\t\t'')\n\t\t\twords='");
	for (size_t i = 0; commands[i]; i++)
		printf("%s%s", i ? " " : "", commands[i]->name);
	printf("'\n\t\t\t[[ $cur == -* ]] && words='");
	bash_options(NULL);
	printf("'\n\t\t\t;;\n");
	for (size_t i = 0; commands[i]; i++) {
		printf("\t\t%s)\n", commands[i]->name);
		printf("\t\t\tif [[ $cur == -* ]]; then\n\t\t\t\twords='");
		bash_options(commands[i]);
		printf("'\n");
		if (wants_pid(commands[i]))
			printf("\t\t\telse\n\t\t\t\twords=$(_heapspy_pids)%s\n",
			       commands[i]->takes_file ? " files=yes" : "");
		else if (commands[i]->takes_path)
			printf("\t\t\telse\n\t\t\t\tfiles=yes\n");
		printf("\t\t\tfi\n\t\t\t;;\n");
	}
	printf("\t\tesac\n\t\t;;\n\tesac\n\n"
	       "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	       "\tif [[ $files ]]; then\n"
	       "\t\tcompopt -o filenames\n"
	       "\t\tmapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- \"$cur\")\n"
	       "\tfi\n"
	       "}\n\n"
	       "complete -F _heapspy heapspy\n");
}

/* ---- zsh --------------------------------------------------------------------- */

/* Within '...[...]'. */
static void zsh_text(const char *text)
{
	for (const char *at = text; *at; at++) {
		if (*at == '\'')
			fputs("'\\''", stdout);
		else if (strchr("[]:\\", *at))
			printf("\\%c", *at);
		else
			putchar(*at);
	}
}

static void zsh_value(int id, const struct command *command)
{
	const char *argument = option_table[id].argument;
	CLEANUP(freep) char *choices = help_choices((enum option_id)id, command, ' ');
	if (!argument)
		return;
	printf(":");
	zsh_text(choices ? option_table[id].name : argument);
	printf(":");
	if (choices)
		printf("(%s)", choices);
	else if (id == OPTION_PID)
		printf("_heapspy_pids");
	else if (is_file(id))
		printf("_files");
}

static void zsh_options(const struct command *command, const char *indent)
{
	for (int id = 0; id < OPTION_IDS; id++) {
		const struct option_description *option = &option_table[id];
		if (!takes(command, id))
			continue;
		printf("%s", indent);
		if (option->letter)
			printf("'(-%c --%s)'{-%c%s,--%s%s}'", option->letter, option->name,
			       option->letter, option->argument ? "+" : "", option->name,
			       option->argument ? "=" : "");
		else
			printf("'--%s%s", option->name, option->argument ? "=" : "");
		printf("[");
		zsh_text(option->summary);
		printf("]");
		zsh_value(id, command);
		printf("' \\\n");
	}
}

static void print_zsh(void)
{
	printf("#compdef heapspy\n"
	       "# zsh completion of heapspy, made from its option table; do not edit\n\n"
	       "_heapspy_pids() {\n"
	       "\tlocal -a pids\n"
	       "\tpids=(${(f)\"$(" LIST_PIDS ")\"})\n"
	       "\t_describe -V 'PID' pids\n"
	       "}\n\n"
	       "_heapspy_targets() {\n"
	       "\t_heapspy_pids\n"
	       "\t_files\n"
	       "}\n\n"
	       "_heapspy() {\n"
	       "\tlocal curcontext=$curcontext state line\n"
	       "\ttypeset -A opt_args\n"
	       "\t_arguments -C \\\n");
	zsh_options(NULL, "\t\t");
	printf("\t\t'1:command:->command' '*::arguments:->arguments' && return\n"
	       "\tcase $state in\n"
	       "\tcommand)\n"
	       "\t\tlocal -a commands=(\n");
	for (size_t i = 0; commands[i]; i++) {
		printf("\t\t\t'%s:", commands[i]->name);
		zsh_text(commands[i]->summary);
		printf("'\n");
	}
	printf("\t\t)\n\t\t_describe command commands\n\t\t;;\n"
	       "\targuments)\n\t\tcase $words[1] in\n");
	for (size_t i = 0; commands[i]; i++) {
		printf("\t\t%s)\n\t\t\t_arguments \\\n", commands[i]->name);
		zsh_options(commands[i], "\t\t\t\t");
		const char *operand = commands[i]->takes_path ? "'1:file:_files'"
				      : commands[i]->takes_more  ? "'*:PID or file:_heapspy_targets'"
				      : commands[i]->takes_file ? "'1:PID or file:_heapspy_targets'"
				      : wants_pid(commands[i]) ? "'1:PID:_heapspy_pids'"
							       : "':'";
		printf("\t\t\t\t%s\n\t\t\t;;\n", operand);
	}
	printf("\t\tesac\n\t\t;;\n\tesac\n}\n\n_heapspy \"$@\"\n");
}

/* ---- fish ---------------------------------------------------------------------- */

static void fish_text(const char *text)
{
	putchar('\'');
	for (const char *at = text; *at; at++)
		printf(strchr("'\\", *at) ? "\\%c" : "%c", *at);
	putchar('\'');
}

static void fish_options(const struct command *command)
{
	for (int id = 0; id < OPTION_IDS; id++) {
		const struct option_description *option = &option_table[id];
		if (!takes(command, id))
			continue;
		printf("complete -c heapspy -n '%s%s'",
		       command ? "__fish_seen_subcommand_from " : "__fish_use_subcommand",
		       command ? command->name : "");
		if (option->letter)
			printf(" -s %c", option->letter);
		printf(" -l %s", option->name);
		CLEANUP(freep) char *choices = help_choices((enum option_id)id, command, ' ');
		if (choices)
			printf(" -x -a '%s'", choices);
		else if (id == OPTION_PID)
			printf(" -x -a '(__heapspy_pids)'");
		else if (option->argument)
			printf(is_file(id) ? " -r -F" : " -x");
		printf(" -d ");
		fish_text(option->summary);
		printf("\n");
	}
}

static void print_fish(void)
{
	printf("# fish completion of heapspy, made from its option table; do not edit\n\n"
	       "function __heapspy_pids\n\t" LIST_PIDS "\nend\n\n"
	       "complete -c heapspy -f\n");
	for (size_t i = 0; commands[i]; i++) {
		printf("complete -c heapspy -n __fish_use_subcommand -a %s -d ", commands[i]->name);
		fish_text(commands[i]->summary);
		printf("\n");
		if (wants_pid(commands[i]))
			printf("complete -c heapspy -n '__fish_seen_subcommand_from %s' "
			       "-a '(__heapspy_pids)'%s\n",
			       commands[i]->name, commands[i]->takes_file ? " -F" : "");
		else if (commands[i]->takes_path)
			printf("complete -c heapspy -n '__fish_seen_subcommand_from %s' -F\n",
			       commands[i]->name);
	}
	fish_options(NULL);
	for (size_t i = 0; commands[i]; i++)
		fish_options(commands[i]);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

	bool printed = argc == 3 && strcmp(argv[1], "man") == 0 && print_man(argv[2]);
	for (size_t i = 0; argc == 2 && i < sizeof(shells) / sizeof(*shells); i++) {
		if (strcmp(argv[1], shells[i].name) == 0) {
			shells[i].print();
			printed = true;
		}
	}
	return printed && fflush(stdout) == 0 ? 0 : 1;
}
