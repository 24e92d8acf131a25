/* SPDX-License-Identifier: MIT */
#include "python/tracemalloc/table.h"

#include <stdlib.h>
#include <string.h>

/* _Py_hashtable_t, from 3.9 on and in 3.8. */
enum {
	TABLE_ENTRIES = 0, TABLE_BUCKET_COUNT = 8, TABLE_BUCKETS = 16, TABLE_FREE_VALUE = 56,
	TABLE_ALLOCATE = 64, TABLE_BYTES = 80,
	OLD_BUCKET_COUNT = 0, OLD_ENTRIES = 8, OLD_KEY_SIZE = 24, OLD_BYTES = 72,
};

/* _Py_hashtable_entry_t: the next one first, then the hash; in 3.8 key and data follow. */
enum { ENTRY_NEXT = 0, ENTRY_KEY = 16, ENTRY_VALUE = 24, ENTRY_BYTES = 32, OLD_ENTRY_MOST = 48 };

/* traceback_t: its frames are packed, twelve bytes each. */
enum { TRACEBACK_FRAMES = 8, TRACEBACK_FIRST = 12, TRACEBACK_LINE = 20, TRACEBACK_BYTES = 24 };

enum { TRACE_BYTES = 16, BATCH = 4096 };

/* A table of more buckets would take gigabytes. */
#define MAX_BUCKETS (UINT64_C(1) << 30)

static bool is_old(const struct python *python)
{
	return !python_since(python, PYTHON_VERSION(3, 9));
}

