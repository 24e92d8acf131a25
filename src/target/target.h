/* SPDX-License-Identifier: MIT */
/*
 * Where bytes come from: one interface over a live process, a core file, or a
 * piece of memory made up by a test.
 *
 * Reading changes nothing in the target, not even its page tables: a page the
 * target never touched reads as zeros without being touched by us either, a
 * clean page of a file is read from the file, a page that is swapped out is
 * FAULT_ABSENT. What went away since the last target_refresh() is FAULT_TORN or
 * FAULT_UNMAPPED, never zeros (for memory never touched, from Linux 6.11 on).
 *
 * A target belongs to one thread at a time.
 */
#ifndef TARGET_TARGET_H
#define TARGET_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <heapspy/error.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "target/maps.h"
#include "target/registers.h"

struct target;

/* One of many reads: `length` bytes at `address` to `buffer`. */
struct target_read {
	uint64_t address;
	void *buffer;
	uint32_t length;
	enum fault fault; /* set by target_read_many() */
};

/* A live process. Opens everything that is needed later (pidfd, the /proc
 * directory, mem, maps, pagemap) and learns the maps. The error names the one
 * cause: no such process, a zombie, a kernel thread, not permitted and why. */
struct heapspy_error *target_open_process(pid_t pid, struct target **ret_target);

/* For stop_and_copy() from a process that locks itself in: starts the small process
 * that will do it. Of a live process only, before it starts threads that matter. */
struct heapspy_error *target_prepare_stop(struct target *target);

void target_free(struct target *target);
DEFINE_CLEANUP(struct target *, target_free)

/* Read all of it, or say why not. */
enum fault target_read(struct target *target, uint64_t address, void *buffer, size_t length);

/* Read what can be read of a long piece; what cannot is zeros. Returns
 * FAULT_NONE also then, with the bytes really had (never-touched pages count as
 * had) in *ret_covered. Other faults only when nothing more can be read at all. */
enum fault target_read_some(struct target *target, uint64_t address, void *buffer,
			    size_t length, size_t *ret_covered);

/* Many small reads in few system calls; best sorted by address. Each has its
 * own fault. */
void target_read_many(struct target *target, struct target_read *reads, size_t count);

/* The first address from `address` on, below `end`, that may hold anything but
 * zeros; `end` if there is none. Both in one mapping: for going over memory that
 * was never touched without reading it. */
uint64_t target_next_data(struct target *target, uint64_t address, uint64_t end);

/* The mappings as of the last refresh. */
const struct maps *target_maps(const struct target *target);

/* Learn the maps and the presence of pages anew: at the start of each sample. */
struct heapspy_error *target_refresh(struct target *target);

/* FAULT_NONE while the process is still the one that was opened: not ended,
 * its PID not reused, no exec since. Bytes read before count only after this. */
enum fault target_verify(struct target *target);

/* From any thread: whatever reads from now on gets FAULT_GONE. For a live process. */
void target_cancel(struct target *target);

/* Of a core file: the one its process had, 0 where that is not known. */
pid_t target_pid(const struct target *target);

/* What to call it in a message: "process 12", "the process of core.12". Sanitised;
 * lives as long as the target. */
const char *target_name(struct target *target);

/* A descriptor of the file behind a mapping, checked to be that very file even
 * if its path is gone or means another file by now; -1 where it cannot be had.
 * The caller closes it. */
int target_open_mapped_file(struct target *target, const struct mapping *mapping);

/* The registers of a thread: of a live process only of one that waits, without stopping it,
 * and only as long as it does; of a copy and of a core those of its instant. False: they
 * are not known. */
bool target_registers(struct target *target, pid_t tid, struct registers *ret_registers);

/* The /proc/PID directory of a live process, -1 for a core file. Not to be
 * closed by the caller. */
int target_proc_directory(const struct target *target);

/* Bytes read so far, for the capture report. */
uint64_t target_bytes_read(const struct target *target);

#endif
