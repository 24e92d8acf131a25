/* SPDX-License-Identifier: MIT */
#include "heap/record/growth/mappings.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/array.h"
#include "base/bisect.h"
#include "base/clock.h"
#include "heap/record/growth/counter.h"
#include "native/glibc.h"
#include "python/obmalloc.h"
#include "target/process/pages.h"

/* Mappings that are followed; more of them are forgotten. */
enum { MOST_FOLLOWED = 65536 };

struct span {
	uint64_t start, end;
};

/* Sorted, apart from one another. */
struct spans {
	struct span *items;
	size_t count, capacity;
};

/* A piece that somebody mapped. */
struct followed {
	uint64_t start, end;
	uint64_t resident; /* as it was told */
	pid_t tid;
	uint32_t stack;
};

struct record_mappings {
	struct record *record;
	struct spans known;
	struct followed *items;
	size_t count, capacity;
	int pagemap;
};

/* ---- spans ----------------------------------------------------------------------- */

static bool spans_append(struct spans *spans, uint64_t start, uint64_t end)
{
	if (spans->count && spans->items[spans->count - 1].end == start) {
		spans->items[spans->count - 1].end = end;
		return true;
	}
	if (!ARRAY_RESERVE(spans->items, spans->capacity, spans->count + 1))
		return false;
	spans->items[spans->count++] = (struct span){start, end};
	return true;
}

/* Its first part, from *start on, that is not among them. False: there is none. */
static bool spans_gap(const struct spans *spans, uint64_t *start, uint64_t end, uint64_t *ret_end)
{
	size_t low = BISECT(spans->count, at, spans->items[at].end <= *start);
	for (; low < spans->count && spans->items[low].start <= *start; low++)
		if (spans->items[low].end > *start)
			*start = spans->items[low].end;
	if (*start >= end)
		return false;
	*ret_end = low < spans->count && spans->items[low].start < end ? spans->items[low].start : end;
	return true;
}

static void spans_insert(struct spans *spans, uint64_t start, uint64_t end)
{
	struct spans merged = {0};
	bool whole = true, done = false;
	for (size_t i = 0; i < spans->count; i++) {
		if (!done && spans->items[i].start > start) {
			whole &= spans_append(&merged, start, end);
			done = true;
		}
		whole &= spans_append(&merged, spans->items[i].start, spans->items[i].end);
	}
	if (!done)
		whole &= spans_append(&merged, start, end);
	if (!whole) {
		free(merged.items);
		return;
	}
	free(spans->items);
	*spans = merged;
}

/* ---- what is mapped --------------------------------------------------------------- */

static bool is_heap(const struct mapping *mapping)
{
	return strcmp(mapping->path, "[heap]") == 0 || strncmp(mapping->path, "[stack", 6) == 0;
}

/* Memory of its own that is written to: no file's, but what is shared without one. */
static bool can_grow(const struct mapping *mapping)
{
	bool is_memory = !mapping_is_file(mapping) || strncmp(mapping->path, "/dev/zero", 9) == 0 ||
			 strncmp(mapping->path, "/memfd:", 7) == 0 ||
			 strncmp(mapping->path, "/dev/shm/", 9) == 0;
	return (mapping->flags & MAPPING_WRITE) && is_memory && !is_heap(mapping);
}

static void learn(struct record_mappings *mappings)
{
	const struct maps *maps = target_maps(mappings->record->heapspy->target);
	mappings->known.count = 0;
	for (size_t i = 0; i < maps->count; i++)
		if (maps->items[i].flags & MAPPING_WRITE)
			spans_append(&mappings->known, maps->items[i].start, maps->items[i].end);
}

struct record_mappings *record_mappings_new(struct record *record)
{
	struct record_mappings *mappings = calloc(1, sizeof(*mappings));
	if (!mappings)
		return NULL;
	mappings->record = record;
	mappings->pagemap = openat(target_proc_directory(record->heapspy->target), "pagemap",
				   O_RDONLY | O_CLOEXEC);
	heapspy_error_free(target_refresh(record->heapspy->target));
	learn(mappings);
	return mappings;
}

void record_mappings_free(struct record_mappings *mappings)
{
	if (!mappings)
		return;
	closep(&mappings->pagemap);
	free(mappings->known.items);
	free(mappings->items);
	free(mappings);
}

static void follow(struct record_mappings *mappings, const struct followed *followed)
{
	if (mappings->count == MOST_FOLLOWED)
		return;
	if (!ARRAY_RESERVE(mappings->items, mappings->capacity, mappings->count + 1))
		return;
	mappings->items[mappings->count++] = *followed;
}

