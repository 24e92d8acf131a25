/* SPDX-License-Identifier: MIT */
/*
 * make_image PID FILE: the image of a Python process at rest, for image.h.
 *
 * Three looks at it. The first finds what attaching and the stacks need, and where
 * the pools are; a few pools beyond those are chosen. The second sees no other pools
 * than the chosen ones, and finds what they need: types, names, tables. What it read
 * is written, and a third look, at the file, must find objects in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "exercise.h"
#include "image.h"
#include "python/obmalloc.h"
#include "python/obmalloc_find.h"
#include "target/ops.h"

/* What is read in longer pieces, once the pools are known, is memory that is streamed. */
enum { PAGE = 4096, LONGEST_PEEK = 4 * PAGE, MORE_BYTES = 128 << 10, HEAP_PAGES = 12 };

/* ---- sets of addresses ------------------------------------------------------------ */

struct set {
	uint64_t *items;
	size_t count, capacity;
};

static void add(struct set *set, uint64_t item)
{
	if (set->count && set->items[set->count - 1] == item)
		return;
	if (set->count == set->capacity) {
		set->capacity = set->capacity ? 2 * set->capacity : 4096;
		set->items = realloc(set->items, set->capacity * sizeof(item));
		if (!set->items)
			abort();
	}
	set->items[set->count++] = item;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

static void settle(struct set *set)
{
	size_t kept = 0;
	if (set->count)
		qsort(set->items, set->count, sizeof(*set->items), compare);
	for (size_t i = 0; i < set->count; i++)
		if (!kept || set->items[i] != set->items[kept - 1])
			set->items[kept++] = set->items[i];
	set->count = kept;
}

static bool has(const struct set *set, uint64_t item)
{
	return set->count && bsearch(&item, set->items, set->count, sizeof(item), compare) != NULL;
}

/* ---- watching what is read ---------------------------------------------------------- */

static struct set pages, places;

/* Called in place of those of target/peek.c: the linker sees to it. */
const void *__real_peek_at(struct peek *peek, uint64_t address, size_t length);
const void *__wrap_peek_at(struct peek *peek, uint64_t address, size_t length);
void __real_peek_bytes(struct peek *peek, uint64_t address, void *buffer, size_t length);
void __wrap_peek_bytes(struct peek *peek, uint64_t address, void *buffer, size_t length);

const void *__wrap_peek_at(struct peek *peek, uint64_t address, size_t length)
{
	add(&places, address);
	return __real_peek_at(peek, address, length);
}

void __wrap_peek_bytes(struct peek *peek, uint64_t address, void *buffer, size_t length)
{
	add(&places, address);
	__real_peek_bytes(peek, address, buffer, length);
}

struct recorder {
	struct target base;
	struct target *inner;
	uint64_t pool_size;
	const struct set *pools;  /* all of them, NULL: not known yet */
	const struct set *chosen; /* those that are shown */
};

/* The arenas as they would be without the pools behind the last one chosen. */
static struct overlay {
	uint64_t address, value;
} overlays[64];
static size_t overlay_count;

static void overlay(uint64_t address, uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < overlay_count; i++) {
		uint64_t skip = overlays[i].address - address;
		if (overlays[i].address >= address && length >= 8 && skip <= length - 8)
			memcpy(bytes + skip, &overlays[i].value, 8);
	}
}

/* Whoever reads a header of a pool that was not chosen sees one without blocks. */
static void hide_pools(const struct recorder *recorder, uint64_t address, uint8_t *bytes,
		       size_t length)
{
	uint64_t mask = recorder->pool_size - 1;
	for (uint64_t pool = (address + mask) & ~mask; pool + 4 <= address + length;
	     pool += recorder->pool_size)
		if (has(recorder->pools, pool) && !has(recorder->chosen, pool))
			memset(bytes + (pool - address), 0, 4);
}

static void read_piece(struct target *base, uint64_t address, void *buffer, size_t length,
		       size_t *ret_missing, enum fault *ret_fault)
{
	struct recorder *recorder = (struct recorder *)base;
	recorder->inner->ops->read_piece(recorder->inner, address, buffer, length, ret_missing,
					 ret_fault);
	if ((!recorder->pools || length <= LONGEST_PEEK) && !*ret_missing)
		for (uint64_t page = address / PAGE; page <= (address + length - 1) / PAGE; page++)
			add(&pages, page * PAGE);
	overlay(address, buffer, length);
	if (recorder->pools && length > LONGEST_PEEK)
		hide_pools(recorder, address, buffer, length);
}

static void read_many(struct target *target, struct target_read *reads, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		add(&places, reads[i].address);
		reads[i].fault =
		    target_read(target, reads[i].address, reads[i].buffer, reads[i].length);
	}
}

