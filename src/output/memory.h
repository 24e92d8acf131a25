/* SPDX-License-Identifier: MIT */
/* Where memory went: the account of the process, pymalloc, malloc. */
#ifndef OUTPUT_MEMORY_H
#define OUTPUT_MEMORY_H

#include <heapspy/dump.h>

#include "output/emitter.h"

/* By name; in the table only if `shown`. Nothing where none are known. */
void emit_mappings(struct emitter *emitter, const struct heapspy_mappings *mappings, bool shown);

void emit_memory(struct emitter *emitter, const struct heapspy_memory *memory);

/* What pymalloc holds; the table for people has its size classes if `classes`. */
void emit_allocator(struct emitter *emitter, const struct heapspy_dump *dump, bool classes);

void emit_malloc(struct emitter *emitter, const struct heapspy_malloc *malloc);

#endif