static uint64_t word_at(const uint8_t *bytes, size_t offset)
{
	uint64_t word;
	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

bool trace_table_read(struct python *python, uint64_t address, struct trace_table *ret_table)
{
	uint8_t bytes[TABLE_BYTES] = {0};
	bool old = is_old(python);
	peek_bytes(python->peek, address, bytes, old ? OLD_BYTES : TABLE_BYTES);
	if (peek_take_fault(python->peek) != FAULT_NONE)
		return false;
	struct trace_table table = {
		.address = address,
		.entries = word_at(bytes, old ? OLD_ENTRIES : TABLE_ENTRIES),
		.bucket_count = word_at(bytes, old ? OLD_BUCKET_COUNT : TABLE_BUCKET_COUNT),
		.buckets = word_at(bytes, TABLE_BUCKETS),
		.key_size = old ? (uint32_t)word_at(bytes, OLD_KEY_SIZE) : 8,
		.free_value = old ? 0 : word_at(bytes, TABLE_FREE_VALUE),
		.allocate = old ? 0 : word_at(bytes, TABLE_ALLOCATE),
	};
	/* It grows before it is so full: HASHTABLE_HIGH of Python/hashtable.c. */
	if (table.bucket_count == 0 || table.bucket_count > MAX_BUCKETS ||
	    (table.bucket_count & (table.bucket_count - 1)) != 0 ||
	    table.entries > table.bucket_count || table.buckets % 8 != 0 || !table.buckets ||
	    (table.key_size != 8 && table.key_size != 12))
		return false;
	*ret_table = table;
	return true;
}

bool traceback_read(struct python *python, uint64_t address, struct traceback *ret_traceback)
{
	uint8_t bytes[TRACEBACK_BYTES];
	peek_bytes(python->peek, address, bytes, sizeof(bytes));
	if (peek_take_fault(python->peek) != FAULT_NONE)
		return false;
	uint64_t word = word_at(bytes, TRACEBACK_FRAMES);
	*ret_traceback = (struct traceback){
		.frames = is_old(python) ? (uint32_t)word : (uint16_t)word,
		.file = word_at(bytes, TRACEBACK_FIRST),
	};
	memcpy(&ret_traceback->line, bytes + TRACEBACK_LINE, sizeof(ret_traceback->line));
	return ret_traceback->frames != 0;
}

/* ---- all entries ------------------------------------------------------------------ */

struct walk {
	struct python *python;
	const struct trace_table *table;
	trace_visitor *visit;
	word_visitor *words;
	void *context;
	uint64_t budget, lost;
	struct target_read reads[BATCH];
	uint64_t chain[BATCH]; /* entries to read next */
	uint8_t entries[BATCH][OLD_ENTRY_MOST];
	uint64_t values[BATCH];
	struct trace traces[BATCH];
	bool ended;
};

static void read_batch(struct walk *walk, const uint64_t *addresses, size_t count, void *buffers,
		       size_t stride, size_t length)
{
	for (size_t i = 0; i < count; i++)
		walk->reads[i] = (struct target_read){
			addresses[i], (char *)buffers + i * stride, (uint32_t)length, FAULT_NONE};
	target_read_many(walk->python->target, walk->reads, count);
}

/* Where each of the entries that were read leads to. */
static size_t take_values(struct walk *walk, size_t count)
{
	size_t had = 0;
	for (size_t i = 0; i < count; i++)
		if (walk->reads[i].fault == FAULT_NONE)
			walk->values[had++] = word_at(walk->entries[i], ENTRY_VALUE);
	return had;
}

static size_t take_inline_traces(struct walk *walk, size_t count)
{
	size_t had = 0, data = ENTRY_KEY + walk->table->key_size;
	for (size_t i = 0; i < count; i++)
		if (walk->reads[i].fault == FAULT_NONE)
			walk->traces[had++] = (struct trace){word_at(walk->entries[i], data),
							     word_at(walk->entries[i], data + 8)};
	return had;
}

static size_t take_traces(struct walk *walk, size_t count)
{
	size_t had = 0;
	size_t values = take_values(walk, count);
	read_batch(walk, walk->values, values, walk->traces, sizeof(*walk->traces), TRACE_BYTES);
	for (size_t i = 0; i < values; i++)
		if (walk->reads[i].fault == FAULT_NONE)
			walk->traces[had++] = walk->traces[i];
	return had;
}

/* Those of walk->chain; then those behind them stand there. Returns how many. */
static size_t visit_entries(struct walk *walk, size_t count)
{
	bool old = is_old(walk->python);
	size_t length = old ? ENTRY_KEY + walk->table->key_size + TRACE_BYTES : ENTRY_BYTES;
	if (count > walk->budget) {
		walk->ended = true;
		walk->lost++;
		return 0;
	}
	walk->budget -= count;
	read_batch(walk, walk->chain, count, walk->entries, sizeof(*walk->entries), length);
	size_t next = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t address = word_at(walk->entries[i], ENTRY_NEXT);
		if (walk->reads[i].fault == FAULT_NONE && address)
			walk->chain[next++] = address;
	}
	size_t had;
	if (walk->words) {
		had = take_values(walk, count);
		walk->ended = !walk->words(walk->context, walk->values, had);
	} else {
		had = old ? take_inline_traces(walk, count) : take_traces(walk, count);
		walk->ended = !walk->visit(walk->context, walk->traces, had);
	}
	walk->lost += count - had;
	return next;
}

enum fault trace_table_visit(struct python *python, const struct trace_table *table,
			     trace_visitor *visit, word_visitor *words, void *context,
			     uint64_t *ret_lost)
{
	CLEANUP(freep) struct walk *walk = calloc(1, sizeof(*walk));
	CLEANUP(freep) uint64_t *heads = calloc(BATCH, sizeof(*heads));
	if (!walk || !heads)
		return FAULT_ABSENT;
	walk->python = python;
	walk->table = table;
	walk->visit = visit;
	walk->words = words;
	walk->context = context;
	walk->budget = table->entries + table->entries / 4 + BATCH;
	for (uint64_t at = 0; at < table->bucket_count && !walk->ended; at += BATCH) {
		size_t count = 0, buckets = BATCH;
		if (buckets > table->bucket_count - at)
			buckets = table->bucket_count - at;
		enum fault fault = target_read(python->target, table->buckets + 8 * at, heads,
					       buckets * sizeof(*heads));
		if (fault != FAULT_NONE)
			return fault;
		for (size_t i = 0; i < buckets; i++)
			if (heads[i])
				walk->chain[count++] = heads[i];
		while (count && !walk->ended)
			count = visit_entries(walk, count);
	}
	*ret_lost = walk->lost;
	return FAULT_NONE;
}
