/* SPDX-License-Identifier: MIT */
/*
 * Writing a target down as an ELF core: a snapshot, which target_open_core() reads
 * again, and gdb as well.
 *
 * It has the memory that analysis needs: all private memory of the process, the
 * read-only data of its programs and libraries (symbols, names of types), and the
 * first page of each of their files, which has the build id. It leaves out code,
 * other mapped files, shared memory, and what the caller does not want. Pages of zeros are holes in
 * the file; what cannot be read is left out, as the kernel does with what it does not dump:
 * p_filesz < p_memsz.
 *
 * The source may be a live process, an image of one, or a core.
 */
#ifndef TARGET_CORE_WRITE_H
#define TARGET_CORE_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/error.h>

#include "target/stop/stop.h"
#include "target/target.h"

struct core_written {
	uint64_t size;    /* of the file, bytes */
	uint64_t stored;  /* of that, bytes written: the rest is holes */
	uint64_t memory;  /* wanted */
	uint64_t missing; /* of that, what could not be had */
};

/* A copy of private memory that is no part of a program's file, on its way to the
 * file: a piece between multiples of 1 MiB of the address space, or of a mapping. */
typedef void core_filter(void *context, uint64_t address, uint8_t *bytes, size_t length);

struct core_writing {
	const char *about; /* text of the snapshot's own note */
	const struct address_range *left_out; /* not wanted either: whole pages, by address */
	size_t left_out_count;
	core_filter *filter; /* may change what is written; NULL: nobody does */
	void *context;       /* of it */
	bool without_arguments; /* those of the program are left out of the notes */
};

/* `fd` is of an empty regular file, opened for writing; it is written with write()
 * and lseek() alone.
 * HEAPSPY_OUTPUT, with errno; HEAPSPY_GONE. */
struct heapspy_error *core_write(struct target *source, int fd,
				 const struct core_writing *writing,
				 struct core_written *ret_written);

#endif
