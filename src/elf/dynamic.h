/* SPDX-License-Identifier: MIT */
/*
 * The dynamic symbols of a module as its process has them in memory: for when
 * its file is gone, or is another one by now.
 */
#ifndef ELF_DYNAMIC_H
#define ELF_DYNAMIC_H

#include <elf.h>

#include "elf/segments.h"

struct dynamic;

/* NULL where there are none or they make no sense. The symbols are copied: the
 * target may go. `start` and `end`: the addresses of the module in the target. */
struct dynamic *dynamic_new(struct target *target, const struct segments *segments, uint64_t bias,
			    uint64_t start, uint64_t end);
void dynamic_free(struct dynamic *dynamic);
DEFINE_CLEANUP(struct dynamic *, dynamic_free)

/* Calls `visit` with each defined symbol until it returns true. */
void dynamic_symbols(const struct dynamic *dynamic, elf_symbol_visitor *visit, void *context);

/* The build id from the notes in memory: lower case hex, "" if there is none. */
void dynamic_build_id(struct target *target, const struct segments *segments, uint64_t bias,
		      char ret_build_id[static ELF_BUILD_ID_SIZE]);

#endif
