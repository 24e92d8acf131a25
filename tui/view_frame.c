/* SPDX-License-Identifier: MIT */
/* What is around the panels: header, tabs, status, footer, help. */
#include "view.h"

#include <math.h>
#include <string.h>

#include "group.h"
#include "keymap.h"
#include "text.h"

size_t view_scroll(struct app *app, const struct rect *rect, size_t lines, bool focused)
{
	if (!focused)
		return 0;
	app->page = rect->rows;
	app->length = lines;
	size_t most = lines > rect->rows ? lines - rect->rows : 0;
	return app->scroll < most ? app->scroll : most;
}

/* ---- header ------------------------------------------------------------------------------ */

/* A line that takes whole pieces as long as they fit before `end`. */
struct line {
	struct grid *grid;
	const struct rect *rect;
	unsigned row, column, end;
};

static void add(struct line *line, enum role role, unsigned gap, const char *text)
{
	gap = line->column ? gap : 0;
	if (line->column + gap + text_columns(text) > line->end)
		return;
	line->column = grid_text(line->grid, line->rect, line->row, line->column + gap, role, text);
}

/* A number and its name: both or none. */
static void add_value(struct line *line, unsigned gap, const char *name, const char *value)
{
	gap = line->column ? gap : 0;
	if (line->column + gap + text_columns(name) + 1 + text_columns(value) > line->end)
		return;
	add(line, ROLE_DIM, gap, name);
	add(line, ROLE_HEADER, 1, value);
}

static void line_of_identity(struct app *app, struct grid *grid, const struct rect *rect)
{
	const struct model *model = &app->model;
	const struct heapspy_sample *sample = model->sample;
	char text[TEXT_SIZE], state[64], command[512], identity[64];
	enum role role = ROLE_GOOD;
	double stale = app_staleness(app);
	if (app->replay) {
		static const char *const states[] = {
			[REPLAY_RUNS] = "REPLAY", [REPLAY_PAUSED] = "PAUSED", [REPLAY_ENDED] = "END"};
		snprintf(state, sizeof(state), "%s %s", states[app->replay],
			 sample ? text_clock(text, sample->time) : "");
		role = ROLE_ACCENT;
	} else if (sample && sample->state == HEAPSPY_SAMPLE_GONE) {
		snprintf(state, sizeof(state), "GONE %s", text_clock(text, sample->time));
		role = ROLE_BAD;
	} else if (sample && sample->trouble) {
		snprintf(state, sizeof(state), "TROUBLE");
		role = ROLE_BAD;
	} else if (app->frozen) {
		snprintf(state, sizeof(state), "FROZEN %s", text_clock(text, app->frozen_time));
		role = ROLE_WARN;
	} else if (stale > 0) {
		snprintf(state, sizeof(state), "STALE %s", text_seconds(text, floor(stale)));
		role = ROLE_WARN;
	} else {
		snprintf(state, sizeof(state), "%s  %s", text_seconds(text, model->interval),
			 sample ? "LIVE" : "ATTACHED");
	}
	unsigned end = grid_right(grid, rect, 0, rect->columns, role, state);
	struct line line = {grid, rect, 0, 0, end > 2 ? end - 2 : 0};
	add(&line, ROLE_ACCENT, 0, "heapspy top");
	snprintf(identity, sizeof(identity), "%d", (int)model->target->pid);
	add(&line, ROLE_HEADER, 2, identity);

	/* What follows the command comes first: the command takes what is left. */
	char version[48], uptime[48];
	snprintf(version, sizeof(version), "CPython %s", model->python->version);
	double seconds = model->target->uptime + (sample ? sample->time - model->first_time : 0);
	snprintf(uptime, sizeof(uptime), "up %s", text_seconds(text, seconds));
	unsigned after = text_columns(version) + text_columns(uptime) + 4;
	text_words(command, sizeof(command), model->target->command);
	unsigned width = text_columns(command);
	if (line.column + 1 + width + after > line.end)
		width = line.end > line.column + 1 + after ? line.end - line.column - 1 - after : 0;
	if (width >= 6)
		line.column =
		    grid_middle(grid, rect, 0, line.column + 1, width, ROLE_TEXT, command);
	add(&line, ROLE_TEXT, 2, version);
	add(&line, ROLE_TEXT, 2, uptime);
}

