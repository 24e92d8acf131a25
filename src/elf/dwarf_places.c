/* SPDX-License-Identifier: MIT */
#include "elf/dwarf_places.h"

#include <string.h>

#include "base/bisect.h"
#include "elf/dwarf_private.h"

/* Damaged debug information must not keep us busy. */
enum { MOST_RANGES = 1 << 20 };

struct unit_range {
	uint64_t start, end;
	uint64_t unit; /* offset of its DIE */
};

struct dwarf_places {
	struct dwarf *dwarf;
	struct unit_range *ranges; /* by start */
	size_t count;
};

/* ---- units ---------------------------------------------------------------------- */

static bool add(struct dwarf_places *places, const struct unit_range *range)
{
	if ((places->count & (places->count - 1)) == 0) {
		size_t capacity = places->count ? places->count * 2 : 1;
		struct unit_range *ranges =
			reallocarray(places->ranges, capacity, sizeof(*ranges));
		if (!ranges)
			return false;
		places->ranges = ranges;
	}
	places->ranges[places->count++] = *range;
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct unit_range *left = a, *right = b;
	return left->start < right->start ? -1 : left->start > right->start;
}

/* Few compilers but GCC write .debug_aranges: the units themselves are asked. */
struct dwarf_places *dwarf_places_new(struct dwarf *dwarf)
{
	CLEANUP(dwarf_places_freep) struct dwarf_places *places = calloc(1, sizeof(*places));
	if (!places)
		return NULL;
	places->dwarf = dwarf;
	Dwarf_CU *unit = NULL;
	Dwarf_Die die, split;
	uint8_t type;
	while (dwarf_get_units(dwarf->debug, unit, &unit, NULL, &type, &die, &split) == 0) {
		if (type != DW_UT_compile)
			continue;
		Dwarf_Addr base, start, end;
		ptrdiff_t at = 0;
		while (places->count < MOST_RANGES &&
		       (at = dwarf_ranges(&die, at, &base, &start, &end)) > 0) {
			struct unit_range range = {start, end, dwarf_dieoffset(&die)};
			if (start < end && !add(places, &range))
				return NULL;
		}
	}
	if (places->count)
		qsort(places->ranges, places->count, sizeof(*places->ranges), compare);
	return take_pointer(places);
}

void dwarf_places_free(struct dwarf_places *places)
{
	if (!places)
		return;
	free(places->ranges);
	free(places);
}

static bool find_unit(const struct dwarf_places *places, uint64_t address, Dwarf_Die *ret_die)
{
	size_t low = BISECT(places->count, at, places->ranges[at].start <= address);
	return low && address < places->ranges[low - 1].end &&
	       dwarf_offdie(places->dwarf->debug, places->ranges[low - 1].unit, ret_die);
}

/* ---- functions ------------------------------------------------------------------- */

/* The DIEs that hold an address, from the unit down. */
struct descent {
	uint64_t address;
	Dwarf_Die path[DWARF_DEEPEST]; /* the function, then what was put in line */
	size_t length;
	size_t visited;
};

/* Is anything below it that holds the address? */
static bool leads_on(const struct descent *descent, Dwarf_Die *die, int tag)
{
	switch (tag) {
	case DW_TAG_subprogram:
	case DW_TAG_inlined_subroutine:
	case DW_TAG_lexical_block:
		return dwarf_haspc(die, descent->address) > 0;
	case DW_TAG_namespace:
	case DW_TAG_module:
		return true;
	default:
		return false;
	}
}

static void descend(struct descent *descent, Dwarf_Die *parent, unsigned depth)
{
	Dwarf_Die die;
	if (depth == DWARF_DEEPEST || dwarf_child(parent, &die) != 0)
		return;
	do {
		if (descent->visited++ > DWARF_MOST_VISITED)
			return;
		int tag = dwarf_tag(&die);
		if (!leads_on(descent, &die, tag))
			continue;
		size_t length = descent->length;
		bool named = tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
		if (named && length < DWARF_DEEPEST)
			descent->path[descent->length++] = die;
		descend(descent, &die, depth + 1);
		/* A namespace may hold it, another one too. */
		if (tag != DW_TAG_namespace && tag != DW_TAG_module)
			return;
		if (descent->length > length)
			return;
	} while (dwarf_siblingof(&die, &die) == 0);
}

/* ---- lines ------------------------------------------------------------------------ */

static void set_line(struct dwarf_place *place, Dwarf_Die *unit, uint64_t address)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, address);
	int number;
	if (!line || dwarf_lineno(line, &number) != 0)
		return;
	place->file = dwarf_linesrc(line, NULL, NULL);
	place->line = place->file ? number : 0;
}

/* Where a function that was put in line was called from. */
static void set_call(struct dwarf_place *place, Dwarf_Die *unit, Dwarf_Die *callee)
{
	Dwarf_Attribute attribute;
	Dwarf_Word file, line;
	Dwarf_Files *files;
	size_t count;
	if (dwarf_formudata(dwarf_attr(callee, DW_AT_call_file, &attribute), &file) != 0 ||
	    dwarf_formudata(dwarf_attr(callee, DW_AT_call_line, &attribute), &line) != 0 ||
	    dwarf_getsrcfiles(unit, &files, &count) != 0 || file >= count || line > INT32_MAX)
		return;
	place->file = dwarf_filesrc(files, file, NULL, NULL);
	place->line = place->file ? (int)line : 0;
}

size_t dwarf_places_find(struct dwarf_places *places, uint64_t address,
			 struct dwarf_place ret_places[static DWARF_MOST_PLACES])
{
	Dwarf_Die unit;
	if (!find_unit(places, address, &unit))
		return 0;
	struct descent descent = {.address = address};
	descend(&descent, &unit, 0);
	/* Innermost first; of too many the innermost are left out. */
	size_t count = descent.length < DWARF_MOST_PLACES ? descent.length : DWARF_MOST_PLACES;
	for (size_t i = 0; i < count; i++) {
		size_t at = count - 1 - i;
		ret_places[i] = (struct dwarf_place){
			.function = dwarf_name(places->dwarf, &descent.path[at])};
		if (at + 1 == descent.length)
			set_line(&ret_places[i], &unit, address);
		else
			set_call(&ret_places[i], &unit, &descent.path[at + 1]);
	}
	return count;
}

bool dwarf_places_function(struct dwarf_places *places, uint64_t address,
			   Dwarf_Die *ret_function)
{
	Dwarf_Die unit;
	struct descent descent = {.address = address};
	if (!find_unit(places, address, &unit))
		return false;
	descend(&descent, &unit, 0);
	if (descent.length == 0)
		return false;
	*ret_function = descent.path[0];
	return true;
}

const char *dwarf_places_name(const struct dwarf_places *places, Dwarf_Die *die)
{
	return dwarf_name(places->dwarf, die);
}
