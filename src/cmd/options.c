/* SPDX-License-Identifier: MIT */
#include "cmd/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cmd/command.h"
#include "cmd/help.h"
#include "cmd/nearest.h"

const struct option_description option_table[OPTION_IDS] = {
#define X(name, letter, long_name, argument, summary, details)                                     \
	[OPTION_##name] = {letter, long_name, argument, summary, details},
	OPTIONS(X)
#undef X
};

_Static_assert(OPTION_IDS <= 64, "a bit of an option_set for each");

enum { LONGEST_INTERVAL = 366 * 24 * 3600 };

/* ---- values ------------------------------------------------------------- */

static struct heapspy_error *reject(enum option_id id, const char *text, const char *why)
{
	struct heapspy_error *error = error_new(HEAPSPY_USAGE, "'%s' is not a valid %s", text,
						option_table[id].argument);
	if (id == OPTION_PID)
		error_remedy(error, "heapspy ps");
	return error_why(error, "%s", why);
}

/* Digits and nothing else. */
static bool parse_natural(const char *text, uint64_t most, uint64_t *ret_number)
{
	if (!*text || text[strspn(text, "0123456789")])
		return false;
	errno = 0;
	unsigned long long number = strtoull(text, NULL, 10);
	if (errno || number > most)
		return false;
	*ret_number = number;
	return true;
}

/* Highest PID of this machine: PID_MAX_LIMIT of a 64-bit kernel if it does not say. */
static uint64_t highest_pid(void)
{
	uint64_t most = 1 << 22;
	FILE *file = fopen("/proc/sys/kernel/pid_max", "re");
	char line[32];
	if (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		parse_natural(line, INT_MAX, &most);
	}
	if (file)
		fclose(file);
	return most;
}

static struct heapspy_error *parse_pid(const char *text, pid_t *ret_pid)
{
	uint64_t pid, most = highest_pid();
	if (!parse_natural(text, UINT64_MAX, &pid) || pid == 0)
		return reject(OPTION_PID, text, "it is a number from 1 on");
	if (pid > most) {
		struct heapspy_error *error = reject(OPTION_PID, text, "");
		return error_why(error, "process ids of this machine end at %llu",
				 (unsigned long long)most);
	}
	*ret_pid = (pid_t)pid;
	return NULL;
}

static struct heapspy_error *parse_duration(const char *text, double *ret_seconds)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = {{"", 1}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};

	/* strtod() alone also takes signs, spaces, hexadecimal and "inf". */
	const char *unit = text + strspn(text, "0123456789.");
	char *end = NULL;
	double number = strtod(text, &end);
	if (unit == text || end != unit || strchr(text, '.') != strrchr(text, '.'))
		return reject(OPTION_INTERVAL, text, "it is a number and a unit: 500ms, 2s, 1m");
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(unit, units[i].name) != 0)
			continue;
		double seconds = number * units[i].seconds;
		if (!(seconds >= 1e-3 && seconds <= LONGEST_INTERVAL))
			return reject(OPTION_INTERVAL, text, "it is between 1ms and 366d");
		*ret_seconds = seconds;
		return NULL;
	}
	return reject(OPTION_INTERVAL, text, "units are ms, s, m, h and d");
}

/* "5%", "10M", "1000": a sign, a hexadecimal or "inf" are none. */
static struct heapspy_error *parse_growth(const char *text, struct growth *ret_growth)
{
	static const char units[] = "KMGT";
	const char *unit = text + strspn(text, "0123456789.");
	char *end = NULL;
	double number = strtod(text, &end);
	bool is_number = unit != text && end == unit && strchr(text, '.') == strrchr(text, '.');
	struct growth growth = {.is_share = *unit == '%', .share = number / 100, .text = text};
	const char *known = *unit && !growth.is_share ? strchr(units, *unit) : NULL;
	double scale = known ? (double)(1ull << 10 * (known - units + 1)) : 1;
	bool is_unit = !*unit || (!unit[1] && (known || growth.is_share));
	if (!is_number || !is_unit || number * scale > 1e18)
		return reject(OPTION_FAIL_ON_GROWTH, text,
			      "it is a share (5%) or a size (10M, 1.5G, 4096)");
	growth.bytes = (uint64_t)(number * scale);
	*ret_growth = growth;
	return NULL;
}

/* Which of the words separated by '|' it is. */
static struct heapspy_error *parse_choice(enum option_id id, const char *text, int *ret_choice)
{
	const char *choices = option_table[id].argument;
	size_t length = strlen(text);
	int number = 0;
	for (const char *at = choices;; at++, number++) {
		size_t size = strcspn(at, "|");
		if (size == length && strncmp(at, text, size) == 0) {
			*ret_choice = number;
			return NULL;
		}
		at += size;
		if (!*at)
			break;
	}
	struct heapspy_error *error =
		error_new(HEAPSPY_USAGE, "--%s cannot be '%s'", option_table[id].name, text);
	return error_why(error, "it is one of %s", choices);
}

