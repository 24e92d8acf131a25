/* SPDX-License-Identifier: MIT */
#include "app.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keymap.h"
#include "text.h"
#include "view.h"

enum { FIVE_MINUTES = 300 };

const char *const since_names[SINCE_COUNT] = {"min", "last", "base"};

double growth_objects(const struct growth *growth, enum since since)
{
	return since == SINCE_MINUTE ? growth->minute_objects
	       : since == SINCE_LAST ? (double)growth->last_objects
				     : (double)growth->base_objects;
}

double growth_bytes(const struct growth *growth, enum since since)
{
	return since == SINCE_MINUTE ? growth->minute_bytes
	       : since == SINCE_LAST ? (double)growth->last_bytes
				     : (double)growth->base_bytes;
}

/* ---- rows ------------------------------------------------------------------------------- */

static int compare_numbers(double left, double right)
{
	return left > right ? -1 : left < right;
}

static int compare_rows(const void *a, const void *b, void *argument)
{
	const struct growth *left = a, *right = b;
	const struct app *app = argument;
	int order = 0;
	switch (app->sort) {
	case SORT_SIZE:
		order = compare_numbers((double)left->type->bytes, (double)right->type->bytes);
		break;
	case SORT_SIZE_CHANGE:
		order = compare_numbers(growth_bytes(left, app->since),
					growth_bytes(right, app->since));
		break;
	case SORT_OBJECTS:
		order = compare_numbers((double)left->type->objects, (double)right->type->objects);
		break;
	case SORT_OBJECTS_CHANGE:
		order = compare_numbers(growth_objects(left, app->since),
					growth_objects(right, app->since));
		break;
	case SORT_COUNT:
		break;
	case SORT_NAME:
		order = strcmp(left->type->name, right->type->name);
		break;
	}
	if (order)
		return app->reverse ? -order : order;
	order = compare_numbers((double)left->type->bytes, (double)right->type->bytes);
	order = order ? order : strcmp(left->type->name, right->type->name);
	return order ? order
		     : (left->type->address > right->type->address) -
			   (left->type->address < right->type->address);
}

void app_sort(struct app *app)
{
	struct growth *rows = malloc((app->source_count + 1) * sizeof(*rows));
	if (!rows)
		return;
	free(app->rows);
	app->rows = rows;
	app->row_count = 0;
	for (size_t i = 0; i < app->source_count; i++)
		if (text_matches(app->source[i].type->name, app->filter) &&
		    (!app->growing || app->source[i].base_bytes > 0))
			rows[app->row_count++] = app->source[i];
	qsort_r(rows, app->row_count, sizeof(*rows), compare_rows, app);
}

/* The last census becomes what is shown. */
static void show_census(struct app *app)
{
	const struct model *model = &app->model;
	if (app->frozen || !model->walk_count)
		return;
	struct growth *source = malloc((model->growth_count + 1) * sizeof(*source));
	if (!source)
		return;
	memcpy(source, model->growths, model->growth_count * sizeof(*source));
	free(app->source);
	heapspy_census_drop(app->shown);
	app->source = source;
	app->source_count = model->growth_count;
	app->shown = heapspy_census_keep(model->walks[model->walk_count - 1].census);
	app_sort(app);
}

void app_set_baseline(struct app *app)
{
	model_set_baseline(&app->model);
	app->since = SINCE_BASELINE;
	app->selected = app->growing && !app->detail ? 0 : app->selected;
	for (size_t i = 0; i < app->source_count; i++) {
		app->source[i].base_objects = 0;
		app->source[i].base_bytes = 0;
	}
	app_sort(app);
}

size_t app_selected(const struct app *app)
{
	for (size_t i = 0; i < app->row_count && app->selected; i++)
		if (app->rows[i].type->address == app->selected)
			return i;
	return 0;
}

void app_select(struct app *app, size_t row)
{
	if (app->row_count == 0)
		return;
	row = row < app->row_count ? row : app->row_count - 1;
	/* The first row is whatever comes first. */
	app->selected = row ? app->rows[row].type->address : 0;
}

/* ---- objects of one type ------------------------------------------------------------- */

const struct growth *app_opened(const struct app *app)
{
	for (size_t i = 0; i < app->source_count && app->detail; i++)
		if (app->source[i].type->address == app->selected)
			return &app->source[i];
	return NULL;
}

