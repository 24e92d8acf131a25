/* SPDX-License-Identifier: MIT */
/*
 * The options of all commands: one table, which parsing, `-h`, `--help`, the man
 * page and the completions come from.
 */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <heapspy/attach.h>
#include <heapspy/error.h>

#include "output/sort.h"

struct command;

/* X(NAME, letter or 0, long name, argument, one line, the rest)
 *
 * An argument in capitals names what is wanted; words separated by '|' are the
 * choices; NULL: none is taken. */
#define OPTIONS(X)                                                                             \
	X(PID, 'p', "pid", "PID", "read this process",                                         \
	  "The same as the PID given without an option.")                                      \
	X(LAYOUT, 0, "layout", "auto|dwarf|debug-offsets|table",                               \
	  "where the offsets of CPython's structures come from",                               \
	  "auto, the default, takes what the interpreter itself publishes (3.13 and later) "   \
	  "over the built-in tables, and debug information where no table fits.")              \
	X(INTERVAL, 'i', "interval", "DURATION", "read again after so long: 500ms, 2s, 1m",    \
	  "A number without a unit is seconds.")                                               \
	X(COUNT, 'n', "count", "COUNT", "end after so many readings",                          \
	  "The interval is one second unless it is given. Without a count an interval goes "   \
	  "on until it is interrupted or the process ends.")                                   \
	X(DURATION, 'd', "duration", "DURATION", "end after so long: 60s, 5m",                 \
	  "Without it, it goes on until it is interrupted or the process ends.")               \
	X(RATE, 0, "rate", "N", "read the stack N times a second",                              \
	  "100 unless it is given, 0 for not at all, at most 10000.")                          \
	X(AFTER, 0, "after", "DURATION", "look at the process again after so long: 60s",       \
	  "Ctrl-C ends the wait, and the second look is taken then.")                          \
	X(FAIL_ON_GROWTH, 0, "fail-on-growth", "SIZE",                                         \
	  "exit status 1 if the heap grew by more",                                            \
	  "Of what it was (5%) or a size (10M, in units of 1024). It is the whole heap that "  \
	  "counts, whatever --filter shows.")                                                  \
	X(CENSUS, 0, "census", "DURATION", "walk the heap every so long",                      \
	  "10s unless it is given; longer where that would load a core more than a "           \
	  "little.")                                                                           \
	X(PLAIN, 0, "plain", NULL, "lines instead of a screen",                                \
	  "Each reading and each heap walk is appended. So it is, too, where standard input "  \
	  "or output is no terminal, or TERM is dumb.")                                        \
	X(STOP, 0, "stop", NULL, "read one consistent instant",                                \
	  "The memory is copied while nothing in the process moves, and read from the copy. "  \
	  "Where all its threads are asleep it need not be stopped; else it is, for as long "  \
	  "as the copy takes. Threads that wait in a call that this would end early (such "    \
	  "as epoll_wait) are left alone.")                                                    \
	X(NATIVE, 0, "native", NULL, "frames of C too",                                        \
	  "The functions of the program and its libraries, where they are in the stack: "      \
	  "in place of those that execute Python stand the frames of Python.")                 \
	X(MAX_PAUSE, 0, "max-pause", "DURATION", "stop for at most so long",                   \
	  "250ms unless it is given. If it looks as if that were not enough the process is "   \
	  "not stopped at all; if it turns out not to be, it is let go: exit status 6.")       \
	X(TRACEMALLOC, 0, "tracemalloc", NULL, "what tracemalloc knows, too",                  \
	  "Where it is on in the process (PYTHONTRACEMALLOC=1, tracemalloc.start()): the "     \
	  "lines that allocated most of what it holds, as take_snapshot().statistics("         \
	  "'lineno') lists them. Exit status 7 where it is off.")                              \
	X(INSTANCES, 0, "instances", "TYPE", "show objects of one type instead",               \
	  "TYPE is named as dump names it, or by its address (0x...). The largest objects "    \
	  "and as many drawn by lot, 10 of each unless --limit says otherwise (0: all of "     \
	  "them), each with its size, reference count, generation and what it looks like: "    \
	  "values of text and numbers, first items, attributes. No code of the process runs "  \
	  "for that.")                                                                         \
	X(STRINGS, 0, "strings", "all|none", "text of the process in its output",              \
	  "none: of objects that are shown, str, bytes and bytearray are no more than their "  \
	  "lengths. In a snapshot it "                                                         \
	  "replaces what str and bytes objects say, and text of eight and more ASCII "         \
	  "characters anywhere else in the memory of the process, and leaves out its "         \
	  "arguments. All objects and sizes stay as they are. What remains: names, which are " \
	  "interned strings (identifiers, attributes, keys that were written as literals), "   \
	  "types, modules, functions and source files; numbers; other text that is in no str " \
	  "or bytes object.")                                                                  \
	X(COMMAND_OUTPUT, 0, "command-output", "FILE",                                         \
	  "append what the command writes to a file",                                          \
	  "Its standard output and standard error, of a command that is given after --.")      \
	X(SUBPROCESSES, 's', "subprocesses", NULL,                                             \
	  "and what the process starts, and what that starts",                                 \
	  "Also what they start later on.")                                                    \
	X(RECORD, 0, "record", "FILE",                                                         \
	  "write all readings and heap walks to a file",                                       \
	  "One JSON object a line (heapspy.samples/1), for --replay. A file that exists is "   \
	  "not replaced without --force.")                                                     \
	X(REPLAY, 0, "replay", "FILE",                                                         \
	  "show what was recorded to a file",                                                  \
	  "As if it happened now. Space pauses, a full stop goes on by a reading, < and > go " \
	  "back and on by a minute, + and - change the speed. One that was cut off is shown "  \
	  "as far as it goes.")                                                                \
	X(SORT, 0, "sort", "COLUMN", "sort by this column",                                    \
	  "Numbers are sorted from the largest down, except for PIDs and user ids.")           \
	X(LIMIT, 'l', "limit", "N", "show at most N rows, 0 for all",                          \
	  "What is left out is summed up. The default of dump and diff is 20 rows in a "       \
	  "table and all rows elsewhere; in tables of report it is the first few of each.")    \
	X(FILTER, 0, "filter", "GLOB", "show only what matches a shell pattern",               \
	  "It is matched with the whole name of a type (dump, diff), the command (ps) or the " \
	  "function, file or module of a frame (report): 'app.*', '*Entry*'. Of report it "    \
	  "leaves the lines that match, and the stacks that have one.")                        \
	X(PROCESS, 0, "process", "PID", "only of this process",                                \
	  "Of a recording of several, as record -s makes it. Without it they are taken "        \
	  "together.")                                                                         \
	X(OUTPUT, 'o', "output", "FILE", "write to a file, - is standard output",              \
	  "The file gets its name when it is whole; a recording at once, for each of its "     \
	  "lines is whole. One that exists is not replaced without --force; symbolic links "   \
	  "are not followed.")                                                                 \
	X(FORCE, 0, "force", NULL, "replace the output file if it exists", NULL)               \
	X(JSON, 'j', "json", NULL, "write JSON, the same as --format json",                    \
	  "Errors are then written as JSON, too, after the message on standard error.")        \
	X(FORMAT, 0, "format", "table|json|ndjson|csv|folded|speedscope|pprof|svg|svg-timeline", \
	  "form of the output",                                                                \
	  "ndjson is JSON with each document on one line, which is also what gc writes for "   \
	  "an interval. csv is the main table alone: types of dump and diff, processes of ps, " \
	  "checks of doctor (with -v: offsets), lines of report; gc and stack have none. "     \
	  "Of report alone, ndjson being the recording itself without what is damaged: "       \
	  "folded, a stack a line, for flamegraph.pl and its kin; speedscope, for "            \
	  "https://www.speedscope.app; pprof, for go tool pprof; svg, a flame graph; "         \
	  "svg-timeline, what grew when. folded and svg show the column that is sorted by.")         \
	X(COLOR, 0, "color", "auto|always|never", "use colours",                               \
	  "auto, the default, uses them on a terminal unless NO_COLOR is set or TERM is "      \
	  "dumb.")                                                                             \
	X(ASCII, 0, "ascii", NULL, "write nothing but ASCII",                                  \
	  "Other characters are escaped. Tables do so, too, where the locale is not UTF-8.")   \
	X(NO_SANDBOX, 0, "no-sandbox", NULL, "keep rights that reading does not need",        \
	  "Else heapspy locks itself in before it looks at anything that a target holds: a "  \
	  "seccomp filter that it cannot lift again leaves it no way to write into, trace or " \
	  "signal another process, nor to open a file for writing. Where the kernel has no "  \
	  "such filters it says so and goes on.")                                              \
	X(QUIET, 'q', "quiet", NULL, "no remarks on standard error, only errors", NULL)        \
	X(VERBOSE, 'v', "verbose", NULL, "show more",                                          \
	  "dump: addresses of the types. doctor: every offset, with what each source of it "   \
	  "says. report: whole paths.")                                                        \
	X(HELP, 'h', "help", NULL, "show help: -h is short, --help is all", NULL)              \
	X(VERSION, 'V', "version", NULL, "show the version", NULL)

