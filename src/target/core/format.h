/* SPDX-License-Identifier: MIT */
/*
 * The notes that a snapshot of heapspy has beside those of every core, and what
 * reader and writer of cores share. ELF: System V ABI, chapter 4; notes of cores:
 * fs/binfmt_elf.c of the kernel.
 */
#ifndef TARGET_CORE_FORMAT_H
#define TARGET_CORE_FORMAT_H

#include <elf.h>
#include <stdint.h>

#define CORE_NOTE_OWNER "CORE"
#define SNAPSHOT_NOTE_OWNER "heapspy"

/* Debuggers look at the type alone: these are none of theirs. */
enum {
	SNAPSHOT_NOTE_ABOUT = 0x68730001, /* JSON: heap/snapshot_about.h */
	SNAPSHOT_NOTE_MAPS = 0x68730002,  /* /proc/PID/maps as it was: proc_pid_maps(5) */
};

/* NT_FILE is this, so many entries, and then their paths, each with its NUL. */
struct core_file_header {
	uint64_t count;
	uint64_t unit; /* bytes that one of `offset` counts */
};

struct core_file_entry {
	uint64_t start, end, offset;
};

static inline uint64_t note_align(uint64_t size)
{
	return (size + 3) & ~UINT64_C(3);
}

#endif