static void line_of_memory(struct app *app, struct grid *grid, const struct rect *rect)
{
	const struct model *model = &app->model;
	const struct heapspy_sample *sample = model->sample;
	struct line line = {grid, rect, 1, 0, rect->columns};
	char text[128], a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE];
	if (!sample)
		return;
	if (sample->threads) {
		snprintf(text, sizeof(text), "%u thr", sample->threads);
		unsigned end = grid_right(grid, rect, 1, rect->columns, ROLE_TEXT, text);
		line.end = end > 2 ? end - 2 : 0;
	}
	add_value(&line, 0, "RSS", text_bytes(a, sample->rss));
	double rate = model_rss_rate(model);
	if (!isnan(rate)) {
		const char *change = text_bytes_change(a, rate);
		snprintf(text, sizeof(text), "%s%s/min",
			 rate >= 0.5	? "^"
			 : rate <= -0.5 ? "v"
					: "=",
			 change + (*change != '0'));
		add(&line, ROLE_TEXT, 1, text);
	}
	uint64_t heap = model_heap(sample), live = model_live(sample);
	add_value(&line, 3, "heap", text_bytes(a, heap));
	if (heap != HEAPSPY_UNKNOWN && heap > live) {
		snprintf(text, sizeof(text), "= live %s + slack %s (%.0f%%)", text_bytes(a, live),
			 text_bytes(b, heap - live), 100.0 * (double)(heap - live) / (double)heap);
		add(&line, ROLE_TEXT, 1, text);
	}
	if (sample->swap && sample->swap != HEAPSPY_UNKNOWN) {
		snprintf(text, sizeof(text), "swap %s", text_bytes(a, sample->swap));
		add(&line, ROLE_WARN, 3, text);
	}
	if (!sample->census)
		return;
	const struct heapspy_memory *memory = &sample->census->dump->memory;
	if (memory->pss && memory->pss != HEAPSPY_UNKNOWN) {
		snprintf(text, sizeof(text), "PSS %s", text_bytes(a, memory->pss));
		add(&line, ROLE_TEXT, 3, text);
	}
	if (memory->limit != HEAPSPY_UNKNOWN && memory->headroom != HEAPSPY_UNKNOWN &&
	    memory->limit) {
		snprintf(text, sizeof(text), "cgroup %.0f%% of %s",
			 100.0 * (1 - (double)memory->headroom / (double)memory->limit),
			 text_bytes(c, memory->limit));
		add(&line, ROLE_TEXT, 3, text);
	}
}

static void line_of_collector(struct app *app, struct grid *grid, const struct rect *rect)
{
	const struct heapspy_sample *sample = app->model.sample;
	struct line line = {grid, rect, 2, 0, rect->columns};
	char text[128];
	if (!sample || !sample->interpreter_count)
		return;
	const struct heapspy_gc *gc = &sample->interpreters[0].gc;
	add(&line, ROLE_DIM, 0, "GC");
	if (!gc->enabled)
		add(&line, ROLE_WARN, 1, "disabled");
	for (unsigned i = 0; i < HEAPSPY_GENERATIONS; i++) {
		const struct heapspy_generation *generation = &gc->generations[i];
		/* One without a threshold is collected by another rule. */
		if (generation->threshold <= 0) {
			snprintf(text, sizeof(text), "g%u %lld", i, (long long)generation->count);
			add(&line, ROLE_TEXT, 2, text);
			continue;
		}
		snprintf(text, sizeof(text), "g%u %lld/%lld", i, (long long)generation->count,
			 (long long)generation->threshold);
		if (line.column + 2 + strlen(text) + 7 > line.end)
			return;
		add(&line, ROLE_TEXT, 2, text);
		grid_bar(grid, rect, 2, line.column + 1, 6, ROLE_ACCENT,
			 (double)generation->count / (double)generation->threshold);
		line.column += 7;
	}
	snprintf(
	    text, sizeof(text), "runs %lld/%lld/%lld", (long long)gc->generations[0].collections,
	    (long long)gc->generations[1].collections, (long long)gc->generations[2].collections);
	add(&line, ROLE_TEXT, 2, text);
	double share = model_collecting_share(&app->model);
	if (!isnan(share)) {
		snprintf(text, sizeof(text), "%.1f%% of the time", 100 * share);
		add(&line, share > 0.05 ? ROLE_WARN : ROLE_TEXT, 2, text);
	}
	if (gc->collecting)
		add(&line, ROLE_WARN, 2, "COLLECTING");
}