static struct heapspy_error *parse_format(const char *text, const struct command *command,
					  enum format *ret_format)
{
	int choice = 0;
	CLEANUP(freep) char *choices = help_choices(OPTION_FORMAT, command, ' ');
	struct heapspy_error *error = parse_choice(OPTION_FORMAT, text, &choice);
	if (error)
		return error_why(error, "it is one of %s", choices ?: "those of --help");
	if (!(command_formats(command) >> choice & 1))
		return error_why(error_new(HEAPSPY_USAGE, "%s cannot be written as '%s'",
					   command->name, text),
				 "it is written as %s", choices ?: "something else");
	*ret_format = (enum format)choice;
	return NULL;
}

static struct heapspy_error *parse_sort(const char *text, const struct command *command,
					const struct sort_column **ret_sort)
{
	char names[256] = "";
	for (const struct sort_column *column = command->sort; column->name; column++) {
		if (strcmp(column->name, text) == 0) {
			*ret_sort = column;
			return NULL;
		}
		size_t length = strlen(names);
		snprintf(names + length, sizeof(names) - length, "%s%s", length ? ", " : "",
			 column->name);
	}
	struct heapspy_error *error =
		error_new(HEAPSPY_USAGE, "%s has no column '%s' to sort by", command->name, text);
	return error_why(error, "its columns are %s", names);
}

struct heapspy_error *options_set(struct options *options, enum option_id id,
				  const struct command *command, const char *text)
{
	struct heapspy_error *error = NULL;
	uint64_t number = 0;
	int choice = 0;
	options->given |= (option_set)1 << id;
	switch (id) {
	case OPTION_PID:
		return parse_pid(text, &options->pid);
	case OPTION_LAYOUT:
		error = parse_choice(id, text, &choice);
		options->layout = (enum heapspy_layout_source)choice;
		return error;
	case OPTION_STRINGS:
		error = parse_choice(id, text, &choice);
		options->without_text = choice == 1;
		return error;
	case OPTION_INSTANCES:
		if (!*text)
			return reject(id, text, "its name is empty");
		options->instances = text;
		return NULL;
	case OPTION_STOP:
		options->stop = true;
		return NULL;
	case OPTION_NATIVE:
		options->native = true;
		return NULL;
	case OPTION_TRACEMALLOC:
		options->tracemalloc = true;
		return NULL;
	case OPTION_MAX_PAUSE:
		return parse_duration(text, &options->max_pause);
	case OPTION_INTERVAL:
		return parse_duration(text, &options->interval);
	case OPTION_DURATION:
		return parse_duration(text, &options->duration);
	case OPTION_RATE:
		if (!parse_natural(text, 10000, &number))
			return reject(id, text, "it is a number from 0 to 10000");
		options->rate = number ? (double)number : -1;
		return NULL;
	case OPTION_AFTER:
		return parse_duration(text, &options->after);
	case OPTION_FAIL_ON_GROWTH:
		return parse_growth(text, &options->growth);
	case OPTION_COUNT:
		if (!parse_natural(text, INT64_MAX, &options->count) || options->count == 0)
			return reject(id, text, "it is a number from 1 on");
		return NULL;
	case OPTION_CENSUS:
		return parse_duration(text, &options->census);
	case OPTION_PLAIN:
		options->plain = true;
		return NULL;
	case OPTION_SUBPROCESSES:
		options->subprocesses = true;
		return NULL;
	case OPTION_RECORD:
	case OPTION_REPLAY:
		if (!*text)
			return reject(id, text, "its name is empty");
		if (id == OPTION_RECORD)
			options->record = text;
		else
			options->replay = text;
		return NULL;
	case OPTION_COMMAND_OUTPUT:
		if (!*text)
			return reject(id, text, "its name is empty");
		options->command_output = text;
		return NULL;
	case OPTION_SORT:
		return parse_sort(text, command, &options->sort);
	case OPTION_LIMIT:
		if (!parse_natural(text, INT64_MAX, &number))
			return reject(id, text, "it is a number from 0 on, 0 for all");
		options->limit = number;
		return NULL;
	case OPTION_PROCESS:
		if (!parse_natural(text, INT32_MAX, &number) || number == 0)
			return reject(id, text, "it is a number from 1 on");
		options->process = (pid_t)number;
		return NULL;
	case OPTION_FILTER:
		options->filter = text;
		return NULL;
	case OPTION_OUTPUT:
		if (!*text)
			return reject(id, text, "its name is empty");
		options->output = text;
		return NULL;
	case OPTION_FORCE:
		options->force = true;
		return NULL;
	case OPTION_JSON:
		options->format = FORMAT_JSON;
		return NULL;
	case OPTION_FORMAT:
		return parse_format(text, command, &options->format);
	case OPTION_COLOR:
		error = parse_choice(id, text, &choice);
		options->colour = (enum colour)choice;
		return error;
	case OPTION_ASCII:
		options->ascii = true;
		return NULL;
	case OPTION_NO_SANDBOX:
		options->no_sandbox = true;
		return NULL;
	case OPTION_QUIET:
		options->quiet = true;
		return NULL;
	case OPTION_VERBOSE:
		options->verbose = true;
		return NULL;
	case OPTION_HELP: /* which of the two is seen by the caller */
		return NULL;
	case OPTION_VERSION:
		options->version = true;
		return NULL;
	case OPTION_IDS:
		break;
	}
	return NULL;
}

