/* SPDX-License-Identifier: MIT */
#include "output/memory.h"

/* Of the types that keep hardly used arenas, this many are named. */
#define PINNING_TYPES 5

static const char *label_if_known(uint64_t number, const char *label)
{
	return number == HEAPSPY_UNKNOWN ? NULL : label;
}

static void emit_account(struct emitter *emitter, const struct heapspy_memory *memory)
{
	emit_table(emitter, "account", "");
	for (int i = 0; i < HEAPSPY_MEMORY_KIND_COUNT; i++) {
		emit_row(emitter);
		emit_text(emitter, "kind", "memory", heapspy_memory_kind_name(i));
		emit_bytes(emitter, "rss", "rss", memory->account[i]);
		emit_ratio(emitter, NULL, "share",
			   memory->rss ? (double)memory->account[i] / (double)memory->rss : 0);
		emit_end(emitter);
	}
	emit_end(emitter);
}

void emit_memory(struct emitter *emitter, const struct heapspy_memory *memory)
{
	emit_object(emitter, "memory", "memory");
	emit_bytes(emitter, "rss", "rss", memory->rss);
	emit_bytes(emitter, "pss", "pss", memory->pss);
	emit_bytes(emitter, "uss", "uss", memory->uss);
	emit_bytes(emitter, "swap", "swap", memory->swap);
	emit_bytes(emitter, "rss_peak", "peak", memory->rss_peak);
	emit_bytes(emitter, "virtual", "virtual", memory->virt);
	emit_bytes(emitter, "limit", label_if_known(memory->limit, "cgroup limit"), memory->limit);
	emit_bytes(emitter, "headroom", label_if_known(memory->headroom, "headroom"),
		   memory->headroom);
	if (memory->has_account)
		emit_account(emitter, memory);
	emit_end(emitter);
}

void emit_mappings(struct emitter *emitter, const struct heapspy_mappings *mappings, bool shown)
{
	if (!mappings->group_count)
		return;
	emit_table(emitter, "mappings", shown ? "" : NULL);
	for (size_t i = 0; i < mappings->group_count; i++) {
		const struct heapspy_mapping_group *group = &mappings->groups[i];
		emit_row(emitter);
		emit_text(emitter, "name", NULL, group->name);
		emit_bytes(emitter, "rss", "rss", group->rss);
		emit_bytes(emitter, "pss", "pss", group->pss);
		emit_bytes(emitter, "private", "private", group->private_bytes);
		emit_bytes(emitter, "swap", "swap", group->swap);
		emit_bytes(emitter, "size", "size", group->size);
		emit_count(emitter, "mappings", "mappings", group->mappings);
		emit_text(emitter, NULL, "mapping", group->name); /* last: as long as it likes */
		emit_end(emitter);
	}
	emit_end(emitter);
}

static void emit_classes(struct emitter *emitter, const struct heapspy_allocator *allocator,
			 bool shown)
{
	emit_table(emitter, "size_classes", shown ? "" : NULL);
	for (int i = 0; i < HEAPSPY_SIZE_CLASSES; i++) {
		const struct heapspy_size_class *class = &allocator->classes[i];
		emit_row(emitter);
		emit_count(emitter, "block", "block", (uint64_t)(i + 1) * 16);
		emit_count(emitter, "pools", "pools", class->pools);
		emit_count(emitter, "blocks_in_use", "in use", class->blocks_in_use);
		emit_count(emitter, "blocks_free", "free", class->blocks_free);
		emit_end(emitter);
	}
	emit_end(emitter);
}

static void emit_free_lists(struct emitter *emitter, const struct heapspy_allocator *allocator,
			    bool shown)
{
	emit_table(emitter, "free_lists", shown ? "" : NULL);
	for (int i = 0; i < HEAPSPY_FREE_LIST_COUNT; i++) {
		if (allocator->free_lists[i] == HEAPSPY_UNKNOWN)
			continue;
		emit_row(emitter);
		emit_text(emitter, "kind", "free list", heapspy_free_list_name(i));
		emit_count(emitter, "objects", "objects", allocator->free_lists[i]);
		emit_end(emitter);
	}
	emit_end(emitter);
}

