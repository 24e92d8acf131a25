/* SPDX-License-Identifier: MIT */
/* What addresses mean: by debug information, else by symbols. */
#include <stdlib.h>
#include <string.h>

#include <heapspy/error.h>

#include "base/text.h"
#include "native/modules.h"

/* Addresses that are remembered of one module: a program has fewer that call. */
#define MOST_NAMES ((size_t)1 << 20)

static const struct native_name nothing;

static void seek_symbols(struct native_module *module)
{
	if (!module->symbols_sought && module->elf)
		module->symbols = symbols_new(module->elf);
	module->symbols_sought = true;
}

static void seek_places(struct native_module *module)
{
	if (module->places_sought)
		return;
	module->places_sought = true;
	struct heapspy_error *error =
		module->elf ? dwarf_open_module(module->elf, &module->dwarf) : NULL;
	heapspy_error_free(error);
	if (module->dwarf)
		module->places = dwarf_places_new(module->dwarf);
}

static char *copy(const char *text)
{
	return text ? text_from_bytes(text, strlen(text)) : NULL;
}

/* Compilers split functions, and mark the parts: "call_function.cold". Debug information
 * has the name of the whole. */
static void fill(struct native_module *module, uint64_t address, uint64_t pc,
		 struct native_names *ret_names)
{
	struct dwarf_place places[DWARF_MOST_PLACES] = {{.function = NULL}};
	const char *symbol = NULL;
	uint64_t start = 0;
	seek_symbols(module);
	seek_places(module);
	bool has_symbol =
		module->symbols && symbols_find(module->symbols, address, &symbol, &start);
	size_t count = module->places ? dwarf_places_find(module->places,
							  address - elf_module_bias(module->elf),
							  places)
				      : 0;
	size_t shown = count ? count : 1;
	struct native_name *names = calloc(shown, sizeof(*names));
	if (!names)
		return;
	for (size_t i = 0; i < shown; i++) {
		bool is_last = i + 1 == shown;
		const char *function = places[i].function;
		if (is_last && !function)
			function = symbol;
		names[i] = (struct native_name){
			.function = copy(function),
			.module = module->path,
			.offset = is_last && has_symbol ? pc - start : 0,
			.file = copy(places[i].file),
			.line = places[i].line,
			.inlined = !is_last,
		};
	}
	ret_names->items = names;
	ret_names->count = shown;
}

/* ---- remembered ------------------------------------------------------------------- */

static struct native_names *slot_of(struct native_names *table, size_t capacity, uint64_t key)
{
	size_t at = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (capacity - 1);
	while (table[at].items && table[at].key != key)
		at = (at + 1) & (capacity - 1);
	return &table[at];
}

static bool make_room(struct native_module *module)
{
	if (module->name_count * 2 < module->name_capacity)
		return true;
	size_t capacity = module->name_capacity ? module->name_capacity * 2 : 64;
	struct native_names *table =
		capacity <= MOST_NAMES * 2 ? calloc(capacity, sizeof(*table)) : NULL;
	if (!table)
		return false;
	for (size_t i = 0; i < module->name_capacity; i++)
		if (module->names[i].items)
			*slot_of(table, capacity, module->names[i].key) = module->names[i];
	free(module->names);
	module->names = table;
	module->name_capacity = capacity;
	return true;
}

const struct native_name *unwind_name(struct unwinder *unwinder, uint64_t pc, bool is_call,
				      size_t *ret_count)
{
	uint64_t address = pc - is_call, key = pc << 1 | is_call;
	struct native_module *module = modules_find(unwinder, address);
	*ret_count = 1;
	if (!module || !make_room(module))
		return &nothing;
	struct native_names *names = slot_of(module->names, module->name_capacity, key);
	if (!names->items) {
		fill(module, address, pc, names);
		if (!names->items)
			return &nothing;
		names->key = key;
		module->name_count++;
	}
	*ret_count = names->count;
	return names->items;
}
