/* SPDX-License-Identifier: MIT */
/*
 * From an address to source lines, by debug information: the function it is in, and the
 * calls in it that the compiler put in line.
 */
#ifndef ELF_DWARF_PLACES_H
#define ELF_DWARF_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "elf/dwarf.h"

struct dwarf_places;

/* Goes over the units once. NULL without memory. The dwarf must outlive it. */
struct dwarf_places *dwarf_places_new(struct dwarf *dwarf);
void dwarf_places_free(struct dwarf_places *places);
DEFINE_CLEANUP(struct dwarf_places *, dwarf_places_free)

struct dwarf_place {
	const char *function; /* raw; NULL: not told */
	const char *file;     /* raw, as the compiler names it; NULL: not told */
	int line;             /* 0: not told */
};

enum { DWARF_MOST_PLACES = 32 };

/* `address` of the file; what was put in line comes first, the function itself last. How
 * many were written, 0: nothing is known of this address. The texts live as long as the
 * dwarf. */
size_t dwarf_places_find(struct dwarf_places *places, uint64_t address,
			 struct dwarf_place ret_places[static DWARF_MOST_PLACES]);

#endif
