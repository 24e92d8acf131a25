/* SPDX-License-Identifier: MIT */
/*
 * Does a process run CPython, and which? Told from names alone, for a list: of
 * its executable and of the files it maps. Nothing of its memory is read, so it
 * can be wrong both ways; python_open() knows.
 */
#ifndef HEAP_PYTHON_GUESS_H
#define HEAP_PYTHON_GUESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PYTHON_VERSION_SIZE = 8 };

/* What was found out about executables that are not called python. */
struct python_guesser {
	struct guessed_file {
		dev_t device;
		ino_t inode;
		bool python;
	} *files;
	size_t count;
};

void python_guesser_fini(struct python_guesser *guesser);

/* `proc`: the /proc/PID directory. The version is "" where no name tells it. */
bool python_guess(struct python_guesser *guesser, int proc,
		  char ret_version[static PYTHON_VERSION_SIZE]);

#endif
