/* SPDX-License-Identifier: MIT */
/* The list of processes. */
#include <math.h>
#include <string.h>

#include "group.h"
#include "text.h"
#include "view.h"

/* From the left to the right, behind the PID and before the command; those that there is
 * no room for are left out, the one with the highest number first. */
enum column { COLUMN_PRIVATE, COLUMN_SHARED, COLUMN_HEAP, COLUMN_OBJECTS, COLUMN_GROWTH, COLUMNS };

static const struct {
	unsigned width, dispensable;
} columns[COLUMNS] = {
	[COLUMN_PRIVATE] = {9, 0}, [COLUMN_SHARED] = {9, 3},  [COLUMN_HEAP] = {9, 1},
	[COLUMN_OBJECTS] = {9, 2}, [COLUMN_GROWTH] = {10, 0},
};

static const char *const headings[PROCESS_SORT_COUNT] = {
#define X(name, heading) heading,
	PROCESS_SORTS(X)
#undef X
};

enum { PID_COLUMNS = 10, LEAST_COMMAND = 12 };

static void choose_columns(unsigned width, bool shown[COLUMNS])
{
	for (unsigned most = 4; most > 0; most--) {
		unsigned taken = PID_COLUMNS + (most > 1 ? LEAST_COMMAND : 0);
		for (unsigned i = 0; i < COLUMNS; i++) {
			shown[i] = columns[i].dispensable < most;
			taken += shown[i] ? columns[i].width : 0;
		}
		if (taken <= width)
			return;
	}
}

/* Returns the column behind the last one. */
static unsigned put_columns(struct grid *grid, const struct rect *rect, unsigned row,
			    enum role role, const bool shown[COLUMNS],
			    char texts[COLUMNS][TEXT_SIZE])
{
	unsigned end = PID_COLUMNS;
	for (unsigned i = 0; i < COLUMNS; i++) {
		if (!shown[i])
			continue;
		end += columns[i].width;
		grid_right(grid, rect, row, end, role, texts[i]);
	}
	return end;
}

/* ---- sums ---------------------------------------------------------------------------------- */

struct sums {
	uint64_t pss, private, heap, objects;
	double growth;
	size_t living, walked;
};

static void add_up(const struct group *group, struct sums *ret_sums)
{
	struct sums sums = {0};
	for (size_t i = 0; i < group->count; i++) {
		const struct member *member = group->members[i];
		const struct heapspy_sample *sample = member->app.model.sample;
		if (member_is_gone(member))
			continue;
		sums.living++;
		if (!sample || !sample->census)
			continue;
		const struct heapspy_dump *dump = sample->census->dump;
		uint64_t heap = model_heap(sample);
		double growth = member_growth(member, SINCE_MINUTE);
		sums.walked++;
		sums.pss += dump->memory.pss == HEAPSPY_UNKNOWN ? 0 : dump->memory.pss;
		sums.private += dump->memory.uss == HEAPSPY_UNKNOWN ? 0 : dump->memory.uss;
		sums.heap += heap == HEAPSPY_UNKNOWN ? 0 : heap;
		sums.objects += dump->total.objects;
		sums.growth += isnan(growth) ? 0 : growth;
	}
	*ret_sums = sums;
}

static void draw_header(struct group *group, struct grid *grid, const struct rect *rect)
{
	struct sums sums;
	char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE], d[TEXT_SIZE];
	add_up(group, &sums);
	unsigned column = grid_text(grid, rect, 0, 0, ROLE_ACCENT, "heapspy top");
	column = grid_print(grid, rect, 0, column + 2, ROLE_HEADER, "%zu process%s", sums.living,
			    sums.living == 1 ? "" : "es");
	if (group->gone)
		grid_print(grid, rect, 0, column + 2, ROLE_TEXT, "%zu gone",
			   group->gone + group->total - group->count);
	bool gone = group_is_gone(group);
	snprintf(a, sizeof(a), "%s  %s", text_seconds(b, group->interval),
		 group->front.replay == REPLAY_RUNS	? "REPLAY"
		 : group->front.replay == REPLAY_PAUSED ? "PAUSED"
		 : group->front.replay == REPLAY_ENDED	? "END"
		 : gone					? "GONE"
							: "LIVE");
	grid_right(grid, rect, 0, rect->columns, gone ? ROLE_BAD : ROLE_GOOD, a);
	if (!sums.walked) {
		grid_text(grid, rect, 1, 0, ROLE_WARN, gone ? "" : "first heap walks under way");
		return;
	}
	grid_print(grid, rect, 1, 0, ROLE_TEXT, "all: PSS %s, private %s",
		   text_bytes(a, sums.pss), text_bytes(b, sums.private));
	grid_print(grid, rect, 2, 0, ROLE_TEXT, "heaps %s, objects %s, live %s/min",
		   text_bytes(a, sums.heap), text_short_count(b, sums.objects),
		   text_bytes_change(c, sums.growth));
	double every = 0;
	for (size_t i = 0; i < group->count; i++)
		if (!member_is_gone(group->members[i]) && group->members[i]->app.model.sample)
			every = fmax(every,
				     group->members[i]->app.model.sample->census_interval);
	grid_print(grid, rect, 3, 0, ROLE_DIM, "heap walks one after the other, of each every %s",
		   text_seconds(d, every));
}

/* ---- rows ---------------------------------------------------------------------------------- */

static const char *heading_of(const struct group *group, unsigned column)
{
	static const char *const growth[SINCE_COUNT] = {"+/-min", "+/-last", "+/-base"};
	return column == PROCESS_SORT_GROWTH ? growth[group->since] : headings[column];
}

