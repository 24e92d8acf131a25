/* SPDX-License-Identifier: MIT */
/* Where the memory is: what it is for, or mapping by mapping, under their names. */
#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

static const char *const titles[PLACES_COUNT] = {
#define X(name, title) [PLACES_##name] = title,
    PLACES(X)
#undef X
};

/* ---- what it is for ------------------------------------------------------------------ */

static void draw_kinds(struct app *app, struct grid *grid, const struct rect *rect,
		       const struct heapspy_memory *memory, bool focused)
{
	const struct {
		const char *name;
		uint64_t bytes;
	} sums[] = {
	    {"resident", memory->rss},
	    {"proportional", memory->pss},
	    {"private", memory->uss},
	    {"swapped out", memory->swap},
	    {"resident peak", memory->rss_peak},
	    {"address space", memory->virt},
	    {"cgroup limit", memory->limit},
	    {"up to it", memory->headroom},
	};
	enum { SUMS = sizeof(sums) / sizeof(*sums) };
	size_t kinds = memory->has_account ? HEAPSPY_MEMORY_KIND_COUNT : 0;
	size_t first = view_scroll(app, rect, kinds + 1 + SUMS, focused);
	for (unsigned row = 0; row < rect->rows; row++) {
		size_t line = first + row;
		char a[TEXT_SIZE];
		if (line < kinds) {
			view_share(grid, rect, row,
				   heapspy_memory_kind_name((enum heapspy_memory_kind)line),
				   memory->account[line], memory->rss, ROLE_ACCENT);
		} else if (line > kinds && line - kinds - 1 < SUMS) {
			grid_text(grid, rect, row, 1, ROLE_DIM, sums[line - kinds - 1].name);
			grid_right(grid, rect, row, 24, ROLE_TEXT,
				   text_bytes(a, sums[line - kinds - 1].bytes));
		}
	}
}

/* ---- mappings -------------------------------------------------------------------------- */

enum { NUMBER = 9, NUMBERS = 4, LEAST_NAME = 20 };

static uint64_t number_of(const struct heapspy_mapping_group *group, enum places places)
{
	return places == PLACES_PRIVATE ? group->private_bytes
	       : places == PLACES_SWAP	? group->swap
	       : places == PLACES_SIZE	? group->size
					: group->rss;
}

static int compare_groups(const void *a, const void *b, void *argument)
{
	const struct heapspy_mapping_group *left = *(const struct heapspy_mapping_group *const *)a;
	const struct heapspy_mapping_group *right = *(const struct heapspy_mapping_group *const *)b;
	enum places places = *(const enum places *)argument;
	uint64_t x = number_of(left, places), y = number_of(right, places);
	return x != y ? (x > y ? -1 : 1) : (left > right) - (left < right);
}

/* A group, or one of its mappings. */
struct place_line {
	const struct heapspy_mapping_group *group;
	const struct heapspy_mapping *mapping; /* NULL: the group itself */
};

/* Those of a group stand together. */
static size_t add_mappings(const struct heapspy_mappings *mappings,
			   const struct heapspy_mapping_group *group, struct place_line *lines)
{
	size_t count = 0;
	for (size_t i = 0; i < mappings->item_count; i++)
		if (&mappings->groups[mappings->items[i].group] == group)
			lines[count++] = (struct place_line){group, &mappings->items[i]};
	return count;
}

static size_t list_places(const struct app *app, const struct heapspy_mappings *mappings,
			  struct place_line *lines)
{
	const struct heapspy_mapping_group **sorted =
	    calloc(mappings->group_count + 1, sizeof(*sorted));
	enum places places = app->places;
	size_t count = 0;
	for (size_t i = 0; sorted && i < mappings->group_count; i++)
		sorted[i] = &mappings->groups[i];
	if (sorted)
		qsort_r(sorted, mappings->group_count, sizeof(*sorted), compare_groups, &places);
	for (size_t i = 0; sorted && i < mappings->group_count; i++) {
		lines[count++] = (struct place_line){sorted[i], NULL};
		if (strncmp(app->place, sorted[i]->name, sizeof(app->place) - 1) == 0)
			count += add_mappings(mappings, sorted[i], lines + count);
	}
	free(sorted);
	return count;
}

static unsigned numbers_shown(const struct rect *rect)
{
	unsigned shown = NUMBERS;
	while (shown > 1 && rect->columns < shown * NUMBER + LEAST_NAME)
		shown--;
	return shown;
}