const struct heapspy_look *app_look(const struct app *app)
{
	const struct heapspy_sample *sample = app->model.sample;
	const struct heapspy_look *look = sample ? sample->look : NULL;
	return look && app->detail && look->type == app->selected ? look : NULL;
}

static int compare_objects(const void *a, const void *b, void *argument)
{
	const struct heapspy_instance *left = *(const struct heapspy_instance *const *)a;
	const struct heapspy_instance *right = *(const struct heapspy_instance *const *)b;
	enum order order = *(const enum order *)argument;
	int result = 0;
	if (order == ORDER_REFERENCES && left->immortal != right->immortal)
		return left->immortal - right->immortal;
	if (order == ORDER_REFERENCES)
		result = (left->references < right->references) - (left->references > right->references);
	else if (order == ORDER_AGE)
		result = (left->age > right->age) - (left->age < right->age);
	if (!result)
		result = (left->bytes < right->bytes) - (left->bytes > right->bytes);
	return result ? result
		      : (left->address > right->address) - (left->address < right->address);
}

/* One that is among the largest may have been drawn as well. */
static void drop_twins(struct app *app)
{
	size_t kept = 0;
	for (size_t i = 0; i < app->object_count; i++)
		if (!kept || app->objects[kept - 1]->address != app->objects[i]->address)
			app->objects[kept++] = app->objects[i];
	app->object_count = kept;
}

void app_list_objects(struct app *app)
{
	const struct heapspy_look *look = app_look(app);
	const struct heapspy_instances *found = look ? look->instances : NULL;
	free(app->objects);
	app->object_count = 0;
	app->objects = NULL;
	if (!found)
		return;
	app->objects =
		calloc(found->largest_count + found->sample_count + 1, sizeof(*app->objects));
	if (!app->objects)
		return;
	for (size_t i = 0; i < found->largest_count && app->order != ORDER_LOT; i++)
		app->objects[app->object_count++] = &found->largest[i];
	for (size_t i = 0; i < found->sample_count && app->order != ORDER_SIZE; i++)
		app->objects[app->object_count++] = &found->sample[i];
	if (app->order == ORDER_REFERENCES || app->order == ORDER_AGE) {
		qsort_r(app->objects, app->object_count, sizeof(*app->objects), compare_objects,
			&app->order);
		drop_twins(app);
	}
	if (app->chosen >= app->object_count)
		app->chosen = app->object_count ? app->object_count - 1 : 0;
}

/* ---- samples and keys ---------------------------------------------------------------------- */

void app_take(struct app *app, struct heapspy_sample *sample)
{
	if (model_take(&app->model, sample))
		show_census(app);
}

double app_staleness(const struct app *app)
{
	const struct heapspy_sample *sample = app->model.sample;
	double age = sample && !app->replay ? app->now - sample->time : 0;
	/* While a census goes on there are no readings. */
	return age > 3 * app->model.interval + 1 ? age : 0;
}

/* The text with a key typed. False: the key is no character of it. */
static bool type(char *text, size_t size, uint32_t key)
{
	size_t length = strlen(text);
	if (key == TUI_KEY_BACKSPACE) {
		/* All bytes of the last character. */
		while (length > 0 && (text[--length] & 0xc0) == 0x80)
			;
		text[length] = 0;
	} else if (key >= ' ' && key < 0x7f && length + 1 < size) {
		text[length] = (char)key;
		text[length + 1] = 0;
	} else if (key >= 0xa0 && key < 0x800 && length + 2 < size) {
		snprintf(text + length, size - length, "%c%c", (int)(0xc0 | key >> 6),
			 (int)(0x80 | (key & 0x3f)));
	} else if (key >= 0x800 && key < 0x10000 && length + 3 < size) {
		snprintf(text + length, size - length, "%c%c%c", (int)(0xe0 | key >> 12),
			 (int)(0x80 | (key >> 6 & 0x3f)), (int)(0x80 | (key & 0x3f)));
	} else {
		return false;
	}
	return true;
}

static void type_filter(struct app *app, uint32_t key)
{
	if (key == TUI_KEY_ENTER) {
		app->prompt = PROMPT_NONE;
	} else if (key == TUI_KEY_ESCAPE) {
		app->prompt = PROMPT_NONE;
		app->filter[0] = 0;
	} else {
		type(app->filter, sizeof(app->filter), key);
	}
	app_sort(app);
}

