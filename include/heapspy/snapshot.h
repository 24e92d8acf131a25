/* SPDX-License-Identifier: MIT */
/*
 * Snapshots: an ELF core file with the memory that analysis needs, and a note that
 * says when it was taken, of what, and how the kernel accounted its memory.
 *
 * heapspy_open() reads it, on this machine or another: what it needs of the
 * program files is in it. gdb opens it as well, without registers.
 */
#ifndef HEAPSPY_SNAPSHOT_H
#define HEAPSPY_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include <heapspy/api.h>
#include <heapspy/attach.h>
#include <heapspy/error.h>

struct heapspy_snapshot_options {
	bool stop; /* as of heapspy_dump() */
	double max_pause;
	/* Leave text out: what str and bytes objects say, text of eight and more ASCII
	 * characters elsewhere, what was freed, and the arguments of the program. All
	 * structure and every size stays. Names stay too: interned strings (identifiers,
	 * attributes), types, modules, functions and source files; and numbers, and short
	 * or other text that is in no str or bytes object. */
	bool without_text;
};

struct heapspy_snapshot {
	enum heapspy_capture_mode mode;
	double time;      /* when it was taken: seconds since the epoch */
	double duration;  /* seconds */
	double pause;     /* seconds for which the target was stopped */
	uint64_t size;    /* of the file: bytes */
	uint64_t stored;  /* of that, what takes space on the disk: the rest is holes */
	uint64_t memory;  /* bytes of memory wanted */
	uint64_t missing; /* of that, what could not be had */
	bool one_instant; /* false: a thread went on while memory was copied, as it may
	                     unless `stop` was asked for */
};

/* options may be NULL. `fd` is of an empty regular file, opened for writing, and stays the
 * caller's. It holds the memory of the process: give it a mode of 0600. After an error what is in
 * it is of no use. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_snapshot_write(struct heapspy *heapspy, const struct heapspy_snapshot_options *options,
		       int fd, struct heapspy_snapshot *ret_snapshot);

#endif