enum option_id {
#define X(name, letter, long_name, argument, summary, details) OPTION_##name,
	OPTIONS(X)
#undef X
	OPTION_IDS
};

typedef uint64_t option_set; /* a bit of each */
#define OPTION(name) ((option_set)1 << OPTION_##name)

/* Those that may also stand before the command. */
#define OPTIONS_GLOBAL                                                                         \
	(OPTION(COLOR) | OPTION(ASCII) | OPTION(NO_SANDBOX) | OPTION(QUIET) | OPTION(VERBOSE) | \
	 OPTION(HELP) | OPTION(VERSION))
#define OPTIONS_OUTPUT (OPTION(OUTPUT) | OPTION(FORCE) | OPTION(JSON) | OPTION(FORMAT))
#define OPTIONS_ROWS (OPTION(SORT) | OPTION(LIMIT) | OPTION(FILTER))

struct option_description {
	char letter;
	const char *name, *argument, *summary, *details;
};

extern const struct option_description option_table[OPTION_IDS];

/* In the order of their names in `argument` above. */
enum format {
	FORMAT_TABLE,
	FORMAT_JSON,
	FORMAT_NDJSON,
	FORMAT_CSV,
	FORMAT_FOLDED,
	FORMAT_SPEEDSCOPE,
	FORMAT_PPROF,
	FORMAT_SVG,
	FORMAT_SVG_TIMELINE,
	FORMAT_COUNT
};