static void draw_headings(const struct group *group, struct grid *grid, const struct rect *rect,
			  const bool shown[COLUMNS])
{
	char texts[COLUMNS][TEXT_SIZE];
	for (unsigned i = 0; i < COLUMNS; i++)
		snprintf(texts[i], TEXT_SIZE, "%s", heading_of(group, i));
	grid_right(grid, rect, 0, PID_COLUMNS, ROLE_HEADER, "PID");
	unsigned end = put_columns(grid, rect, 0, ROLE_HEADER, shown, texts);
	grid_text(grid, rect, 0, end + 2, ROLE_HEADER, "COMMAND");
}

static void draw_row(const struct group *group, const struct member *member, struct grid *grid,
		     const struct rect *rect, unsigned row, bool selected,
		     const bool shown[COLUMNS])
{
	const struct model *model = &member->app.model;
	const struct heapspy_sample *sample = model->sample;
	const struct heapspy_dump *dump = sample && sample->census ? sample->census->dump : NULL;
	bool gone = member_is_gone(member), suspect = model_suspect(model) != NULL;
	enum role role = gone ? ROLE_DIM : suspect ? ROLE_BAD : ROLE_TEXT;
	char texts[COLUMNS][TEXT_SIZE], pid[TEXT_SIZE];
	double growth = member_growth(member, group->since);
	for (unsigned i = 0; i < COLUMNS; i++)
		strcpy(texts[i], "-");
	if (dump) {
		uint64_t rss = dump->memory.rss, uss = dump->memory.uss;
		bool known = rss != HEAPSPY_UNKNOWN && uss != HEAPSPY_UNKNOWN && rss >= uss;
		text_bytes(texts[COLUMN_PRIVATE], uss);
		text_bytes(texts[COLUMN_SHARED], known ? rss - uss : HEAPSPY_UNKNOWN);
		text_bytes(texts[COLUMN_HEAP], model_heap(sample));
		text_short_count(texts[COLUMN_OBJECTS], dump->total.objects);
	}
	if (!isnan(growth))
		text_bytes_change(texts[COLUMN_GROWTH], growth);
	snprintf(pid, sizeof(pid), "%d", (int)member->pid);
	grid_text(grid, rect, row, 0, ROLE_TEXT, selected ? ">" : " ");
	grid_text(grid, rect, row, 1, role, suspect && !gone ? "!" : " ");
	grid_right(grid, rect, row, PID_COLUMNS, role, pid);
	unsigned end = put_columns(grid, rect, row, role, shown, texts) + 2;
	if (gone)
		end = grid_text(grid, rect, row, end, ROLE_BAD, "GONE") + 1;
	else if (sample && sample->trouble)
		end = grid_text(grid, rect, row, end, ROLE_BAD, "TROUBLE") + 1;
	if (end + 6 < rect->columns)
		grid_middle(grid, rect, row, end, rect->columns - end, role, member->command);
	if (selected)
		grid_select_row(grid, rect, row);
}

static void draw_list(struct group *group, struct grid *grid, const struct rect *rect)
{
	bool shown[COLUMNS];
	size_t selected = group_selected(group);
	unsigned page = rect->rows > 1 ? rect->rows - 1 : 1;
	group->front.page = page;
	choose_columns(rect->columns, shown);
	draw_headings(group, grid, rect, shown);
	if (selected < group->top)
		group->top = selected;
	if (selected >= group->top + page)
		group->top = selected - page + 1;
	if (group->top + page > group->count)
		group->top = group->count > page ? group->count - page : 0;
	for (unsigned row = 0; row < page && group->top + row < group->count; row++) {
		size_t number = group->top + row;
		draw_row(group, group->members[number], grid, rect, row + 1, number == selected,
			 shown);
	}
	grid->cursor_row = rect->row + 1 + (unsigned)(selected - group->top);
	grid->cursor_column = 0;
}

static void draw_title(struct group *group, struct grid *grid, const struct rect *rect)
{
	char text[64];
	grid_rule(grid, rect, 0, NULL);
	grid_text(grid, rect, 0, 0, ROLE_HEADER, "[Processes]");
	bool up = group->reverse != (group->sort == PROCESS_SORT_PID);
	snprintf(text, sizeof(text), " sort %s %s", heading_of(group, group->sort), up ? "^" : "v");
	grid_right(grid, rect, 0, rect->columns, ROLE_DIM, text);
}

/* ---- all of it ------------------------------------------------------------------------------ */

void view_group(struct group *group)
{
	struct app *front = &group->front;
	struct grid *grid = &front->grid;
	struct layout *layout = &front->layout;
	grid_clear(grid);
	layout_make(grid->rows, grid->columns, PANEL_TYPES, true, layout);
	/* One too small says so. */
	if (layout->tier == TIER_NONE) {
		app_draw(front);
		return;
	}
	if (front->help) {
		struct rect body = {0, 0, grid->rows - layout->footer.rows, grid->columns};
		view_help(front, grid, &body);
	} else {
		draw_header(group, grid, &layout->header);
		draw_title(group, grid, &layout->tabs);
		draw_list(group, grid, &layout->main);
		view_status(front, grid, &layout->status);
	}
	/* Where there is no line for it, what was just said goes before the keys. */
	if (layout->tier == TIER_SMALL && (front->prompt || front->message[0]))
		view_status(front, grid, &layout->footer);
	else
		view_footer(front, grid, &layout->footer);
}