/* The type after `last` in the order of what they pin; NULL if there is none. */
static const struct heapspy_type *next_pinning(const struct heapspy_dump *dump,
					       const struct heapspy_type *last)
{
	const struct heapspy_type *best = NULL;
	for (size_t i = 0; i < dump->type_count; i++) {
		const struct heapspy_type *type = &dump->types[i];
		bool after = !last || type->pinning < last->pinning ||
			     (type->pinning == last->pinning && type > last);
		if (type->pinning && after && (!best || type->pinning > best->pinning))
			best = type;
	}
	return best;
}

/* Arenas that a few blocks keep from going back to the system, and whose blocks. */
static void emit_pinned(struct emitter *emitter, const struct heapspy_dump *dump)
{
	bool any = dump->allocator.sparse_arenas != 0;
	emit_object(emitter, "pinned", any ? "pinned" : NULL);
	emit_count(emitter, "arenas", "hardly used arenas", dump->allocator.sparse_arenas);
	emit_bytes(emitter, "bytes_in_use", "in use there", dump->allocator.sparse_bytes);
	emit_table(emitter, "types", "");
	const struct heapspy_type *type = NULL;
	for (int i = 0; i < PINNING_TYPES && (type = next_pinning(dump, type)); i++) {
		emit_row(emitter);
		emit_count(emitter, "objects", "pinning", type->pinning);
		emit_text(emitter, "type", "type", type->name);
		emit_end(emitter);
	}
	emit_end(emitter);
	emit_end(emitter);
}

void emit_allocator(struct emitter *emitter, const struct heapspy_dump *dump, bool classes)
{
	const struct heapspy_allocator *allocator = &dump->allocator;
	if (!allocator->arenas)
		return;
	emit_object(emitter, "allocator", "pymalloc");
	emit_count(emitter, "arenas", "arenas", allocator->arenas);
	emit_bytes(emitter, "arena_size", "of", allocator->arena_size);
	emit_count(emitter, "arenas_allocated", NULL, allocator->arenas_allocated);
	emit_count(emitter, "arenas_highwater", NULL, allocator->arenas_highwater);
	emit_count(emitter, "pools", "pools", allocator->pools);
	emit_bytes(emitter, "pool_size", "of", allocator->pool_size);
	emit_count(emitter, "pools_free", "free pools", allocator->pools_free);
	emit_count(emitter, "blocks_in_use", "blocks", allocator->blocks_in_use);
	emit_count(emitter, "blocks_raw", "raw", allocator->raw_blocks);
	emit_count(emitter, "blocks_large", NULL, allocator->large_blocks);
	emit_bytes(emitter, "bytes_in_use", "in use", allocator->bytes_in_use);
	emit_bytes(emitter, "bytes_raw", NULL, allocator->raw_bytes);
	emit_bytes(emitter, "bytes_free", "free", allocator->bytes_free);
	emit_bytes(emitter, "bytes_pool_headers", NULL, allocator->bytes_pool_headers);
	emit_bytes(emitter, "bytes_quantization", NULL, allocator->bytes_quantization);
	emit_bytes(emitter, "bytes_alignment", NULL, allocator->bytes_alignment);
	emit_bytes(emitter, NULL, "lost",
		   allocator->bytes_pool_headers + allocator->bytes_quantization +
			   allocator->bytes_alignment);
	emit_classes(emitter, allocator, classes);
	emit_free_lists(emitter, allocator, classes);
	emit_pinned(emitter, dump);
	emit_end(emitter);
}

void emit_malloc(struct emitter *emitter, const struct heapspy_malloc *malloc)
{
	if (!malloc->name)
		return;
	emit_object(emitter, "malloc", "malloc");
	emit_text(emitter, "name", "", malloc->name);
	if (!malloc->arenas) {
		emit_end(emitter);
		return;
	}
	emit_count(emitter, "arenas", "arenas", malloc->arenas);
	emit_bytes(emitter, "bytes_in_use", "in use", malloc->bytes_in_use);
	emit_bytes(emitter, "bytes_free", "free", malloc->bytes_free);
	emit_bytes(emitter, "mmapped", "mmapped", malloc->mmapped);
	emit_end(emitter);
}
