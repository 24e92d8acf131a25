/* SPDX-License-Identifier: MIT */
/*
 * Who calls whom, by debug information: what is called at an address, and the calls of a
 * function whose callee takes its place on the stack (DWARF 5, 3.4; GNU's DW_TAG_GNU_call_site
 * before).
 */
#ifndef ELF_DWARF_CALLS_H
#define ELF_DWARF_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elf/dwarf_places.h"

/* Neither: it is called through a pointer, or not told. */
struct dwarf_callee {
	uint64_t address; /* of the file, where it begins; 0: not in this file */
	const char *name; /* its symbol, where it is in another file or unit; NULL */
};

struct dwarf_tail_call {
	uint64_t address; /* of the file, behind the jump */
	struct dwarf_callee callee;
};

/* Where the function begins that holds an address; false: not known. Addresses are of the
 * file. */
bool dwarf_function_start(struct dwarf_places *places, uint64_t address, uint64_t *ret_start);

/* What was called from where a return address leads; false: not told. */
bool dwarf_called_from(struct dwarf_places *places, uint64_t return_address,
		       struct dwarf_callee *ret_callee);

/* The tail calls of the function that begins at an address. Returns how many there are,
 * `max` are written. SIZE_MAX: the function is not known. */
size_t dwarf_tail_calls(struct dwarf_places *places, uint64_t start, struct dwarf_tail_call *calls,
			size_t max);

#endif