void record_mappings_add(struct record_mappings *mappings, const struct watch_event *event,
			 uint32_t stack)
{
	/* The kernel names the mapping that it was joined to: only what is new counts. */
	if (!mappings || !(event->protection & PROT_WRITE) || strcmp(event->path, "[heap]") == 0 ||
	    event->length > UINT64_MAX - event->address)
		return;
	bool is_memory = strcmp(event->path, "//anon") == 0 ||
			 strncmp(event->path, "/dev/zero", 9) == 0 ||
			 strncmp(event->path, "/memfd:", 7) == 0 ||
			 strncmp(event->path, "/dev/shm/", 9) == 0;
	uint64_t start = event->address, end = event->address + event->length, piece;
	while (spans_gap(&mappings->known, &start, end, &piece)) {
		struct followed followed = {
			.start = start, .end = piece, .tid = event->tid, .stack = stack};
		if (is_memory)
			follow(mappings, &followed);
		spans_insert(&mappings->known, start, piece);
		start = piece;
	}
}

/* ---- what is resident ---------------------------------------------------------------- */

/* Does an allocator say that it is its own? */
static bool is_allocators(struct record_mappings *mappings, const struct followed *followed,
			  const struct arenas *arenas, bool has_malloc)
{
	for (size_t i = 0; i < arenas->count; i++)
		if (followed->start < arenas->items[i].end && followed->end > arenas->items[i].mapped)
			return true;
	if (!has_malloc)
		return false;
	struct peek *peek = mappings->record->python->peek;
	if (glibc_mmapped_size(peek, followed->start, UINT64_MAX / 2))
		return true;
	/* A heap of a thread arena: aligned, and its first word is the address of its
	 * arena: struct heap_info of malloc/arena.c. Its parts grow one behind the other. */
	uint64_t heap = followed->start & ~((UINT64_C(64) << 20) - 1);
	uint64_t arena = peek_u64(peek, heap), size = peek_u64(peek, heap + 16);
	return peek_take_fault(peek) == FAULT_NONE && arena && arena % 16 == 0 && size &&
	       heap + size > followed->start && size <= UINT64_C(64) << 20;
}

struct residence {
	uint64_t bytes;
};

static bool count_pages(void *context, uint64_t start, uint64_t end, enum pages_kind kind)
{
	struct residence *residence = context;
	if (kind != PAGES_SWAPPED)
		residence->bytes += end - start;
	return true;
}

static uint64_t resident(struct record_mappings *mappings, const struct followed *followed)
{
	const struct maps *maps = target_maps(mappings->record->heapspy->target);
	struct residence residence = {0};
	for (uint64_t at = followed->start; at < followed->end;) {
		const struct mapping *mapping = maps_after(maps, at);
		if (!mapping || mapping->start >= followed->end)
			break;
		uint64_t start = mapping->start > at ? mapping->start : at;
		uint64_t end = mapping->end < followed->end ? mapping->end : followed->end;
		if (can_grow(mapping))
			pages_scan(mappings->pagemap, start, end, count_pages, &residence);
		at = mapping->end;
	}
	return residence.bytes;
}

static void tell(struct record_mappings *mappings, struct followed *followed, uint64_t now)
{
	struct record_change change = {
		.record = mappings->record,
		.kind = HEAPSPY_RECORD_MMAP,
		.time = clock_monotonic(),
		.tid = followed->tid,
		.stack = followed->stack,
	};
	if (now > followed->resident)
		record_change_more(&change, now - followed->resident);
	else if (now < followed->resident)
		record_change_less(&change, followed->resident - now, followed->stack);
	followed->resident = now;
}

static bool is_mapped(struct record_mappings *mappings, const struct followed *followed)
{
	const struct maps *maps = target_maps(mappings->record->heapspy->target);
	const struct mapping *mapping = maps_after(maps, followed->start);
	return mapping && mapping->start < followed->end;
}

void record_mappings_look(struct record_mappings *mappings, bool has_malloc)
{
	if (!mappings)
		return;
	struct target *target = mappings->record->heapspy->target;
	struct heapspy_error *error = target_refresh(target);
	if (error) {
		heapspy_error_free(error);
		return;
	}
	learn(mappings);
	struct python *python = mappings->record->python;
	struct arenas arenas = {0};
	peek_forget(python->peek);
	if (mappings->count && obmalloc_arenas(python, &arenas) != FAULT_NONE)
		arenas = (struct arenas){0};
	size_t kept = 0;
	for (size_t i = 0; i < mappings->count; i++) {
		struct followed followed = mappings->items[i];
		/* What an allocator has by now may lie where something else was. */
		bool mapped = is_mapped(mappings, &followed) &&
			      !is_allocators(mappings, &followed, &arenas, has_malloc);
		tell(mappings, &followed, mapped ? resident(mappings, &followed) : 0);
		if (mapped)
			mappings->items[kept++] = followed;
	}
	mappings->count = kept;
	arenas_fini(&arenas);
	peek_take_fault(python->peek);
}
