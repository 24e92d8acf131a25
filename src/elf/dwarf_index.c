/* SPDX-License-Identifier: MIT */
/*
 * From the name of a type to its DIEs, by one pass over the top level of all
 * units. Compilers write neither .debug_names nor .debug_pubtypes by default, so
 * the pass is the common case, and it is the only one here.
 */
#include <string.h>

#include "base/array.h"
#include "base/bisect.h"
#include "elf/dwarf_private.h"

/* Sibling links of damaged debug information can go round in a circle. */
#define MAX_VISITED (UINT64_C(16) << 20)

/* Units of the alternate file: those of a dwz'ed python are some thousands. */
#define MAX_IMPORTED ((size_t)1 << 16)

#define ALTERNATE (UINT64_C(1) << 63)

struct entry {
	uint64_t place; /* offset of the DIE; ALTERNATE */
	uint32_t hash;
	uint32_t next; /* in the same bucket, index + 1 */
};

struct dwarf_index {
	struct entry *entries;
	size_t count, capacity;
	uint32_t buckets[1 << 14];
	uint64_t *known; /* units of the alternate file that are imported, sorted */
	uint64_t *line;	 /* the same, in the order they were met */
	size_t known_count;
	uint64_t visited;
	bool failed; /* out of memory */
};

/* FNV-1a */
static uint32_t hash_name(const char *name)
{
	uint32_t hash = 2166136261u;
	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return hash;
}

static void add(struct dwarf_index *index, const char *name, uint64_t place)
{
	if (!ARRAY_RESERVE(index->entries, index->capacity, index->count + 1)) {
		index->failed = true;
		return;
	}
	uint32_t hash = hash_name(name);
	uint32_t *bucket = &index->buckets[hash % (sizeof(index->buckets) / sizeof(uint32_t))];
	index->entries[index->count] = (struct entry){place, hash, *bucket};
	*bucket = (uint32_t)++index->count;
}

/* dwz moves types that several files share to partial units of the alternate
 * file; only those imported here are this file's. They wait in line: an import
 * may lead to an import. */
static void queue_import(struct dwarf *dwarf, struct dwarf_index *index, Dwarf_Die *import)
{
	Dwarf_Attribute attribute;
	Dwarf_Die unit;
	if (!dwarf_attr(import, DW_AT_import, &attribute) || !dwarf_formref_die(&attribute, &unit))
		return;
	if (dwarf_cu_getdwarf(unit.cu) != dwarf->alternate)
		return;

	uint64_t offset = dwarf_dieoffset(&unit);
	size_t low = BISECT(index->known_count, at, index->known[at] < offset);
	size_t count = index->known_count;
	if ((low < count && index->known[low] == offset) || count == MAX_IMPORTED)
		return;
	memmove(&index->known[low + 1], &index->known[low], (count - low) * sizeof(uint64_t));
	index->known[low] = offset;
	index->line[count] = offset;
	index->known_count++;
}

static void scan_unit(struct dwarf *dwarf, struct dwarf_index *index, Dwarf_Die *unit,
		      bool alternate)
{
	Dwarf_Die die;
	if (dwarf_child(unit, &die) != 0)
		return;
	do {
		switch (dwarf_tag(&die)) {
		case DW_TAG_structure_type:
		case DW_TAG_union_type:
		case DW_TAG_class_type:
		case DW_TAG_typedef: {
			const char *name = dwarf_name(dwarf, &die);
			if (name)
				add(index, name,
				    dwarf_dieoffset(&die) | (alternate ? ALTERNATE : 0));
			break;
		}
		case DW_TAG_imported_unit:
			if (dwarf->alternate)
				queue_import(dwarf, index, &die);
			break;
		default:
			break;
		}
		if (index->failed || ++index->visited > MAX_VISITED)
			return;
	} while (dwarf_siblingof(&die, &die) == 0);
}

static void scan(struct dwarf *dwarf, struct dwarf_index *index)
{
	/* dwarf_get_units() is not told to look for the split half of a unit: that
	 * would open files by the names that the debug information gives. */
	Dwarf_CU *unit = NULL;
	Dwarf_Half version;
	uint8_t type;
	Dwarf_Die die;
	while (index->visited <= MAX_VISITED &&
	       dwarf_get_units(dwarf->debug, unit, &unit, &version, &type, &die, NULL) == 0) {
		/* The offset of a type unit of DWARF 4 is one in another section. */
		if (version >= 5 || type != DW_UT_type)
			scan_unit(dwarf, index, &die, false);
	}
	for (size_t i = 0; i < index->known_count && index->visited <= MAX_VISITED; i++) {
		if (dwarf_offdie(dwarf->alternate, index->line[i], &die))
			scan_unit(dwarf, index, &die, true);
	}
}

struct dwarf_index *dwarf_index_new(struct dwarf *dwarf)
{
	CLEANUP(dwarf_index_freep) struct dwarf_index *index = calloc(1, sizeof(*index));
	if (!index)
		return NULL;
	if (dwarf->alternate) {
		index->known = malloc(MAX_IMPORTED * sizeof(uint64_t));
		index->line = malloc(MAX_IMPORTED * sizeof(uint64_t));
		if (!index->known || !index->line)
			return NULL;
	}
	scan(dwarf, index);
	return index->failed ? NULL : take_pointer(index);
}

void dwarf_index_free(struct dwarf_index *index)
{
	if (!index)
		return;
	free(index->entries);
	free(index->known);
	free(index->line);
	free(index);
}

void dwarf_index_visit(struct dwarf *dwarf, const char *name, dwarf_type_visitor *visit,
		       void *context)
{
	if (!dwarf->index && !(dwarf->index = dwarf_index_new(dwarf)))
		return;
	struct dwarf_index *index = dwarf->index;
	uint32_t hash = hash_name(name);
	uint32_t at = index->buckets[hash % (sizeof(index->buckets) / sizeof(uint32_t))];
	while (at) {
		const struct entry *entry = &index->entries[at - 1];
		at = entry->next;
		if (entry->hash != hash)
			continue;
		bool alternate = entry->place & ALTERNATE;
		Dwarf_Die die;
		if (!dwarf_offdie(alternate ? dwarf->alternate : dwarf->debug,
				  entry->place & ~ALTERNATE, &die))
			continue;
		const char *its = dwarf_name(dwarf, &die);
		if (its && strcmp(its, name) == 0)
			visit(&die, alternate, context);
	}
}
