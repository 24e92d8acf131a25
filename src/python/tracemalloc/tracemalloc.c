/* SPDX-License-Identifier: MIT */
#include "python/tracemalloc/tracemalloc.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "python/tracemalloc/table.h"
#include "python/unicode.h"

/* More places than a program has that allocate. */
#define MAX_LINES ((size_t)4 << 20)

enum { LONGEST_PATH = 4096 };

/* From a traceback to its line: open addressing, by address. */
struct known {
	uint64_t traceback;
	size_t line; /* index + 1; 0: free */
};

struct grouping {
	struct python *python;
	struct tracemalloc_lines lines;
	size_t line_capacity;
	uint32_t *by_place; /* index + 1 of a line, by file and line */
	size_t place_capacity;
	struct known *known;
	size_t known_count, known_capacity;
	uint64_t tables[1024]; /* of domains */
	size_t table_count;
	uint64_t strange; /* traces without a traceback */
	bool failed;      /* for want of memory */
};

void tracemalloc_lines_fini(struct tracemalloc_lines *lines)
{
	free(lines->items);
	*lines = (struct tracemalloc_lines){0};
}

static size_t scatter(uint64_t key)
{
	return (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 24);
}

/* ---- lines ------------------------------------------------------------------------- */

static uint32_t *place_of(struct grouping *grouping, uint64_t file, uint32_t line)
{
	size_t at = scatter(file + (uint64_t)line * 0x10001) & (grouping->place_capacity - 1);
	for (;;) {
		uint32_t *place = &grouping->by_place[at];
		if (!*place)
			return place;
		const struct tracemalloc_line *item = &grouping->lines.items[*place - 1];
		if (item->file == file && item->line == line)
			return place;
		at = (at + 1) & (grouping->place_capacity - 1);
	}
}

static bool make_room_for_line(struct grouping *grouping)
{
	struct tracemalloc_lines *lines = &grouping->lines;
	if (lines->count < grouping->line_capacity)
		return true;
	size_t capacity = grouping->line_capacity ? grouping->line_capacity * 2 : 1024;
	uint32_t *by_place = capacity <= MAX_LINES ? calloc(capacity * 2, sizeof(*by_place)) : NULL;
	struct tracemalloc_line *items =
		by_place ? reallocarray(lines->items, capacity, sizeof(*items)) : NULL;
	if (!items) {
		free(by_place);
		return false;
	}
	free(grouping->by_place);
	lines->items = items;
	grouping->line_capacity = capacity;
	grouping->by_place = by_place;
	grouping->place_capacity = capacity * 2;
	for (size_t i = 0; i < lines->count; i++)
		*place_of(grouping, items[i].file, items[i].line) = (uint32_t)i + 1;
	return true;
}

/* Index + 1; 0: no memory. */
static size_t find_line(struct grouping *grouping, uint64_t file, uint32_t line)
{
	if (!make_room_for_line(grouping))
		return 0;
	uint32_t *place = place_of(grouping, file, line);
	if (!*place) {
		grouping->lines.items[grouping->lines.count++] =
			(struct tracemalloc_line){.file = file, .line = line};
		*place = (uint32_t)grouping->lines.count;
	}
	return *place;
}

/* ---- tracebacks ---------------------------------------------------------------------- */

static struct known *slot_of(struct known *known, size_t capacity, uint64_t traceback)
{
	size_t at = scatter(traceback) & (capacity - 1);
	while (known[at].line && known[at].traceback != traceback)
		at = (at + 1) & (capacity - 1);
	return &known[at];
}

static bool make_room_for_traceback(struct grouping *grouping)
{
	if (grouping->known_count * 2 < grouping->known_capacity)
		return true;
	size_t capacity = grouping->known_capacity ? grouping->known_capacity * 2 : 4096;
	struct known *known = calloc(capacity, sizeof(*known));
	if (!known)
		return false;
	for (size_t i = 0; i < grouping->known_capacity; i++)
		if (grouping->known[i].line)
			*slot_of(known, capacity, grouping->known[i].traceback) =
				grouping->known[i];
	free(grouping->known);
	grouping->known = known;
	grouping->known_capacity = capacity;
	return true;
}