static void draw_numbers(struct grid *grid, const struct rect *rect, unsigned row, enum role role,
			 const char *const texts[NUMBERS])
{
	unsigned shown = numbers_shown(rect);
	for (unsigned i = 0; i < shown; i++)
		grid_right(grid, rect, row, rect->columns - (shown - 1 - i) * NUMBER, role,
			   texts[i]);
}

static void draw_place(struct grid *grid, const struct rect *rect, unsigned row,
		       const struct place_line *line, bool open, bool selected)
{
	const struct heapspy_mapping_group *group = line->group;
	const struct heapspy_mapping *mapping = line->mapping;
	unsigned width = rect->columns - numbers_shown(rect) * NUMBER;
	char name[300], rss[TEXT_SIZE], private[TEXT_SIZE], swap[TEXT_SIZE], size[TEXT_SIZE];
	if (mapping)
		snprintf(name, sizeof(name), "   %llx %s", (unsigned long long)mapping->start,
			 mapping->flags);
	else if (group->mappings > 1)
		snprintf(name, sizeof(name), "%c %.200s (%llu)", open ? '-' : '+', group->name,
			 (unsigned long long)group->mappings);
	else
		snprintf(name, sizeof(name), "  %.200s", group->name);
	const char *const texts[NUMBERS] = {
	    text_bytes(rss, mapping ? mapping->rss : group->rss),
	    text_bytes(private, mapping ? mapping->private_bytes : group->private_bytes),
	    text_bytes(swap, mapping ? mapping->swap : group->swap),
	    text_bytes(size, mapping ? mapping->end - mapping->start : group->size),
	};
	grid_text(grid, rect, row, 0, ROLE_TEXT, selected ? ">" : " ");
	if (width > 2)
		grid_middle(grid, rect, row, 1, width - 2, mapping ? ROLE_DIM : ROLE_TEXT, name);
	draw_numbers(grid, rect, row, mapping ? ROLE_DIM : ROLE_TEXT, texts);
	if (selected)
		grid_select_row(grid, rect, row);
}

static void draw_places(struct app *app, struct grid *grid, const struct rect *rect,
			const struct heapspy_mappings *mappings)
{
	static const char *const headings[NUMBERS] = {"RSS", "PRIVATE", "SWAP", "SIZE"};
	struct place_line *lines =
	    calloc(mappings->group_count + mappings->item_count + 1, sizeof(*lines));
	if (!lines || !rect->rows)
		goto done;
	size_t count = list_places(app, mappings, lines);
	size_t chosen = app->scroll < count ? app->scroll : count ? count - 1 : 0;
	unsigned rows = rect->rows - 1;
	size_t first = rows && chosen >= rows ? chosen - rows + 1 : 0;
	app->picking = true;
	app->page = rows;
	app->length = count;
	app->place_chosen[0] = 0;
	grid_text(grid, rect, 0, 3, ROLE_HEADER, "MAPPED");
	draw_numbers(grid, rect, 0, ROLE_HEADER, headings);
	for (size_t i = first; i < count && i - first < rows; i++) {
		bool open = strncmp(app->place, lines[i].group->name, sizeof(app->place) - 1) == 0;
		draw_place(grid, rect, 1 + (unsigned)(i - first), &lines[i], open, i == chosen);
	}
	if (chosen < count)
		snprintf(app->place_chosen, sizeof(app->place_chosen), "%s",
			 lines[chosen].group->name);
done:
	free(lines);
}

void view_memory(struct app *app, struct grid *grid, const struct rect *rect, bool focused)
{
	const struct heapspy_dump *dump = view_last_dump(app, grid, rect);
	if (!dump)
		return;
	if (!focused) {
		draw_kinds(app, grid, rect, &dump->memory, false);
		return;
	}
	struct rect rest = {rect->row + 1, rect->column, rect->rows ? rect->rows - 1 : 0,
			    rect->columns};
	grid_print(grid, rect, 0, 0, ROLE_HEADER, "%s (o)", titles[app->places]);
	if (app->places == PLACES_KINDS)
		draw_kinds(app, grid, &rest, &dump->memory, true);
	else if (dump->mappings.group_count)
		draw_places(app, grid, &rest, &dump->mappings);
	else
		grid_text(grid, &rest, 0, 1, ROLE_DIM, "mappings are not known");
}
