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

#include <heapspy/sampler.h>

struct tui_options {
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
 * ends it. The infos are those of what the sampler watches. Signals are as before
 * when it returns. */
void tui_run(struct heapspy_sampler *sampler, const struct heapspy_target_info *target,
	     const struct heapspy_python_info *python, const struct tui_options *options,
	     struct tui_end *ret_end);

/* The keys, one after the other: their names and what they are for. False: no more. */
bool tui_key(size_t number, const char **ret_names, const char **ret_meaning);

#endif
