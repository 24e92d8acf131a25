/* SPDX-License-Identifier: MIT */
/* The allocators: what they hold, what is lost, and what keeps arenas from going back. */
#include "view.h"

#include <string.h>

#include "text.h"

void view_share(struct grid *grid, const struct rect *rect, unsigned row, const char *name,
		uint64_t bytes, uint64_t all, enum role role)
{
	char a[TEXT_SIZE];
	double share = all ? (double)bytes / (double)all : 0;
	unsigned bar = rect->columns > 40 ? rect->columns - 34 : 0;
	bar = bar > 40 ? 40 : bar;
	grid_text(grid, rect, row, 1, ROLE_TEXT, name);
	grid_right(grid, rect, row, 24, ROLE_TEXT, text_bytes(a, bytes));
	grid_bar(grid, rect, row, 25, bar, role, share);
	grid_print(grid, rect, row, 26 + bar, ROLE_TEXT, "%.1f%%", 100 * share);
}

/* ---- lines ----------------------------------------------------------------------------- */

enum { MOST_PINNING = 5, MOST_LINES = 24 + MOST_PINNING + HEAPSPY_SIZE_CLASSES };

/* One line of the panel, and what it is about. */
struct alloc_line {
	void (*draw)(struct grid *grid, const struct rect *rect, unsigned row,
		     const struct heapspy_dump *dump, size_t number);
	size_t number; /* of a type, or of a class */
};

static uint64_t heap_of(const struct heapspy_allocator *allocator)
{
	return allocator->arenas * allocator->arena_size;
}

static void draw_arenas(struct grid *grid, const struct rect *rect, unsigned row,
			const struct heapspy_dump *dump, size_t number)
{
	const struct heapspy_allocator *allocator = &dump->allocator;
	char a[TEXT_SIZE], b[TEXT_SIZE];
	(void)number;
	unsigned column =
	    grid_print(grid, rect, row, 1, ROLE_TEXT, "arenas %s x %s",
		       text_count(a, allocator->arenas), text_bytes(b, allocator->arena_size));
	if (allocator->arenas_highwater != HEAPSPY_UNKNOWN)
		grid_print(grid, rect, row, column + 3, ROLE_TEXT, "peak %s, made %s",
			   text_count(a, allocator->arenas_highwater),
			   text_count(b, allocator->arenas_allocated));
}

static void draw_pools(struct grid *grid, const struct rect *rect, unsigned row,
		       const struct heapspy_dump *dump, size_t number)
{
	const struct heapspy_allocator *allocator = &dump->allocator;
	char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE];
	(void)number;
	grid_print(grid, rect, row, 1, ROLE_TEXT, "pools  %s in use, %s free, of %s",
		   text_count(a, allocator->pools), text_count(b, allocator->pools_free),
		   text_bytes(c, allocator->pool_size));
}

/* Shares of the heap. */
static void draw_part(struct grid *grid, const struct rect *rect, unsigned row,
		      const struct heapspy_dump *dump, size_t number)
{
	const struct heapspy_allocator *allocator = &dump->allocator;
	uint64_t heap = heap_of(allocator), used = allocator->bytes_in_use;
	const struct {
		const char *name;
		uint64_t bytes;
		enum role role;
	} parts[] = {
	    {"live", used, ROLE_GOOD},
	    {"slack", heap > used ? heap - used : 0, ROLE_WARN},
	    {" free pools", allocator->pools_free * allocator->pool_size, ROLE_WARN},
	    {" holes", allocator->bytes_free, ROLE_WARN},
	    {" headers, ends",
	     allocator->bytes_pool_headers + allocator->bytes_quantization +
		 allocator->bytes_alignment,
	     ROLE_WARN},
	};
	view_share(grid, rect, row, parts[number].name, parts[number].bytes, heap,
		   parts[number].role);
}
enum { PARTS = 5 };