static struct heapspy_error *refresh(struct target *target)
{
	(void)target;
	return NULL;
}

static enum fault verify(struct target *target)
{
	(void)target;
	return FAULT_NONE;
}

/* As an image has none: then symbols are looked for in memory. */
static int open_mapped_file(struct target *target, const struct mapping *mapping)
{
	(void)target;
	(void)mapping;
	return -1;
}

static void free_target(struct target *target)
{
	maps_fini(&target->maps);
	free(target);
}

static const struct target_ops ops = {
    .free = free_target,
    .read_piece = read_piece,
    .read_many = read_many,
    .refresh = refresh,
    .verify = verify,
    .open_mapped_file = open_mapped_file,
};

static struct recorder *record(struct target *inner)
{
	const struct maps *maps = target_maps(inner);
	struct recorder *recorder = calloc(1, sizeof(*recorder));
	if (!recorder)
		abort();
	recorder->base = (struct target){.ops = &ops, .pid = 4711, .proc_directory = -1};
	recorder->inner = inner;
	recorder->base.maps.count = maps->count;
	recorder->base.maps.items = calloc(maps->count, sizeof(*maps->items));
	if (!recorder->base.maps.items)
		abort();
	memcpy(recorder->base.maps.items, maps->items, maps->count * sizeof(*maps->items));
	return recorder;
}

/* ---- choosing ------------------------------------------------------------------------- */

static void fail(const char *what)
{
	fprintf(stderr, "make_image: %s\n", what);
	exit(1);
}

/* An arena is to end at `end`: its entry in the table says where pools are carved next. */
static void shorten(struct python *python, const struct arena *arena, uint64_t end)
{
	struct arena_table tables[4];
	const struct layout *layout = &python->layout;
	uint64_t size = (uint64_t)SIZEOF(layout, ArenaObject);
	size_t count = obmalloc_find_tables(python, tables, 4);
	for (size_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < tables[i].count && overlay_count < 64; j++) {
			uint64_t entry = tables[i].address + j * size;
			if (peek_u64(python->peek, entry + OFFSET(layout, ArenaObject, address)) ==
			    arena->mapped)
				overlays[overlay_count++] = (struct overlay){
				    entry + OFFSET(layout, ArenaObject, pool_address), end};
		}
}

/* Of each size of blocks that there is one pool, as far as they go. */
static void choose_pools(struct python *python, struct target *target, struct set *all,
			 struct set *chosen)
{
	struct arenas arenas;
	if (obmalloc_arenas(python, &arenas) != FAULT_NONE)
		fail("its arenas cannot be read");
	uint64_t size = obmalloc_pool_size(python);
	bool had[POOL_CLASSES + 1] = {false};
	uint64_t left = MORE_BYTES / size;
	for (size_t i = 0; i < arenas.count; i++) {
		uint64_t end = arenas.items[i].first;
		for (uint64_t at = arenas.items[i].first; at < arenas.items[i].carved_end;
		     at += size) {
			uint8_t header[64];
			uint32_t used, block;
			add(all, at);
			if (target_read(target, at, header, sizeof(header)) != FAULT_NONE ||
			    !pool_peek(python, header, &used, &block))
				continue;
			uint32_t class = block / 16;
			if (left && !had[class] && used * block > size / 2) {
				had[class] = true;
				left--;
				add(chosen, at);
				end = at + size;
			}
		}
		shorten(python, &arenas.items[i], end);
	}
	arenas_fini(&arenas);
	settle(all);
	settle(chosen);
}

/* The pages of the chosen pools, and the words that every block of them begins with. */
static void keep_pools(struct python *python, struct target *target, const struct set *chosen)
{
	uint64_t size = obmalloc_pool_size(python);
	uint8_t *bytes = malloc(size);
	struct pool pool;
	for (size_t i = 0; bytes && i < chosen->count; i++) {
		uint64_t at = chosen->items[i];
		for (uint64_t page = at; page < at + size; page += PAGE)
			add(&pages, page);
		for (uint64_t word = at; word < at + 48; word += 8)
			add(&places, word);
		if (target_read(target, at, bytes, size) != FAULT_NONE ||
		    !pool_decode(python, bytes, at, size, &pool))
			continue;
		for (uint32_t j = 0; j < pool.carved; j++)
			for (uint64_t word = 0; word < 48 && word < pool.block_size; word += 8)
				add(&places, at + POOL_OVERHEAD + j * pool.block_size + word);
	}
	free(bytes);
}

/* The beginning of malloc's heap, for walks through its chunks. */
static void keep_heap(const struct maps *maps)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];
		if (strcmp(mapping->path, "[heap]") != 0)
			continue;
		for (unsigned j = 0; j < HEAP_PAGES; j++)
			add(&pages, mapping->start + j * PAGE);
		for (unsigned j = 0; j < 64; j++)
			add(&places, mapping->start + j * 16 + 8);
		return;
	}
}

