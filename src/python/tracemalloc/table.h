/* SPDX-License-Identifier: MIT */
/* The hash tables of tracemalloc. Only tracemalloc*.c include it. */
#ifndef PYTHON_TRACEMALLOC_TABLE_H
#define PYTHON_TRACEMALLOC_TABLE_H

#include "python/tracemalloc/tracemalloc.h"

/* struct _Py_hashtable_t. In 3.8 an entry holds the key, of 8 bytes, or with a domain of
 * 12, and the trace itself; later both are words, and the trace lies elsewhere. The
 * same on all builds: nothing in it depends on one. */
struct trace_table {
	uint64_t address;
	uint64_t entries, bucket_count, buckets;
	uint32_t key_size;       /* 3.8 */
	uint64_t free_value;     /* function; 3.9+ */
	uint64_t allocate;       /* function; 3.9+ */
};

/* False: there is none. */
bool trace_table_read(struct python *python, uint64_t address, struct trace_table *ret_table);

/* trace_t, or what stands for it in an entry. */
struct trace {
	uint64_t bytes;
	uint64_t traceback;
};

/* A page full of entries at a time: `traces` of those that could be read, or of a table of
 * tables the words that its keys lead to, with `words`. *ret_lost: entries that could not.
 * Stops when `visit` returns false, or after more entries than the table has. */
typedef bool trace_visitor(void *context, const struct trace *traces, size_t count);
typedef bool word_visitor(void *context, const uint64_t *words, size_t count);
enum fault trace_table_visit(struct python *python, const struct trace_table *table,
			     trace_visitor *visit, word_visitor *words, void *context,
			     uint64_t *ret_lost);

/* The beginning of a traceback_t. False: it is none. */
struct traceback {
	uint32_t frames;
	uint64_t file; /* of its newest frame */
	uint32_t line;
};
bool traceback_read(struct python *python, uint64_t address, struct traceback *ret_traceback);

/* tracemalloc_find.c, of builds that keep no symbol: up to 3.11. */
bool trace_table_search(struct python *python, struct tracemalloc *tracemalloc);

#endif
