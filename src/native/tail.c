/* SPDX-License-Identifier: MIT */
/*
 * Functions that are on no stack any more: where the last thing one does is to call
 * another, its place is given to that. Debug information tells which calls are of that
 * kind, so that the way from what was called to what is there can be found, if there is
 * but one, as debuggers do.
 *
 * What is called through a pointer could be anything: then nothing is said.
 */
#include <stdlib.h>
#include <string.h>

#include "elf/dwarf_calls.h"
#include "native/modules.h"

enum { MOST_SITES = 64, MOST_STEPS = 2000, LONGEST = 16 };

struct search {
	struct unwinder *unwinder;
	struct native_module *there; /* that the way ends in */
	uint64_t goal;               /* where the function begins that is there */
	unsigned steps;
	uint64_t chain[LONGEST]; /* addresses behind the jumps, in the target */
	/* What all ways have in common: `callers` at the beginning, `callees` at the end. */
	uint64_t result[LONGEST];
	size_t length, callers, callees;
	bool found, failed;
};

static struct dwarf_places *places_of(struct native_module *module)
{
	return module ? module_places(module) : NULL;
}

static uint64_t bias_of(const struct native_module *module)
{
	return elf_module_bias(module->elf);
}

/* Where the function begins that holds an address; 0: not known. */
static uint64_t start_of(struct native_module *module, uint64_t address)
{
	struct dwarf_places *places = places_of(module);
	uint64_t start;
	const char *name;
	if (places && dwarf_function_start(places, address - bias_of(module), &start))
		return start + bias_of(module);
	struct symbols *symbols = module ? module_symbols(module) : NULL;
	return symbols && symbols_find(symbols, address, &name, &start) ? start : 0;
}

/* A declaration has its symbol in the same file, or in that which the way ends in. */
static uint64_t resolve(struct search *search, struct native_module *module,
			const struct dwarf_callee *callee)
{
	uint64_t address;
	if (callee->address)
		return callee->address + bias_of(module);
	if (!callee->name)
		return 0;
	if (elf_module_symbol(module->elf, callee->name, &address, NULL) ||
	    (search->there->elf &&
	     elf_module_symbol(search->there->elf, callee->name, &address, NULL)))
		return address;
	return 0;
}

/* One way that leads there. */
static void take_way(struct search *search, size_t length)
{
	size_t least = length < search->length ? length : search->length;
	if (!search->found) {
		memcpy(search->result, search->chain, length * sizeof(*search->chain));
		search->length = search->callers = search->callees = length;
		search->found = true;
		return;
	}
	if (search->callers > least)
		search->callers = least;
	if (search->callees > least)
		search->callees = least;
	for (size_t i = 0; i < search->callers; i++)
		if (search->result[i] != search->chain[i])
			search->callers = i;
	for (size_t i = 0; i < search->callees; i++)
		if (search->result[search->length - 1 - i] != search->chain[length - 1 - i])
			search->callees = i;
	search->failed = search->callers == 0 && search->callees == 0;
}

static bool is_on_the_way(const struct search *search, size_t length, uint64_t site)
{
	for (size_t i = 0; i < length; i++)
		if (search->chain[i] == site)
			return true;
	return false;
}

static void follow(struct search *search, uint64_t function, size_t length)
{
	if (function == search->goal) {
		take_way(search, length);
		return;
	}
	struct native_module *module = modules_find(search->unwinder, function);
	struct dwarf_places *places = places_of(module);
	struct dwarf_tail_call *calls = calloc(MOST_SITES, sizeof(*calls));
	size_t count = places && calls
			       ? dwarf_tail_calls(places, function - bias_of(module), calls, MOST_SITES)
			       : 0;
	/* Without debug information it makes none that is known of. */
	if (count == SIZE_MAX)
		count = 0;
	if (count > MOST_SITES || (count && length == LONGEST))
		search->failed = true;
	for (size_t i = 0; i < count && !search->failed; i++) {
		uint64_t site = calls[i].address + bias_of(module);
		if (is_on_the_way(search, length, site))
			continue;
		uint64_t callee = resolve(search, module, &calls[i].callee);
		search->chain[length] = site;
		if (!callee || search->steps++ == MOST_STEPS)
			search->failed = true;
		else
			follow(search, callee, length + 1);
	}
	free(calls);
}

/* The frames that are shown, newest first. */
static size_t shown(const struct search *search, uint64_t sites[static LONGEST])
{
	size_t count = 0;
	if (!search->found || search->failed)
		return 0;
	if (search->callees < search->length)
		for (size_t i = 0; i < search->callees; i++)
			sites[count++] = search->result[search->length - 1 - i];
	for (size_t i = search->callers; i > 0 && count < LONGEST; i--)
		sites[count++] = search->result[i - 1];
	return count;
}

/* Each as the innermost of what was put in line there, as debuggers call it. */
static void name_them(struct unwinder *unwinder, const uint64_t *sites, size_t count,
		      struct native_names *ret_names)
{
	ret_names->items = calloc(count + 1, sizeof(*ret_names->items));
	for (size_t i = 0; i < count && ret_names->items; i++) {
		size_t names;
		struct native_name *copy = &ret_names->items[ret_names->count++];
		*copy = *unwind_name(unwinder, sites[i], true, &names);
		copy->function = copy->function ? strdup(copy->function) : NULL;
		copy->file = copy->file ? strdup(copy->file) : NULL;
		copy->inlined = false;
		copy->tail_call = true;
	}
}

static size_t find(struct unwinder *unwinder, struct native_module *caller, uint64_t caller_pc,
		   struct native_module *callee, uint64_t goal, uint64_t sites[static LONGEST])
{
	struct search search = {.unwinder = unwinder, .there = callee, .goal = goal};
	struct dwarf_places *places = places_of(caller);
	struct dwarf_callee called;
	if (!places || !dwarf_called_from(places, caller_pc - bias_of(caller), &called))
		return 0;
	uint64_t function = resolve(&search, caller, &called);
	if (!function || function == goal)
		return 0;
	follow(&search, function, 0);
	return shown(&search, sites);
}

const struct native_name *unwind_tail_calls(struct unwinder *unwinder,
					    const struct native_frame *callee,
					    const struct native_frame *caller, size_t *ret_count)
{
	*ret_count = 0;
	if (!caller->is_call)
		return NULL;
	uint64_t within = callee->pc - callee->is_call;
	struct native_module *to = modules_find(unwinder, within);
	struct native_module *from = modules_find(unwinder, caller->pc - 1);
	if (!to || !from || !from->elf)
		return NULL;
	struct native_names *names =
		names_at(&from->tails, caller->pc * UINT64_C(0x9e3779b97f4a7c15) ^ within);
	if (!names)
		return NULL;
	if (!names->items) {
		uint64_t key = names->key, sites[LONGEST];
		uint64_t goal = start_of(to, within);
		size_t count = goal ? find(unwinder, from, caller->pc, to, goal, sites) : 0;
		struct native_names found = {.key = key};
		name_them(unwinder, sites, count, &found);
		/* The table may have moved meanwhile. */
		names = names_at(&from->tails, key);
		if (!names || !found.items) {
			free(found.items);
			return NULL;
		}
		names_put(&from->tails, names, &found);
	}
	*ret_count = names->count;
	return names->items;
}