/* Its index + 1; 0 and *ret_strange: it is no traceback; 0: no memory. */
static size_t line_of(struct grouping *grouping, uint64_t address, bool *ret_strange)
{
	struct traceback traceback;
	*ret_strange = false;
	if (!make_room_for_traceback(grouping))
		return 0;
	struct known *known = slot_of(grouping->known, grouping->known_capacity, address);
	if (known->line)
		return known->line;
	if (!traceback_read(grouping->python, address, &traceback)) {
		*ret_strange = true;
		return 0;
	}
	size_t line = find_line(grouping, traceback.file, traceback.line);
	if (line) {
		*known = (struct known){address, line};
		grouping->known_count++;
	}
	return line;
}

static bool take(void *context, const struct trace *traces, size_t count)
{
	struct grouping *grouping = context;
	for (size_t i = 0; i < count && !grouping->failed; i++) {
		bool strange;
		size_t line = line_of(grouping, traces[i].traceback, &strange);
		grouping->strange += strange;
		grouping->failed = !line && !strange;
		if (!line)
			continue;
		struct tracemalloc_line *item = &grouping->lines.items[line - 1];
		item->bytes += traces[i].bytes;
		item->blocks++;
		grouping->lines.bytes += traces[i].bytes;
		grouping->lines.blocks++;
	}
	return !grouping->failed;
}

/* ---- tables ---------------------------------------------------------------------------- */

static bool take_tables(void *context, const uint64_t *words, size_t count)
{
	struct grouping *grouping = context;
	size_t most = sizeof(grouping->tables) / sizeof(*grouping->tables);
	for (size_t i = 0; i < count && grouping->table_count < most; i++)
		grouping->tables[grouping->table_count++] = words[i];
	return grouping->table_count < most;
}

/* False in `whole` where it changed meanwhile. */
static enum fault take_table(struct grouping *grouping, uint64_t address, bool is_of_tables)
{
	struct python *python = grouping->python;
	struct trace_table table, after;
	uint64_t lost = 0, seen = grouping->lines.blocks;
	if (!trace_table_read(python, address, &table))
		return FAULT_STRANGE;
	enum fault fault = trace_table_visit(python, &table, is_of_tables ? NULL : take,
					     is_of_tables ? take_tables : NULL, grouping, &lost);
	seen = is_of_tables ? table.entries : grouping->lines.blocks - seen;
	peek_forget(python->peek);
	grouping->lines.whole &= fault == FAULT_NONE && lost == 0 && seen == table.entries &&
				 trace_table_read(python, address, &after) &&
				 after.entries == table.entries && after.buckets == table.buckets;
	return fault;
}

static enum fault take_all(struct grouping *grouping, const struct tracemalloc *tracemalloc)
{
	enum fault fault = take_table(grouping, tracemalloc->traces, false);
	if (fault == FAULT_NONE && tracemalloc->domains)
		fault = take_table(grouping, tracemalloc->domains, true);
	for (size_t i = 0; i < grouping->table_count && fault == FAULT_NONE; i++)
		fault = take_table(grouping, grouping->tables[i], false);
	grouping->lines.whole &= grouping->strange == 0;
	return grouping->failed ? FAULT_ABSENT : fault;
}

enum fault tracemalloc_lines(struct python *python, const struct tracemalloc *tracemalloc,
			     struct tracemalloc_lines *ret_lines)
{
	CLEANUP(freep) struct grouping *grouping = calloc(1, sizeof(*grouping));
	if (!grouping)
		return FAULT_ABSENT;
	grouping->python = python;
	grouping->lines.whole = true;
	enum fault fault = take_all(grouping, tracemalloc);
	free(grouping->by_place);
	free(grouping->known);
	if (fault == FAULT_NONE)
		*ret_lines = grouping->lines;
	else
		tracemalloc_lines_fini(&grouping->lines);
	return fault;
}

/* In 3.15 it is a text of C, before a str. */
char *tracemalloc_file(struct python *python, uint64_t file)
{
	char *name;
	if (python_since(python, PYTHON_VERSION(3, 15))) {
		CLEANUP(freep) char *bytes = malloc(LONGEST_PATH);
		if (!bytes)
			return NULL;
		peek_string(python->peek, file, bytes, LONGEST_PATH);
		name = text_from_bytes(bytes, strnlen(bytes, LONGEST_PATH));
	} else {
		name = unicode_read(python->peek, &python->layout, file);
	}
	if (peek_take_fault(python->peek) == FAULT_NONE)
		return name;
	free(name);
	return NULL;
}