static void line_of_census(struct app *app, struct grid *grid, const struct rect *rect)
{
	const struct heapspy_sample *sample = app->model.sample;
	struct line line = {grid, rect, 3, 0, rect->columns};
	char text[128], a[TEXT_SIZE], b[TEXT_SIZE];
	if (!sample)
		return;
	if (!sample->census) {
		add(&line, ROLE_WARN, 0,
		    sample->walking ? "first heap walk under way" : "no heap walk yet");
		return;
	}
	const struct heapspy_dump *dump = sample->census->dump;
	add_value(&line, 0, "objects", text_short_count(a, dump->total.objects));
	snprintf(text, sizeof(text), "heap walk %s every %s",
		 text_seconds(a, dump->capture.duration), text_seconds(b, sample->census_interval));
	add(&line, ROLE_TEXT, 3, text);
	snprintf(text, sizeof(text), "read ok %.1f%%", floor(dump->capture.coverage * 1000) / 10);
	add(&line, dump->capture.coverage < 1 ? ROLE_WARN : ROLE_TEXT, 3, text);
	snprintf(text, sizeof(text), "at %s", text_clock(a, dump->capture.time));
	add(&line, ROLE_DIM, 3, text);
	if (dump->capture.torn_reads) {
		snprintf(text, sizeof(text), "torn %s", text_count(a, dump->capture.torn_reads));
		add(&line, ROLE_WARN, 3, text);
	}
	add(&line, ROLE_TEXT, 3, dump->capture.pause > 0 ? "stopped" : "no-stop, pause 0 ms");
	if (sample->walking)
		add(&line, ROLE_ACCENT, 3, "walking");
}

void view_header(struct app *app, struct grid *grid, const struct rect *rect)
{
	line_of_identity(app, grid, rect);
	line_of_memory(app, grid, rect);
	line_of_collector(app, grid, rect);
	line_of_census(app, grid, rect);
}

/* ---- below ---------------------------------------------------------------------------------- */

void view_tabs(struct app *app, struct grid *grid, const struct rect *rect)
{
	unsigned column = 0;
	char text[TEXT_SIZE], right[64];
	grid_rule(grid, rect, 0, NULL);
	for (unsigned i = 0; i < PANEL_COUNT; i++) {
		bool focused = app->focus == i;
		column = grid_print(grid, rect, 0, column, focused ? ROLE_HEADER : ROLE_TEXT,
				    focused ? "[%u %s]" : " %u %s ", i + 1, panel_titles[i]);
	}
	if (!app->model.baseline.census)
		return;
	snprintf(right, sizeof(right), " base %s (b)", text_clock(text, app->model.baseline_time));
	if (column + text_columns(right) < rect->columns)
		grid_right(grid, rect, 0, rect->columns, ROLE_DIM, right);
}

/* The end of what is typed is seen, whatever else there is room for. */
static void draw_prompt(struct grid *grid, const struct rect *rect, const char *what,
			const char *how, const char *path, const char *keys)
{
	unsigned column = grid_print(grid, rect, 0, 0, ROLE_ACCENT, "%s%s%s to: ", what,
				     *how ? " " : "", how);
	unsigned room = rect->columns > column + 1 ? rect->columns - column - 1 : 0;
	while (text_columns(path) > room)
		text_next(&path);
	column = grid_print(grid, rect, 0, column, ROLE_ACCENT, "%s_", path);
	if (column + strlen(keys) <= rect->columns)
		grid_text(grid, rect, 0, column, ROLE_ACCENT, keys);
}

