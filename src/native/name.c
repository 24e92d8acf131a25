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
	struct symbols *symbols = module_symbols(module);
	struct dwarf_places *known = module_places(module);
	bool has_symbol = symbols && symbols_find(symbols, address, &symbol, &start);
	size_t count = known ? dwarf_places_find(known, address - elf_module_bias(module->elf),
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
			.module_offset = module->elf ? pc - elf_module_bias(module->elf) : 0,
			.file = copy(places[i].file),
			.line = places[i].line,
			.inlined = !is_last,
			.address = pc,
		};
	}
	ret_names->items = names;
	ret_names->count = shown;
}

/* ---- remembered ------------------------------------------------------------------- */

static struct native_names *slot_of(struct native_names *slots, size_t capacity, uint64_t key)
{
	size_t at = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (capacity - 1);
	while (slots[at].items && slots[at].key != key)
		at = (at + 1) & (capacity - 1);
	return &slots[at];
}

static bool make_room(struct names_table *table)
{
	if (table->count * 2 < table->capacity)
		return true;
	size_t capacity = table->capacity ? table->capacity * 2 : 64;
	struct native_names *slots =
		capacity <= MOST_NAMES * 2 ? calloc(capacity, sizeof(*slots)) : NULL;
	if (!slots)
		return false;
	for (size_t i = 0; i < table->capacity; i++)
		if (table->slots[i].items)
			*slot_of(slots, capacity, table->slots[i].key) = table->slots[i];
	free(table->slots);
	table->slots = slots;
	table->capacity = capacity;
	return true;
}

struct native_names *names_at(struct names_table *table, uint64_t key)
{
	if (!make_room(table))
		return NULL;
	struct native_names *slot = slot_of(table->slots, table->capacity, key);
	slot->key = key;
	return slot;
}

void names_put(struct names_table *table, struct native_names *slot,
	       const struct native_names *names)
{
	*slot = *names;
	table->count++;
}

void names_fini(struct names_table *table)
{
	for (size_t i = 0; i < table->capacity; i++) {
		struct native_names *names = &table->slots[i];
		for (size_t j = 0; j < names->count; j++) {
			free((char *)names->items[j].function);
			free((char *)names->items[j].file);
		}
		free(names->items);
	}
	free(table->slots);
	*table = (struct names_table){0};
}

const struct native_name *unwind_name(struct unwinder *unwinder, uint64_t pc, bool is_call,
				      size_t *ret_count)
{
	uint64_t address = pc - is_call, key = pc << 1 | is_call;
	struct native_module *module = modules_find(unwinder, address);
	*ret_count = 1;
	struct native_names *names = module ? names_at(&module->names, key) : NULL;
	if (!names)
		return &nothing;
	if (!names->items) {
		struct native_names found = {.key = key};
		fill(module, address, pc, &found);
		if (!found.items)
			return &nothing;
		names_put(&module->names, names, &found);
	}
	*ret_count = names->count;
	return names->items;
}