static void draw_pinned(struct grid *grid, const struct rect *rect, unsigned row,
			const struct heapspy_dump *dump, size_t number)
{
	const struct heapspy_allocator *allocator = &dump->allocator;
	char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE];
	uint64_t held = allocator->sparse_arenas * allocator->arena_size;
	(void)number;
	if (!allocator->sparse_arenas) {
		grid_text(grid, rect, row, 1, ROLE_TEXT, "pinned no arenas");
		return;
	}
	grid_print(grid, rect, row, 1, ROLE_TEXT, "pinned %s arena%s: %s held by %s in use",
		   text_count(a, allocator->sparse_arenas),
		   allocator->sparse_arenas == 1 ? "" : "s", text_bytes(b, held),
		   text_bytes(c, allocator->sparse_bytes));
}

static void draw_pinning(struct grid *grid, const struct rect *rect, unsigned row,
			 const struct heapspy_dump *dump, size_t number)
{
	const struct heapspy_type *type = &dump->types[number];
	char a[TEXT_SIZE];
	text_count(a, type->pinning);
	grid_right(grid, rect, row, 16, ROLE_TEXT, a);
	grid_middle(grid, rect, row, 18, rect->columns > 20 ? rect->columns - 20 : 0, ROLE_TEXT,
		    type->name);
}

/* The C library's, or whichever it is. */
static void draw_malloc(struct grid *grid, const struct rect *rect, unsigned row,
			const struct heapspy_dump *dump, size_t number)
{
	const struct heapspy_malloc *malloc = &dump->malloc;
	char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE];
	(void)number;
	if (malloc->arenas)
		grid_print(grid, rect, row, 1, ROLE_TEXT, "malloc %s in use, %s free, %s mmapped",
			   text_bytes(a, malloc->bytes_in_use), text_bytes(b, malloc->bytes_free),
			   text_bytes(c, malloc->mmapped));
	else
		grid_print(grid, rect, row, 1, ROLE_TEXT, "malloc is %s",
			   malloc->name ?: "not known");
}

static void draw_large(struct grid *grid, const struct rect *rect, unsigned row,
		       const struct heapspy_dump *dump, size_t number)
{
	char a[TEXT_SIZE];
	(void)number;
	grid_print(grid, rect, row, 1, ROLE_TEXT, "too large for pools, handed on to malloc: %s",
		   text_count(a, dump->allocator.large_blocks));
}

/* Dead objects that are kept for the next of their kind. */
static void draw_free_lists(struct grid *grid, const struct rect *rect, unsigned row,
			    const struct heapspy_dump *dump, size_t number)
{
	char a[TEXT_SIZE];
	(void)number;
	unsigned column = grid_text(grid, rect, row, 1, ROLE_TEXT, "free lists");
	for (unsigned i = 0; i < HEAPSPY_FREE_LIST_COUNT; i++) {
		uint64_t count = dump->allocator.free_lists[i];
		const char *name = heapspy_free_list_name((enum heapspy_free_list)i);
		if (count == HEAPSPY_UNKNOWN || !count)
			continue;
		text_count(a, count);
		if (column + strlen(name) + strlen(a) + 3 > rect->columns)
			return;
		column = grid_print(grid, rect, row, column + 2, ROLE_TEXT, "%s %s", name, a);
	}
}

static void draw_class_headings(struct grid *grid, const struct rect *rect, unsigned row,
				const struct heapspy_dump *dump, size_t number)
{
	(void)dump;
	(void)number;
	grid_text(grid, rect, row, 1, ROLE_HEADER, "block");
	grid_right(grid, rect, row, 16, ROLE_HEADER, "in use");
	grid_right(grid, rect, row, 27, ROLE_HEADER, "free");
	grid_right(grid, rect, row, 36, ROLE_HEADER, "holes");
	grid_right(grid, rect, row, 43, ROLE_HEADER, "fill%");
}