/* ---- writing ----------------------------------------------------------------------------- */

static bool is_zero(const uint8_t *bytes)
{
	for (size_t i = 0; i < PAGE; i++)
		if (bytes[i])
			return false;
	return true;
}

/* Whose machine it was made on is nobody's business. */
static void anonymise(char *bytes, size_t length)
{
	static const char ours[] = "/root/", anybodys[] = "/home/";
	for (char *at = bytes;
	     (at = memmem(at, length - (size_t)(at - bytes), ours, strlen(ours)));)
		memcpy(at, anybodys, strlen(anybodys));
}

static void blank_headers(const struct recorder *recorder, uint64_t page, uint8_t *bytes)
{
	if (page % recorder->pool_size == 0 && has(recorder->pools, page) &&
	    !has(recorder->chosen, page))
		memset(bytes, 0, 4);
}

static void write_image(const char *path, const struct recorder *recorder, const char *maps,
			size_t maps_length)
{
	struct image_content content = {.maps = maps, .maps_length = maps_length};
	settle(&pages);
	settle(&places);
	content.runs = calloc(pages.count + 1, sizeof(*content.runs));
	uint8_t *bytes = calloc(pages.count + 1, PAGE);
	if (!content.runs || !bytes)
		abort();
	uint64_t objects = 0;
	for (size_t i = 0; i < pages.count; i++) {
		uint64_t page = pages.items[i];
		uint8_t *at = bytes + i * PAGE;
		if (target_read(recorder->inner, page, at, PAGE) != FAULT_NONE)
			continue;
		blank_headers(recorder, page, at);
		overlay(page, at, PAGE);
		anonymise((char *)at, PAGE);
		const struct mapping *mapping = maps_find(target_maps(recorder->inner), page);
		if (is_zero(at) && mapping && !mapping_is_file(mapping))
			continue;
		struct image_run *last =
		    content.run_count ? &content.runs[content.run_count - 1] : NULL;
		if (last && last->start + last->length == page && last->bytes + last->length == at)
			last->length += PAGE;
		else
			content.runs[content.run_count++] = (struct image_run){page, PAGE, at};
		objects++;
	}
	content.places = places.items;
	content.place_count = places.count;
	image_write(path, &content);
	printf("%s: %llu pages, %zu places", path, (unsigned long long)objects, places.count);
	free(content.runs);
	free(bytes);
}

static void check(const char *path)
{
	struct image *image = image_open(path);
	struct heapspy *heapspy = exercise_attach(image_target(image), false);
	if (!heapspy)
		fail("no Python is found in it");
	struct heapspy_dump *dump;
	struct heapspy_error *error = heapspy_dump(heapspy, NULL, &dump);
	if (error)
		fail(error->what);
	printf(", %s, %llu objects of %zu types, %zu threads\n", heapspy->python_info.layout_id,
	       (unsigned long long)dump->total.objects, dump->type_count, dump->threads.count);
	if (dump->total.objects < 100 || dump->threads.count < 1)
		fail("there is next to nothing in it");
	heapspy_dump_free(dump);
	heapspy_detach(heapspy);
}

int main(int count, char **arguments)
{
	if (count != 3)
		fail("usage: make_image PID FILE");
	struct target *live;
	struct heapspy_error *error = target_open_process(atoi(arguments[1]), &live);
	if (error)
		fail(error->what);
	size_t maps_length = 0;
	char *maps = io_read_file(target_proc_directory(live), "maps", 1 << 24, &maps_length);
	if (maps)
		anonymise(maps, maps_length);
	struct recorder *recorder = record(live);
	struct heapspy *heapspy = exercise_attach(&recorder->base, false);
	if (!heapspy || !maps)
		fail("it is no Python");
	struct heapspy_stack stack;
	if ((error = heapspy_stack_read(heapspy, NULL, &stack)))
		fail(error->what);
	heapspy_stack_fini(&stack);

	struct set all = {0}, chosen = {0};
	choose_pools(heapspy->python, live, &all, &chosen);
	recorder->pool_size = obmalloc_pool_size(heapspy->python);
	recorder->pools = &all;
	recorder->chosen = &chosen;
	struct heapspy_dump *dump;
	if ((error = heapspy_dump(heapspy, NULL, &dump)))
		fail(error->what);
	heapspy_dump_free(dump);
	keep_pools(heapspy->python, live, &chosen);
	keep_heap(target_maps(live));
	write_image(arguments[2], recorder, maps, maps_length);
	check(arguments[2]);
	heapspy_detach(heapspy);
	target_free(live);
	return 0;
}
