/* SPDX-License-Identifier: MIT */
#include "elf/dwarf_calls.h"

#include "elf/dwarf_private.h"


bool dwarf_function_start(struct dwarf_places *places, uint64_t address, uint64_t *ret_start)
{
	Dwarf_Die function;
	Dwarf_Addr start;
	if (!dwarf_places_function(places, address, &function) || dwarf_entrypc(&function, &start) != 0)
		return false;
	*ret_start = start;
	return true;
}

static bool is_call(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);
	return tag == DW_TAG_call_site || tag == DW_TAG_GNU_call_site;
}

static bool return_address_of(Dwarf_Die *site, uint64_t *ret_address)
{
	Dwarf_Attribute attribute;
	Dwarf_Addr address;
	Dwarf_Attribute *found = dwarf_attr(site, DW_AT_call_return_pc, &attribute);
	if (!found)
		found = dwarf_attr(site, DW_AT_low_pc, &attribute);
	if (!found || dwarf_formaddr(found, &address) != 0)
		return false;
	*ret_address = address;
	return true;
}

static bool has_flag(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	bool flag = false;
	return dwarf_attr(die, name, &attribute) && dwarf_formflag(&attribute, &flag) == 0 && flag;
}

static struct dwarf_callee callee_of(struct dwarf_places *places, Dwarf_Die *site)
{
	struct dwarf_callee callee = {.address = 0};
	Dwarf_Attribute attribute;
	Dwarf_Die function;
	Dwarf_Addr start;
	Dwarf_Attribute *found = dwarf_attr(site, DW_AT_call_origin, &attribute);
	if (!found)
		found = dwarf_attr(site, DW_AT_abstract_origin, &attribute);
	if (!found || !dwarf_formref_die(found, &function))
		return callee;
	if (has_flag(&function, DW_AT_declaration))
		callee.name = dwarf_places_name(places, &function);
	else if (dwarf_entrypc(&function, &start) == 0)
		callee.address = start;
	return callee;
}

/* Calls within a function, also of what was put in line. */
struct call_search {
	struct dwarf_places *places;
	uint64_t return_address; /* 0: tail calls are wanted */
	struct dwarf_tail_call *calls;
	size_t max, count, visited;
};

static void search_calls(struct call_search *search, Dwarf_Die *parent, unsigned depth)
{
	Dwarf_Die die;
	if (depth == DWARF_DEEPEST || dwarf_child(parent, &die) != 0)
		return;
	do {
		uint64_t address;
		if (search->visited++ > DWARF_MOST_VISITED)
			return;
		int tag = dwarf_tag(&die);
		if (tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine)
			search_calls(search, &die, depth + 1);
		if (!is_call(&die) || !return_address_of(&die, &address))
			continue;
		bool wanted = search->return_address
				      ? address == search->return_address
				      : has_flag(&die, DW_AT_call_tail_call) ||
						has_flag(&die, DW_AT_GNU_tail_call);
		if (!wanted)
			continue;
		if (search->count < search->max)
			search->calls[search->count] = (struct dwarf_tail_call){
				address, callee_of(search->places, &die)};
		search->count++;
	} while (dwarf_siblingof(&die, &die) == 0);
}

bool dwarf_called_from(struct dwarf_places *places, uint64_t return_address,
		       struct dwarf_callee *ret_callee)
{
	Dwarf_Die function;
	struct dwarf_tail_call call;
	struct call_search search = {places, return_address, &call, 1, 0, 0};
	if (!return_address || !dwarf_places_function(places, return_address - 1, &function))
		return false;
	search_calls(&search, &function, 0);
	if (search.count != 1)
		return false;
	*ret_callee = call.callee;
	return call.callee.address || call.callee.name;
}

size_t dwarf_tail_calls(struct dwarf_places *places, uint64_t start, struct dwarf_tail_call *calls,
			size_t max)
{
	Dwarf_Die function;
	struct call_search search = {places, 0, calls, max, 0, 0};
	if (!dwarf_places_function(places, start, &function))
		return SIZE_MAX;
	search_calls(&search, &function, 0);
	return search.count;
}