static void draw_class(struct grid *grid, const struct rect *rect, unsigned row,
		       const struct heapspy_dump *dump, size_t number)
{
	const struct heapspy_size_class *class = &dump->allocator.classes[number];
	uint64_t blocks = class->blocks_in_use + class->blocks_free;
	uint64_t block = (number + 1) * 16; /* Objects/obmalloc.c: ALIGNMENT of 64-bit builds */
	char a[TEXT_SIZE];
	snprintf(a, sizeof(a), "%u", (unsigned)block);
	grid_right(grid, rect, row, 6, ROLE_DIM, a);
	grid_right(grid, rect, row, 16, ROLE_TEXT, text_count(a, class->blocks_in_use));
	grid_right(grid, rect, row, 27, ROLE_TEXT, text_count(a, class->blocks_free));
	grid_right(grid, rect, row, 36, ROLE_TEXT, text_bytes(a, class->blocks_free * block));
	snprintf(a, sizeof(a), "%.0f",
		 blocks ? 100.0 * (double)class->blocks_in_use / (double)blocks : 0);
	grid_right(grid, rect, row, 43, ROLE_TEXT, a);
}

/* ---- all of them ----------------------------------------------------------------------- */

/* The types that pin the most, in order: their numbers. */
static size_t find_pinning(const struct heapspy_dump *dump, size_t numbers[MOST_PINNING])
{
	size_t count = 0;
	for (size_t i = 0; i < dump->type_count; i++) {
		uint64_t pinning = dump->types[i].pinning;
		size_t at = count;
		while (at > 0 && dump->types[numbers[at - 1]].pinning < pinning)
			at--;
		if (!pinning || at == MOST_PINNING)
			continue;
		count += count < MOST_PINNING;
		memmove(numbers + at + 1, numbers + at, (count - 1 - at) * sizeof(*numbers));
		numbers[at] = i;
	}
	return count;
}

static size_t list_lines(const struct heapspy_dump *dump, struct alloc_line lines[MOST_LINES])
{
	const struct heapspy_allocator *allocator = &dump->allocator;
	size_t count = 0, pinning[MOST_PINNING], pinning_count = find_pinning(dump, pinning);
	lines[count++] = (struct alloc_line){draw_arenas, 0};
	lines[count++] = (struct alloc_line){draw_pools, 0};
	for (size_t i = 0; i < PARTS; i++)
		lines[count++] = (struct alloc_line){draw_part, i};
	lines[count++] = (struct alloc_line){draw_pinned, 0};
	for (size_t i = 0; i < pinning_count; i++)
		lines[count++] = (struct alloc_line){draw_pinning, pinning[i]};
	lines[count++] = (struct alloc_line){draw_malloc, 0};
	if (allocator->large_blocks != HEAPSPY_UNKNOWN)
		lines[count++] = (struct alloc_line){draw_large, 0};
	if (allocator->free_lists[0] != HEAPSPY_UNKNOWN)
		lines[count++] = (struct alloc_line){draw_free_lists, 0};
	lines[count++] = (struct alloc_line){draw_class_headings, 0};
	for (size_t i = 0; i < HEAPSPY_SIZE_CLASSES; i++)
		if (allocator->classes[i].pools)
			lines[count++] = (struct alloc_line){draw_class, i};
	return count;
}

void view_allocator(struct app *app, struct grid *grid, const struct rect *rect, bool focused)
{
	const struct heapspy_dump *dump = view_last_dump(app, grid, rect);
	struct alloc_line lines[MOST_LINES];
	if (!dump)
		return;
	if (!dump->allocator.arenas) {
		grid_print(grid, rect, 0, 1, ROLE_TEXT, "%s: no pymalloc",
			   app->model.python->allocator ?: "allocator not known");
		draw_malloc(grid, rect, 1, dump, 0);
		return;
	}
	size_t count = list_lines(dump, lines), first = view_scroll(app, rect, count, focused);
	for (unsigned row = 0; row < rect->rows && first + row < count; row++)
		lines[first + row].draw(grid, rect, row, dump, lines[first + row].number);
}