static const char *const endings[TUI_FORMATS] = {
	[TUI_JSON] = ".json", [TUI_CSV] = ".csv", [TUI_TEXT] = ".txt"};

/* The ending of the name goes with the format. */
static void next_format(struct app *app)
{
	size_t length = strlen(app->path), ending = strlen(endings[app->format]);
	bool has_ending = length >= ending &&
			  strcmp(app->path + length - ending, endings[app->format]) == 0;
	app->format = (enum tui_format)((app->format + 1) % TUI_FORMATS);
	if (has_ending)
		snprintf(app->path + length - ending, sizeof(app->path) - length + ending, "%s",
			 endings[app->format]);
}

static unsigned type_path(struct app *app, uint32_t key)
{
	if (app->exists) {
		app->exists = false;
		app->replace = key == 'y' || key == 'Y';
		if (app->replace)
			return REQUEST_FILE;
		app->prompt = PROMPT_NONE;
		snprintf(app->message, sizeof(app->message), "it was left as it is");
		return 0;
	}
	app->replace = false;
	if (key == TUI_KEY_ENTER && app->path[0])
		return REQUEST_FILE;
	if (key == TUI_KEY_ESCAPE || key == TUI_KEY_ENTER)
		app->prompt = PROMPT_NONE;
	else if (key == TUI_KEY_TAB && app->prompt == PROMPT_EXPORT)
		next_format(app);
	else
		type(app->path, sizeof(app->path), key);
	return 0;
}

/* The time makes it one that no other is likely to have. */
void app_ask_path(struct app *app, enum prompt prompt, pid_t pid, const char *view,
		  enum tui_format format)
{
	time_t seconds = (time_t)app->now;
	struct tm parts = {0};
	char time[32], of[32] = "";
	gmtime_r(&seconds, &parts);
	strftime(time, sizeof(time), "%Y%m%dT%H%M%SZ", &parts);
	if (pid)
		snprintf(of, sizeof(of), "-%d", (int)pid);
	app->prompt = prompt;
	app->exists = false;
	app->help = false;
	app->format = format;
	snprintf(app->path, sizeof(app->path), "heapspy%s-%s-%s%s", of, view, time,
		 prompt == PROMPT_SNAPSHOT ? ".core" : endings[format]);
}

void app_file_done(struct app *app, enum tui_saved saved, const char *text)
{
	app->exists = saved == TUI_EXISTS;
	if (!app->exists)
		app->prompt = PROMPT_NONE;
	snprintf(app->message, sizeof(app->message), "%s", text);
}

unsigned app_key(struct app *app, uint32_t key)
{
	app->message[0] = 0;
	/* Ctrl-C, F10 and the like are keys whatever is typed. */
	bool edits = (key >= ' ' && key < 0x110000 && key != 0x7f) || key == TUI_KEY_ENTER ||
		     key == TUI_KEY_ESCAPE || key == TUI_KEY_BACKSPACE;
	if (app->prompt == PROMPT_FILTER && edits) {
		type_filter(app, key);
		return 0;
	}
	if (app->prompt > PROMPT_FILTER && (edits || key == TUI_KEY_TAB))
		return type_path(app, key);
	bool was_frozen = app->frozen;
	unsigned requests = keymap_run(app, key);
	if (was_frozen && !app->frozen)
		show_census(app);
	return requests;
}

/* Of the table, the row; of the tabs, the panel. */
unsigned app_click(struct app *app, unsigned row, unsigned column)
{
	const struct rect *main = &app->layout.main, *tabs = &app->layout.tabs;
	if (tabs->rows && row == tabs->row) {
		unsigned at = 0;
		for (unsigned i = 0; i < PANEL_COUNT; i++) {
			at += (unsigned)strlen(panel_titles[i]) + 4;
			if (column < at)
				return app_key(app, '1' + i);
		}
		return 0;
	}
	unsigned first = main->row + app->first_row;
	if (app->help || row < first || row >= main->row + main->rows || column >= main->columns)
		return 0;
	size_t to = app->top_row + (row - first);
	if (app->focus == PANEL_TYPES && !app->detail)
		app_select(app, to);
	else if (app->focus == PANEL_TYPES && to < app->object_count)
		app->chosen = to;
	return 0;
}