/* Those of any document; a command may have more. */
enum {
	FORMATS_OF_ALL = 1 << FORMAT_TABLE | 1 << FORMAT_JSON | 1 << FORMAT_NDJSON |
			 1 << FORMAT_CSV,
};
enum colour { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

enum help { HELP_NONE, HELP_SHORT, HELP_FULL };

/* How much the heap may grow by: a share of what it was, or bytes. */
struct growth {
	bool is_share;
	double share;
	uint64_t bytes;
	const char *text; /* as it was given */
};

/* What was asked for. Zero is the default of everything. */
struct options {
	option_set given; /* OPTION() of those that were given */
	pid_t pid;
	const char *file; /* a core in place of a process, NULL: none */
	enum heapspy_layout_source layout;
	bool stop;
	const char *instances; /* name or address of a type, NULL: not given */
	bool native, tracemalloc;
	bool without_text;
	double max_pause; /* seconds, 0: not given */
	double interval; /* seconds */
	double duration; /* seconds, 0: not given */
	double rate;     /* a second, 0: not given, negative: none */
	double after;    /* seconds, 0: not given */
	struct growth growth;
	uint64_t count;
	double census; /* seconds, 0: not given */
	bool plain;
	bool subprocesses;
	const struct sort_column *sort;
	size_t limit;
	const char *filter;
	pid_t process;
	const char *output;
	bool force;
	enum format format;
	enum colour colour;
	bool ascii, no_sandbox, quiet, verbose;
	enum help help;
	bool version;
	int operand_count; /* what is left, in argv */
	char **operands;
	char **command; /* what follows "--", NULL at its end; NULL: nothing was asked for */
	const char *command_output; /* file, NULL: not given */
	const char *record, *replay; /* files, NULL: not given */
	int *status;    /* exit status where no error is returned */
};

/* Parse the options in argv from *index on. Without a command, those before it,
 * up to the first operand, where *index is left; with one, its own and all
 * operands. Errors are of code HEAPSPY_USAGE. */
HEAPSPY_CHECK struct heapspy_error *options_parse(int argc, char **argv, int *index,
						  const struct command *command,
						  struct options *options);

/* An operand as the option would be read. */
HEAPSPY_CHECK struct heapspy_error *options_set(struct options *options, enum option_id id,
						const struct command *command, const char *text);

static inline bool options_given(const struct options *options, option_set any)
{
	return (options->given & any) != 0;
}

/* Was JSON asked for, so that errors are wanted in it as well? */
static inline bool options_json(const struct options *options)
{
	return options->format == FORMAT_JSON || options->format == FORMAT_NDJSON;
}

#endif
