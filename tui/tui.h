/* SPDX-License-Identifier: MIT */
/*
 * The dashboard, as the program sees it: the only header of this folder that is
 * included from outside.
 */
#ifndef TUI_TUI_H
#define TUI_TUI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <heapspy/replay.h>
#include <heapspy/sampler.h>
#include <heapspy/scout.h>

/* What is watched: one of them. */
struct tui_source {
	struct heapspy_sampler *sampler; /* one process; it stays the caller's */
	struct heapspy_scout *scout;     /* several, listed; so does this */
	struct heapspy_replay *replay;   /* what was recorded; so does this */
};

/* ---- files that the user asks for ---------------------------------------------------- */

enum tui_format { TUI_JSON, TUI_CSV, TUI_TEXT, TUI_FORMATS };

enum tui_kind {
	TUI_NAME,         /* text; NULL: not known */
	TUI_COUNT,        /* natural; HEAPSPY_UNKNOWN: not known */
	TUI_CHANGE,       /* real, rounded; NaN: not known */
	TUI_SIGNED,       /* integer */
	TUI_ID,           /* integer, which is no quantity */
	TUI_BYTES,        /* natural */
	TUI_BYTES_CHANGE, /* real, rounded; NaN: not known */
	TUI_ADDRESS,      /* natural */
	TUI_RATIO,        /* real */
	TUI_TIME,         /* real: seconds since the epoch; NaN: not known */
	TUI_FLAG,         /* natural */
};

struct tui_column {
	const char *key; /* its name in JSON and CSV, and in capitals over the text */
	enum tui_kind kind;
};

union tui_value {
	const char *text;
	uint64_t natural;
	int64_t integer;
	double real;
};

/* A real that is not known. */
#define TUI_NOT_KNOWN __builtin_nan("")

/* A view as a table: what it shows, all of it. */
struct tui_table {
	const char *view; /* "types" */
	double time;      /* of the data */
	const struct heapspy_target_info *target; /* whose it is; NULL: of several processes */
	const struct heapspy_python_info *python;
	const struct tui_column *columns;
	size_t column_count, row_count;
	union tui_value *values; /* row by row */
};

enum tui_saved { TUI_SAVED, TUI_EXISTS, TUI_FAILED };

/* Who writes files. A file is whole or not there; one that exists is replaced only where
 * that is asked for. `why` says what is wrong, in a line. */
struct tui_files {
	void *context;
	enum tui_saved (*save)(void *context, const char *path, bool replace, enum tui_format format,
			       const struct tui_table *table, char *why, size_t size);
	/* A private file for a snapshot, one at a time; it stays open until close(). */
	enum tui_saved (*open)(void *context, const char *path, bool replace, int *ret_fd, char *why,
			       size_t size);
	/* With `keep` it gets its name, else it is gone. */
	enum tui_saved (*close)(void *context, bool keep, char *why, size_t size);
};

struct tui_options {
	const struct tui_files *files; /* NULL: nothing can be written */
	FILE *record;  /* all samples are written to it, NULL: they are not */
	bool plain;    /* lines, one after the other, instead of a screen */
	bool ascii;    /* nothing but ASCII */
	bool colour;
	bool without_text; /* previews of objects leave out what texts say */
	uint64_t count; /* end after so many readings, 0: never by itself */
	double interval, census_interval; /* those of the sampler */
};

struct tui_end {
	int signal;  /* that it was ended by, 0: none */
	int errnum;  /* of trouble, 0: none */
	bool gone;   /* the process went while it was watched */
	const char *trouble; /* why there was no screen or output; static, NULL: there was */
	char why[256];       /* the process is gone: how that was found */
};

/* Until the user, the count, a signal or, for plain lines, the end of the process
 * (of all of them) ends it. Signals are as before when it returns. */
void tui_run(const struct tui_source *source, const struct tui_options *options,
	     struct tui_end *ret_end);

/* The keys, one after the other: their names and what they are for. False: no more. */
bool tui_key(size_t number, const char **ret_names, const char **ret_meaning);

#endif
