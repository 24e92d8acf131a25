/* SPDX-License-Identifier: MIT */
/*
 * The program headers of a module, from its file or from the memory of a target,
 * and where they say that it lies.
 */
#ifndef ELF_SEGMENTS_H
#define ELF_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <elf.h>

#include "elf/file.h"
#include "target/target.h"

enum { MAX_SEGMENTS = 64 };

/* Those that make sense: PT_LOAD ones with file and memory in step by pages. */
struct segments {
	Elf64_Phdr items[MAX_SEGMENTS];
	size_t count;
};

bool segments_from_file(const struct elf_file *file, struct segments *ret_segments);

/* `header` is the address of the ELF header. */
bool segments_from_memory(struct target *target, uint64_t header, struct segments *ret_segments);

/* What to add to an address of the file to get one of the target: the value on
 * which `mapping` and the most other mappings of its file agree. */
bool segments_bias(const struct segments *segments, const struct maps *maps,
		   const struct mapping *mapping, uint64_t *ret_bias);

/* Whole pages from the first to the last PT_LOAD, addresses of the file. */
void segments_range(const struct segments *segments, uint64_t *ret_start, uint64_t *ret_end);

/* The PT_LOAD segment that holds an address of the file; NULL if none does. */
const Elf64_Phdr *segments_find(const struct segments *segments, uint64_t address);

#endif