/* ---- the command line ---------------------------------------------------- */

/* What getopt_long() returns for an option without a letter. */
enum { NO_LETTER = 256 };

static void describe(option_set taken, char *letters, struct option *longs)
{
	for (int id = 0; id < OPTION_IDS; id++) {
		const struct option_description *option = &option_table[id];
		if (!(taken >> id & 1))
			continue;
		if (option->letter)
			*letters++ = option->letter;
		if (option->letter && option->argument)
			*letters++ = ':';
		*longs++ = (struct option){
			.name = option->name,
			.has_arg = option->argument ? required_argument : no_argument,
			.val = NO_LETTER + id,
		};
	}
	*letters = 0;
	*longs = (struct option){0};
}

/* The option that getopt_long() stumbled over, as it was written: it says only
 * the letter, or nothing. */
static const char *culprit(char **argv, char space[3])
{
	if (optopt > 0 && optopt < NO_LETTER) {
		snprintf(space, 3, "-%c", optopt);
		return space;
	}
	return argv[optind - 1];
}

/* Long options that begin with what was written: their number, and the names. */
static unsigned list_beginnings(const char *written, option_set taken, char *names, size_t size)
{
	unsigned count = 0;
	names[0] = 0;
	for (int id = 0; id < OPTION_IDS; id++) {
		const char *name = option_table[id].name;
		if (!(taken >> id & 1) || strncmp(name, written, strlen(written)) != 0)
			continue;
		size_t length = strlen(names);
		snprintf(names + length, size - length, "%s--%s", count++ ? ", " : "", name);
	}
	return count;
}

static struct heapspy_error *unknown_option(char **argv, option_set taken,
					    const struct command *command)
{
	char space[3], names[256];
	const char *written = culprit(argv, space);
	bool is_long = strncmp(written, "--", 2) == 0;
	if (is_long && list_beginnings(written + 2, taken, names, sizeof(names)) > 1)
		return error_why(error_new(HEAPSPY_USAGE, "option '%s' is ambiguous", written),
				 "it may be one of %s", names);

	struct heapspy_error *error = error_new(HEAPSPY_USAGE, "unknown option '%s'", written);
	struct nearest nearest = {.to = written + 2};
	for (int id = 0; id < OPTION_IDS && is_long; id++)
		if (taken >> id & 1)
			nearest_try(&nearest, option_table[id].name);
	if (nearest.name)
		return error_why(error, "there is no such option; the nearest is --%s",
				 nearest.name);
	if (command)
		return error_why(error, "%s has no such option", command->name);
	return error_why(error, "there is no such option before the command");
}

static struct heapspy_error *unexpected_value(const char *written)
{
	return error_why(error_new(HEAPSPY_USAGE, "unexpected value in '%s'", written),
			 "--%s takes no value", option_table[optopt - NO_LETTER].name);
}

static enum option_id id_of(int result)
{
	if (result >= NO_LETTER)
		return (enum option_id)(result - NO_LETTER);
	int id = 0;
	while (id < OPTION_IDS && option_table[id].letter != result)
		id++;
	return (enum option_id)id;
}

/* What follows the first "--" is a command of its own. */
static int cut_command(int argc, char **argv, int index, struct options *options)
{
	for (int i = index; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			options->command = argv + i + 1;
			return i;
		}
	}
	return argc;
}

struct heapspy_error *options_parse(int argc, char **argv, int *index,
				    const struct command *command, struct options *options)
{
	/* "+": stop at the first operand. ":": tell a missing argument apart. */
	char letters[3 + 2 * OPTION_IDS] = "+:";
	struct option longs[OPTION_IDS + 1];
	option_set taken = command_options(command);
	describe(taken, letters + (command ? 1 : 2), longs);
	if (command)
		letters[0] = ':';
	if (command && command->takes_command)
		argc = cut_command(argc, argv, *index, options);
	/* It takes the word before the options for the program's name, and starts
	 * anew at 0: otherwise the "+" of the options before would still hold. */
	char **words = argv + *index - 1;
	int count = argc - *index + 1;
	opterr = 0;
	optind = 0;
	for (int result; (result = getopt_long(count, words, letters, longs, NULL)) != -1;) {
		char space[3];
		if (result == '?') {
			/* optopt names an option that takes nothing but got something. */
			return optopt >= NO_LETTER ? unexpected_value(words[optind - 1])
						   : unknown_option(words, taken, command);
		}
		if (result == ':') {
			const char *written = culprit(words, space);
			return error_why(error_new(HEAPSPY_USAGE, "%s has no value", written),
					 "it takes %s", option_table[id_of(optopt)].argument);
		}
		enum option_id id = id_of(result);
		if (id == OPTION_HELP)
			options->help = result == 'h' ? HELP_SHORT : HELP_FULL;
		struct heapspy_error *error = options_set(options, id, command, optarg);
		if (error)
			return error;
	}
	*index += optind - 1;
	options->operand_count = argc - *index;
	options->operands = argv + *index;
	return NULL;
}
