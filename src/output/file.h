/* SPDX-License-Identifier: MIT */
/*
 * Where output goes: standard output, or a file that appears under its name only
 * when it is whole.
 *
 * A regular file is written without a name in the directory it is for (or, where
 * the file system cannot do that, under a hidden one), and gets its name from
 * output_finish(). One that exists is kept, with `force` replaced; a symbolic
 * link is never followed. A device or a FIFO is written as it is.
 *
 * The name is given by a process of its own, which is started with the file and knows
 * the one name that it may give: so the process that reads what is hostile needs no
 * right to create, rename or remove anything. <heapspy/sandbox.h>
 */
#ifndef OUTPUT_FILE_H
#define OUTPUT_FILE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include <heapspy/error.h>

struct output {
	FILE *stream;       /* fully buffered; write here */
	bool is_published;  /* gets its name from output_finish(), is lost without */
	const char *path;   /* as it was asked for; NULL: standard output */
	const char *name;   /* last component of it */
	int directory;      /* of a file to be published, else -1 */
	char *temporary;    /* its name until then, NULL: it has none */
	bool force;
	bool grows; /* has its name at once */
	pid_t keeper;       /* the process that gives the file its name, 0: none */
	int socket;         /* to it */
};

/* Descriptors 0 to 2 that are closed are opened on /dev/null, the wrong way
 * round, so that no file of ours takes their place and using them fails. */
void output_guard_descriptors(void);

/* "-" and NULL are standard output. `path` must outlive the output. */
HEAPSPY_CHECK struct heapspy_error *output_open(const char *path, bool force,
						struct output *ret_output);

/* The same, for what is to be read while it is written, and after an end that nobody
 * foresaw: a file has its name at once. One that is replaced is gone before there is any output. */
HEAPSPY_CHECK struct heapspy_error *output_open_growing(const char *path, bool force,
							struct output *ret_output);

/* What is written holds what a process kept in its memory: a file is for its owner alone,
 * whatever was there and whatever the umask says. */
HEAPSPY_CHECK struct heapspy_error *output_make_private(struct output *output);

/* Write what is buffered: each reading of a series reaches its reader at once. */
HEAPSPY_CHECK struct heapspy_error *output_flush(struct output *output);

/* All is written: see that it really is, and give the file its name. */
HEAPSPY_CHECK struct heapspy_error *output_finish(struct output *output);

/* Close; a file without output_finish() is gone without a trace. */
void output_fini(struct output *output);

#endif