void view_status(struct app *app, struct grid *grid, const struct rect *rect)
{
	const struct heapspy_sample *sample = app->model.sample;
	const struct growth *suspect = model_suspect(&app->model);
	char rate[TEXT_SIZE], bytes[TEXT_SIZE];
	static const char *const formats[TUI_FORMATS] = {"JSON", "CSV", "text"};
	if (app->exists)
		grid_print(grid, rect, 0, 0, ROLE_WARN, "%s exists: y replaces it", app->path);
	else if (app->prompt == PROMPT_EXPORT)
		draw_prompt(grid, rect, "export", formats[app->format], app->path,
			    "   Tab format  Esc no");
	else if (app->prompt == PROMPT_SNAPSHOT)
		draw_prompt(grid, rect, "snapshot of the heap", "", app->path, "   Esc no");
	else if (app->prompt == PROMPT_FILTER)
		grid_print(grid, rect, 0, 0, ROLE_ACCENT, "filter: %s_   Enter keep   Esc clear",
			   app->filter);
	else if (app->message[0])
		grid_text(grid, rect, 0, 0, ROLE_ACCENT, app->message);
	else if (sample && sample->trouble)
		grid_print(grid, rect, 0, 0, ROLE_BAD, "%s%s",
			   sample->state == HEAPSPY_SAMPLE_GONE ? "GONE: " : "! ", sample->trouble);
	else if (suspect)
		grid_print(grid, rect, 0, 0, ROLE_BAD,
			   "! grew in %u of %u heap walks: %s, %s/min, %s/min", suspect->streak,
			   app->model.comparisons, suspect->type->name,
			   text_change(rate, suspect->minute_objects),
			   text_bytes_change(bytes, suspect->minute_bytes));
}

/* As many as fit whole; the last ones, how to get help and out, always. */
void view_footer(struct app *app, struct grid *grid, const struct rect *rect)
{
	unsigned column = 0, row = 0, reserved = 14;
	bool list = !app->model.target;
	if (!rect->rows)
		return;
	for (size_t i = 0; i < keymap_size; i++) {
		const struct binding *binding = &keymap[i];
		if (!binding->footer || (list && !group_list_takes(binding->keys[0])))
			continue;
		char name[TEXT_SIZE];
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(binding->names, " "),
			 binding->names);
		bool last =
		    strcmp(binding->footer, "help") == 0 || strcmp(binding->footer, "quit") == 0;
		unsigned needed = (unsigned)(strlen(name) + 1 + strlen(binding->footer));
		if (column + needed + (last ? 0 : reserved) > rect->columns)
			continue;
		column = grid_text(grid, rect, row, column, ROLE_ACCENT, name);
		column = grid_text(grid, rect, row, column + 1, ROLE_TEXT, binding->footer) + 2;
	}
	if (rect->rows > 1)
		grid_print(
		    grid, rect, 1, 0, ROLE_DIM,
		    "! grew in each of the last heap walks   ~ not tracked by the collector   "
		    "axis: %s heap walk, G full collection   sizes in units of 1024",
		    plot_walk_mark(grid));
}

void view_help(struct app *app, struct grid *grid, const struct rect *rect)
{
	char mark[96];
	snprintf(mark, sizeof(mark),
		 "^v RSS rises, falls       G on the axis: a full collection   %s: a heap walk",
		 plot_walk_mark(grid));
	const char *const legend[] = {
	    "",
	    ">  selected       !  grew in each of the last heap walks",
	    "~  a type whose objects the collector does not track",
	    mark,
	    "heap: what pymalloc holds; live: of that, blocks in use; slack: the rest",
	    "K, M, G are 1024, 1024^2, 1024^3 bytes. Sizes are those of sys.getsizeof().",
	    "REFS: reference count. GEN: generation; - untracked, fr frozen. (o): order.",
	    "Nothing is written into the process; n alone holds threads, for a moment.",
	};
	size_t lines = keymap_size + sizeof(legend) / sizeof(*legend);
	struct rect body = {rect->row + 1, rect->column, rect->rows - 1, rect->columns};
	grid_rule(grid, rect, 0, "Help: Esc closes it");
	size_t first = view_scroll(app, &body, lines, true);
	for (unsigned row = 0; row < body.rows && first + row < lines; row++) {
		size_t line = first + row;
		if (line < keymap_size) {
			grid_text(grid, &body, row, 1, ROLE_ACCENT, keymap[line].names);
			grid_text(grid, &body, row, 20, ROLE_TEXT, keymap[line].meaning);
		} else {
			grid_text(grid, &body, row, 1, ROLE_TEXT, legend[line - keymap_size]);
		}
	}
	grid->cursor_row = body.row;
}
