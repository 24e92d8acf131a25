/* SPDX-License-Identifier: MIT */
/*
 * An ELF core file as a target: the kernel's (core(5)), gcore's, or a snapshot of
 * our own (target/core_write.h). 64-bit, little-endian, x86-64.
 *
 * The bytes are those that the core holds. Memory that it leaves out on purpose
 * because a file has it (clean pages: bit 2 and 3 of coredump_filter) is read
 * from that file, if the file is still here and the very one: its build id is
 * that of the ELF header page in the core. All else that is left out or cut off
 * is FAULT_ABSENT. A hole of a sparse core is zeros.
 *
 * Nothing in the file is believed: it may be cut, changed under us, or made to
 * hurt. What is not a core, or contradicts itself, is HEAPSPY_BAD_FILE, with the
 * offset and what is wrong there.
 */
#ifndef TARGET_CORE_H
#define TARGET_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/procfs.h>
#include <sys/types.h>

#include "target/target.h"

/* What the notes of a core say of its process. Raw: nothing is sanitised. */
struct core_process {
	bool has_psinfo;
	struct elf_prpsinfo psinfo; /* its texts may lack the NUL */
	struct elf_prstatus *threads; /* the one that dumped first */
	size_t thread_count;
	uint64_t *auxv; /* pairs of type and value: getauxval(3) */
	size_t auxv_count; /* pairs */
};

void core_process_fini(struct core_process *process);

/* 0 where there is none of that type. */
uint64_t core_process_auxv(const struct core_process *process, uint64_t type);

/* What a core is besides memory. */
struct core_facts {
	const char *path;
	double time;       /* of the file: seconds since the epoch */
	uint64_t size;     /* of the file, bytes */
	uint64_t cut_off;  /* bytes of memory that its headers name and the file has not */
	bool files_absent; /* pages were wanted that only a program's file has, which is not here */
	struct core_process process;
	const char *about; /* text of a snapshot's own note, raw JSON; NULL: it is none */
	size_t about_length;
};

struct heapspy_error *target_open_core(const char *path, struct target **ret_target);

/* NULL for a target that is no core. Lives as long as the target. */
const struct core_facts *target_core_facts(const struct target *target);

/* The main program, as the core names it; NULL where it does not. Not to be freed. */
const char *target_core_executable(const struct target *target);

/* Why the pages of a mapped file are not at hand, one line, static text; NULL: they are. */
const char *target_core_missing(struct target *target, const struct mapping *mapping);

/* The arguments of the program, sanitised, NULL at the end: from its stack, else
 * the 80 characters of the note. NULL where there is no memory. */
char **target_core_command(struct target *target);

#endif
