/* SPDX-License-Identifier: MIT */
/* Where tracemalloc keeps its tables. */
#include <stdlib.h>
#include <string.h>

#include "python/tracemalloc/table.h"
#include "python/unicode.h"

/* struct _PyTraceMalloc_Config. */
enum { CONFIG_INITIALIZED = 0, CONFIG_TRACING = 4, CONFIG_LIMIT = 8, INITIALIZED = 1 };

enum { MAX_WRITABLE = 16, SAMPLES = 8 };

static uint64_t variable(struct python *python, const char *symbol, uint64_t otherwise)
{
	uint64_t address;
	return python->module && elf_module_symbol(python->module, symbol, &address, NULL)
		       ? peek_u64(python->peek, address)
		       : otherwise;
}

/* 3.12+: all of it is in the runtime. Before: variables of the module. */
static uint64_t find_config(struct python *python, struct tracemalloc *tracemalloc)
{
	const struct layout *layout = &python->layout;
	uint64_t config = 0;
	if (HAS(layout, RuntimeState, tracemalloc)) {
		config = python->address + (uint64_t)OFFSET(layout, RuntimeState, tracemalloc);
#define AT(field) peek_u64(python->peek, config + (uint64_t)OFFSET(layout, TracemallocState, field))
		tracemalloc->traces = AT(traces);
		tracemalloc->domains = AT(domains);
		tracemalloc->traced = AT(traced_memory);
		tracemalloc->peak = AT(peak_traced_memory);
#undef AT
	} else if (python->module &&
		   elf_module_symbol(python->module, "_Py_tracemalloc_config", &config, NULL)) {
		tracemalloc->traces = variable(python, "tracemalloc_traces", 0);
		tracemalloc->domains = variable(python, "tracemalloc_domains", 0);
		tracemalloc->traced =
			variable(python, "tracemalloc_traced_memory", TRACEMALLOC_UNKNOWN);
		tracemalloc->peak =
			variable(python, "tracemalloc_peak_traced_memory", TRACEMALLOC_UNKNOWN);
	}
	return config;
}

enum fault tracemalloc_find(struct python *python, struct tracemalloc *ret_tracemalloc)
{
	struct tracemalloc tracemalloc = {.tracing = false};
	peek_take_fault(python->peek);
	uint64_t config = find_config(python, &tracemalloc);
	if (!config)
		return FAULT_STRANGE;
	int32_t initialized = peek_i32(python->peek, config + CONFIG_INITIALIZED);
	tracemalloc.tracing = initialized == INITIALIZED &&
			      peek_i32(python->peek, config + CONFIG_TRACING) == 1;
	tracemalloc.frame_limit = peek_i32(python->peek, config + CONFIG_LIMIT);
	enum fault fault = peek_take_fault(python->peek);
	if (fault != FAULT_NONE)
		return fault;
	if (tracemalloc.tracing && !tracemalloc.traces)
		trace_table_search(python, &tracemalloc);
	*ret_tracemalloc = tracemalloc;
	return FAULT_NONE;
}

/* ---- of builds without symbols, up to 3.11 ------------------------------------------- */

struct sample {
	struct python *python;
	int32_t frame_limit;
	unsigned good, bad;
};

static bool is_traceback(struct python *python, uint64_t address, int32_t frame_limit)
{
	struct traceback traceback;
	if (address % 8 != 0 || !traceback_read(python, address, &traceback) ||
	    traceback.frames > (uint32_t)frame_limit)
		return false;
	CLEANUP(freep) char *name =
		unicode_read(python->peek, &python->layout, traceback.file);
	return peek_take_fault(python->peek) == FAULT_NONE && name;
}

static bool look_at(void *context, const struct trace *traces, size_t count)
{
	struct sample *sample = context;
	for (size_t i = 0; i < count && sample->good + sample->bad < SAMPLES; i++)
		if (is_traceback(sample->python, traces[i].traceback, sample->frame_limit))
			sample->good++;
		else
			sample->bad++;
	return sample->good + sample->bad < SAMPLES;
}

static bool has_traces(struct python *python, const struct trace_table *table, int32_t frame_limit)
{
	struct sample sample = {.python = python, .frame_limit = frame_limit};
	uint64_t lost;
	return table->entries &&
	       trace_table_visit(python, table, look_at, NULL, &sample, &lost) == FAULT_NONE &&
	       sample.good && !sample.bad && !lost;
}

static int compare_words(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

/* Words that may point to what malloc() gave, each once, in order. */
static size_t read_pointers(struct python *python, uint64_t start, uint64_t end, uint64_t *words)
{
	size_t covered, count = 0, kept = 0;
	if (target_read_some(python->target, start, words, end - start, &covered) != FAULT_NONE)
		return 0;
	for (size_t i = 0; i < (end - start) / 8; i++)
		if (words[i] >= 4096 && words[i] % 16 == 0 && words[i] < UINT64_C(1) << 47)
			words[count++] = words[i];
	if (count)
		qsort(words, count, sizeof(*words), compare_words);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || words[i] != words[kept - 1])
			words[kept++] = words[i];
	return kept;
}

/* The table whose entries are traces; and the one that is made with the same allocator and
 * has tables as its values: domains, 3.9+. */
static void search(struct python *python, const uint64_t *words, size_t count,
		   struct tracemalloc *tracemalloc)
{
	struct trace_table traces = {.address = 0}, table;
	for (size_t i = 0; i < count && !traces.address; i++)
		if (trace_table_read(python, words[i], &table) &&
		    has_traces(python, &table, tracemalloc->frame_limit))
			traces = table;
	tracemalloc->traces = traces.address;
	for (size_t i = 0; i < count && traces.address && !tracemalloc->domains; i++)
		if (traces.allocate && trace_table_read(python, words[i], &table) &&
		    table.allocate == traces.allocate && table.free_value &&
		    table.free_value != traces.free_value)
			tracemalloc->domains = table.address;
}

bool trace_table_search(struct python *python, struct tracemalloc *tracemalloc)
{
	uint64_t ranges[MAX_WRITABLE][2];
	size_t range_count =
		python->module ? elf_module_writable(python->module, ranges, MAX_WRITABLE) : 0;
	for (size_t i = 0; i < range_count && !tracemalloc->traces; i++) {
		uint64_t length = ranges[i][1] - ranges[i][0];
		CLEANUP(freep) uint64_t *words = length <= 64u << 20 ? malloc(length + 8) : NULL;
		if (!words)
			continue;
		size_t count = read_pointers(python, ranges[i][0], ranges[i][1], words);
		search(python, words, count, tracemalloc);
	}
	return tracemalloc->traces != 0;
}