/* ---- drawing ------------------------------------------------------------------------------- */

typedef void view(struct app *app, struct grid *grid, const struct rect *rect, bool focused);

static view *const views[PANEL_COUNT] = {
	[PANEL_TYPES] = view_types,		[PANEL_GC] = view_gc,
	[PANEL_ALLOCATOR] = view_allocator, [PANEL_THREADS] = view_threads,
	[PANEL_MEMORY] = view_memory,	[PANEL_LOG] = view_log,
};

static void draw_side(struct app *app, unsigned number)
{
	const struct rect *rect = &app->layout.sides[number];
	for (unsigned i = 0; i < rect->rows; i++)
		grid_set(&app->grid, rect->row + i, rect->column - 1, ROLE_DIM,
			 app->grid.ascii ? '|' : 0x2502);
	enum panel panel = app->layout.side_panels[number];
	grid_rule(&app->grid, rect, 0, panel_titles[panel]);
	struct rect inner = {rect->row + 1, rect->column + 1, rect->rows - 1, rect->columns - 1};
	views[panel](app, &app->grid, &inner, false);
}

void app_draw(struct app *app)
{
	struct grid *grid = &app->grid;
	struct layout *layout = &app->layout;
	grid_clear(grid);
	app->picking = false;
	layout_make(grid->rows, grid->columns, app->focus, app->zoom, layout);
	/* Previews are long. */
	if (app->focus == PANEL_TYPES && app->detail)
		layout_widen(layout, grid->columns);
	if (layout->tier == TIER_NONE) {
		struct rect all = {0, 0, grid->rows, grid->columns};
		grid_text(grid, &all, 0, 0, ROLE_TEXT, "too small");
		grid_text(grid, &all, 1, 0, ROLE_TEXT, "need 40x10");
		return;
	}
	view_header(app, grid, &layout->header);
	if (app->help) {
		struct rect body = {layout->header.rows, 0,
				    grid->rows - layout->header.rows - layout->footer.rows,
				    grid->columns};
		view_help(app, grid, &body);
	} else {
		if (app->focus == PANEL_TYPES && app->detail)
			plot_type(&app->plot, &app->model, grid, &layout->plot, app->selected);
		else
			plot_draw(&app->plot, &app->model, grid, &layout->plot,
			  layout->plots == 1 ? app->curve : CURVE_RSS, layout->plots);
		view_tabs(app, grid, &layout->tabs);
		for (unsigned i = 0; i < layout->side_count; i++)
			draw_side(app, i);
		if (app->focus == PANEL_TYPES && app->detail)
			view_type(app, grid, &layout->main);
		else
			views[app->focus](app, grid, &layout->main, true);
		view_status(app, grid, &layout->status);
	}
	/* Where there is no line for it, what was just said goes before the keys. */
	if (layout->tier == TIER_SMALL && (app->prompt || app->message[0]))
		view_status(app, grid, &layout->footer);
	else
		view_footer(app, grid, &layout->footer);
}

void app_carry(struct app *to, const struct app *from)
{
	to->focus = from->focus;
	to->zoom = from->zoom;
	to->curve = from->curve;
	to->sort = from->sort;
	to->reverse = from->reverse;
	to->since = from->since;
	to->theme = from->theme;
	to->mouse = from->mouse;
	to->plot.span = from->plot.span ? from->plot.span : to->plot.span;
	to->plot.glyphs = from->plot.glyphs;
	to->selected = from->selected;
	memcpy(to->filter, from->filter, sizeof(to->filter));
	if (to->source_count)
		app_sort(to);
}

/* ---- life ---------------------------------------------------------------------------------- */

bool app_init(struct app *app, const struct heapspy_target_info *target,
	      const struct heapspy_python_info *python, double interval, double census_interval)
{
	*app = (struct app){.plot = {.span = FIVE_MINUTES}, .census_interval = census_interval};
	return model_init(&app->model, target, python, interval);
}

void app_fini(struct app *app)
{
	free(app->rows);
	free(app->objects);
	free(app->source);
	heapspy_census_drop(app->shown);
	grid_fini(&app->grid);
	model_fini(&app->model);
}
