/* SPDX-License-Identifier: MIT */
/*
 * A live process as a target. Only the files of this folder include it.
 *
 * Everything is opened once, under the /proc/PID directory, and held: after
 * that no PID is looked up again except by process_vm_readv(), which is why
 * target_verify() has the last word on what it read.
 */
#ifndef TARGET_PROCESS_H
#define TARGET_PROCESS_H

#include <stdbool.h>
#include <sys/uio.h>

#include "target/ops.h"
#include "target/process/identity.h"
#include "target/process/presence.h"
#include "target/stop/server.h"

enum {
	BATCH_ITEMS = 1024, /* UIO_MAXIOV: one more is EINVAL */
	CACHED_FILES = 64,
};

/* Pieces of present memory waiting for one process_vm_readv(). */
struct batch {
	size_t count;
	uint64_t bytes;
	struct iovec local[BATCH_ITEMS], remote[BATCH_ITEMS];
	enum fault *fault[BATCH_ITEMS]; /* where to say that a piece failed */
};

/* A file behind mappings, opened for its pages that are not in memory. */
struct cached_file {
	dev_t device;
	ino_t inode;
	int fd;           /* -1: cannot be had, because of `fault` */
	enum fault fault; /* FAULT_NONE with fd -1: free slot */
};

struct process_target {
	struct target base;
	struct identity identity;
	pid_t task; /* a living thread: the process itself unless its leader ended first */
	int mem, maps;
	int pagemap; /* -1 where the kernel has none: then absent pages are read too */
	bool vm_readv; /* process_vm_readv() is allowed here */
	_Atomic bool gone; /* or nothing more is to be read */
	struct presence presence;
	uint64_t missing; /* bytes of the current operation that could not be had */
	bool may_query;   /* procmap_query() works here */
	struct mapping checked; /* what it said last, in the operation `checked_in` */
	uint64_t checked_in;
	struct batch batch;
	struct cached_file files[CACHED_FILES];
	size_t next_file;
	struct stop_server server; /* what stops it, where that was started beforehand */
};

/* read.c */
void process_read_piece(struct target *target, uint64_t address, void *buffer, size_t length,
			size_t *ret_missing, enum fault *ret_fault);
void process_read_many(struct target *target, struct target_read *reads, size_t count);

/* What a mapping that can be read holds where the process wrote nothing: zeros, or
 * the bytes of its file. Returns how much of it cannot be had, which is zeros then,
 * and sets *fault for it unless it was set. */
uint64_t process_read_clean(struct process_target *process, const struct mapping *mapping,
			    uint64_t address, void *buffer, uint64_t length, enum fault *fault);

/* process_data.c */
uint64_t process_next_data(struct target *target, uint64_t address, uint64_t end);

/* mapped_file.c */
int process_open_mapped_file(struct target *target, const struct mapping *mapping);

/* A cached descriptor of the file behind a mapping, not to be closed; -1 and
 * *ret_fault where it cannot be had or is no regular file. */
int process_mapped_file(struct process_target *process, const struct mapping *mapping,
			enum fault *ret_fault);

/* Files that could not be had get another chance at the next sample. */
void process_forget_missing_files(struct process_target *process);
void process_close_files(struct process_target *process);

#endif
