/* SPDX-License-Identifier: MIT */
#include "keymap.h"

#include <stdio.h>
#include <string.h>

#include "app.h"
#include "text.h"

enum { CTRL_C = 3, CTRL_L = 12, CTRL_Z = 26 };

/* ---- moving ------------------------------------------------------------------------- */

static bool in_table(const struct app *app)
{
	return app->focus == PANEL_TYPES && !app->detail && !app->help;
}

static bool in_objects(const struct app *app)
{
	return app->focus == PANEL_TYPES && app->detail && !app->help;
}

/* To a row, counted from the first; what is beyond the ends is at the ends. */
static unsigned go(struct app *app, double row)
{
	size_t count = in_table(app)     ? app->row_count
		       : in_objects(app) ? app->object_count
					 : app->length;
	size_t last = count ? count - 1 : 0;
	size_t to = row < 0 ? 0 : row > (double)last ? last : (size_t)row;
	if (in_table(app)) {
		app_select(app, to);
	} else if (in_objects(app)) {
		app->chosen = to;
	} else {
		size_t most = count > app->page ? count - app->page : 0;
		app->scroll = to < most ? to : most;
	}
	return 0;
}

static unsigned move(struct app *app, uint32_t key)
{
	double now = (double)(in_table(app)     ? app_selected(app)
			      : in_objects(app) ? app->chosen
						: app->scroll);
	double page = app->page > 1 ? app->page - 1 : 1;
	switch (key) {
	case TUI_KEY_UP:
	case 'k':
		return go(app, now - 1);
	case TUI_KEY_DOWN:
	case 'j':
		return go(app, now + 1);
	case TUI_KEY_PAGE_UP:
		return go(app, now - page);
	case TUI_KEY_PAGE_DOWN:
		return go(app, now + page);
	case TUI_KEY_HOME:
		return go(app, 0);
	default:
		return go(app, 1e15);
	}
}

/* ---- panels ------------------------------------------------------------------------- */

static unsigned focus(struct app *app, unsigned panel)
{
	app->focus = (enum panel)(panel % PANEL_COUNT);
	app->scroll = 0;
	app->help = false;
	return 0;
}

static unsigned choose_panel(struct app *app, uint32_t key)
{
	return focus(app, key - '1');
}

static unsigned next_panel(struct app *app, uint32_t key)
{
	return focus(app, app->focus + (key == TUI_KEY_TAB ? 1 : PANEL_COUNT - 1));
}

static unsigned zoom(struct app *app, uint32_t key)
{
	(void)key;
	app->zoom = !app->zoom;
	return 0;
}

static unsigned open_type(struct app *app, uint32_t key)
{
	(void)key;
	if (in_table(app) && app->row_count) {
		/* It stays this one, wherever it moves to. */
		app->selected = app->rows[app_selected(app)].type->address;
		app->detail = true;
		app->object = false;
		app->chosen = 0;
		app->object_limit = FEW_OBJECTS;
		return REQUEST_LOOK;
	}
	if (in_objects(app) && app->object_count)
		app->object = !app->object;
	app->help = false;
	return 0;
}

/* One thing at a time. */
static unsigned back(struct app *app, uint32_t key)
{
	if (app->help) {
		app->help = false;
	} else if (app->detail && app->object && app->focus == PANEL_TYPES) {
		app->object = false;
	} else if (app->detail && app->focus == PANEL_TYPES) {
		app->detail = false;
	} else if (key == TUI_KEY_ESCAPE && app->filter[0]) {
		app->filter[0] = 0;
		app_sort(app);
	} else {
		app->zoom = false;
	}
	return 0;
}

static unsigned help(struct app *app, uint32_t key)
{
	(void)key;
	app->help = !app->help;
	app->scroll = 0;
	return 0;
}

/* ---- objects of one type --------------------------------------------------------------- */

static unsigned more_objects(struct app *app, uint32_t key)
{
	(void)key;
	if (!in_objects(app))
		return 0;
	app->object_limit = MANY_OBJECTS;
	snprintf(app->message, sizeof(app->message), "looking at up to %d objects of each order",
		 MANY_OBJECTS);
	return REQUEST_LOOK;
}

static unsigned next_order(struct app *app, uint32_t key)
{
	(void)key;
	if (!in_objects(app))
		return 0;
	app->order = (enum order)((app->order + 1) % ORDER_COUNT);
	app->chosen = 0;
	return 0;
}

/* ---- the table of types ---------------------------------------------------------------- */

static unsigned sort(struct app *app, uint32_t key)
{
	app->sort = (enum sort)((app->sort + (key == 's' ? 1 : SORT_COUNT - 1)) % SORT_COUNT);
	app_sort(app);
	return 0;
}

static unsigned reverse(struct app *app, uint32_t key)
{
	(void)key;
	app->reverse = !app->reverse;
	app_sort(app);
	return 0;
}

static unsigned filter(struct app *app, uint32_t key)
{
	(void)key;
	focus(app, PANEL_TYPES);
	app->detail = false;
	app->typing = true;
	return 0;
}

static unsigned freeze(struct app *app, uint32_t key)
{
	(void)key;
	app->frozen = !app->frozen;
	app->frozen_time = app->now;
	return 0;
}

static unsigned set_baseline(struct app *app, uint32_t key)
{
	char text[TEXT_SIZE];
	(void)key;
	model_set_baseline(&app->model);
	app->since = SINCE_BASELINE;
	for (size_t i = 0; i < app->source_count; i++) {
		app->source[i].base_objects = 0;
		app->source[i].base_bytes = 0;
	}
	app_sort(app);
	snprintf(app->message, sizeof(app->message), "changes count from the heap walk of %s on",
		 text_clock(text, app->model.baseline_time));
	return 0;
}

static unsigned change_mode(struct app *app, uint32_t key)
{
	static const char *const said[SINCE_COUNT] = {
	    "changes are per minute, over the last one",
	    "changes are since the heap walk before",
	    "changes are since the baseline",
	};
	(void)key;
	app->since = (enum since)((app->since + 1) % SINCE_COUNT);
	app_sort(app);
	snprintf(app->message, sizeof(app->message), "%s", said[app->since]);
	return 0;
}

/* ---- plot -------------------------------------------------------------------------------- */

static unsigned next_curve(struct app *app, uint32_t key)
{
	(void)key;
	app->curve = (enum curve)((app->curve + 1) % CURVE_COUNT);
	return 0;
}

static unsigned next_span(struct app *app, uint32_t key)
{
	static const double spans[] = {60, 300, 900, 3600};
	enum { COUNT = sizeof(spans) / sizeof(*spans) };
	char text[TEXT_SIZE];
	unsigned i = 0;
	(void)key;
	while (i < COUNT && spans[i] <= app->plot.span)
		i++;
	app->plot.span = spans[i % COUNT];
	memset(app->plot.scales, 0, sizeof(app->plot.scales));
	snprintf(app->message, sizeof(app->message), "the plot spans %s",
		 text_seconds(text, app->plot.span));
	return 0;
}

static unsigned next_glyphs(struct app *app, uint32_t key)
{
	(void)key;
	app->plot.glyphs = (enum glyphs)((app->plot.glyphs + 1) % GLYPHS_COUNT);
	return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static unsigned walk(struct app *app, uint32_t key)
{
	(void)key;
	snprintf(app->message, sizeof(app->message), "walking the heap");
	return REQUEST_WALK | (in_objects(app) ? REQUEST_LOOK : 0);
}

static unsigned change_interval(struct app *app, uint32_t key)
{
	char text[TEXT_SIZE];
	double interval = app->census_interval * (key == '-' ? 2 : 0.5);
	if (interval >= 1 && interval <= 3600)
		app->census_interval = interval;
	snprintf(app->message, sizeof(app->message),
		 "a heap walk every %s, if that is not too much",
		 text_seconds(text, app->census_interval));
	return REQUEST_INTERVAL;
}

/* What the shell takes for a word. */
static void quote(char *to, size_t size, const char *text)
{
	size_t length = 0;
	for (; *text && length + 6 < size; text++) {
		if (*text == '\'') {
			memcpy(to + length, "'\\''", 4);
			length += 4;
		} else {
			to[length++] = *text;
		}
	}
	to[length] = 0;
}

static unsigned copy(struct app *app, uint32_t key)
{
	static const char *const columns[SORT_COUNT] = {
#define X(name, heading, column) column,
	    SORTS(X)
#undef X
	};
	(void)key;
	int pid = (int)app->model.target->pid;
	const char *column = columns[app->sort];
	char filter_text[100] = "", sort_text[40] = "", quoted[80];
	if (app->filter[0] && app->filter[0] != '!' && app->filter[0] != '~') {
		quote(quoted, sizeof(quoted), app->filter);
		snprintf(filter_text, sizeof(filter_text), " --filter '*%s*'", quoted);
	}
	if (column)
		snprintf(sort_text, sizeof(sort_text), " --sort %s", column);
	if (app->focus == PANEL_GC)
		snprintf(app->message, sizeof(app->message), "copied: heapspy gc %d 1s", pid);
	else
		snprintf(app->message, sizeof(app->message), "copied: heapspy dump %d%s%s", pid,
			 app->focus == PANEL_TYPES ? sort_text : "",
			 app->focus == PANEL_TYPES ? filter_text : "");
	return REQUEST_COPY;
}

static unsigned repaint(struct app *app, uint32_t key)
{
	(void)app;
	(void)key;
	return REQUEST_REPAINT;
}

static unsigned suspend(struct app *app, uint32_t key)
{
	(void)app;
	(void)key;
	return REQUEST_SUSPEND;
}

static unsigned quit(struct app *app, uint32_t key)
{
	(void)app;
	(void)key;
	return REQUEST_QUIT;
}

/* ---- all of them ------------------------------------------------- */

const struct binding keymap[] = {
	{{TUI_KEY_ENTER},
	 "Enter",
	 "open",
	 "open the selected type: its objects; and of an object all that is shown",
	 open_type},
	{{'/'},
	 "/",
	 "filter",
	 "filter types as you type: !x all but x, ~x a regular expression",
	 filter},
	{{'s', 'S'}, "s S", "sort", "sort by the next column, the previous one", sort},
	{{'R'}, "R", NULL, "reverse the order", reverse},
	{{'b'}, "b", "baseline", "changes count from now on", set_baseline},
	{{'d'}, "d", NULL, "changes per minute, since the last walk, since the baseline", change_mode},
	{{' ', 'p'}, "Space p", "freeze", "freeze the table; plots go on", freeze},
	{{TUI_KEY_F5, 'w'}, "F5 w", NULL, "walk the heap now", walk},
	{{'?', 'h', TUI_KEY_F1}, "? h F1", "help", "help: keys, marks, units", help},
	{{'q', TUI_KEY_F10, CTRL_C}, "q F10 ^C", "quit", "quit", quit},
	{{TUI_KEY_UP, 'k', TUI_KEY_DOWN, 'j'}, "Up k Down j", NULL, "move by a row", move},
	{{TUI_KEY_PAGE_UP, TUI_KEY_PAGE_DOWN, TUI_KEY_HOME, TUI_KEY_END},
	 "PgUp PgDn Home End",
	 NULL,
	 "move by a page, to the ends",
	 move},
	{{'1', '2', '3', '4', '5', '6'}, "1 2 3 4 5 6", NULL, "panel", choose_panel},
	{{TUI_KEY_TAB, TUI_KEY_BACKTAB}, "Tab S-Tab", NULL, "next panel, previous one", next_panel},
	{{'z'}, "z", NULL, "zoom the panel, and back", zoom},
	{{'o'}, "o", NULL, "order of the objects: size, by lot, references, age", next_order},
	{{'A'}, "A", NULL, "more objects of the type", more_objects},
	{{TUI_KEY_ESCAPE, TUI_KEY_BACKSPACE},
	 "Esc Backspace",
	 NULL,
	 "one level up; Esc clears the filter",
	 back},
	{{'v'}, "v", NULL, "next curve: RSS, heap, live", next_curve},
	{{'T'}, "T", NULL, "time that the plot spans: 1, 5, 15 minutes, an hour", next_span},
	{{'g'}, "g", NULL, "glyphs of the plot: braille, blocks, ASCII", next_glyphs},
	{{'+', '-'}, "+ -", NULL, "walk the heap twice as often, half as often", change_interval},
	{{'y'}, "y", NULL, "copy the equivalent command to the clipboard of the terminal", copy},
	{{CTRL_L}, "^L", NULL, "paint the screen anew", repaint},
	{{CTRL_Z}, "^Z", NULL, "suspend", suspend},
};
const size_t keymap_size = sizeof(keymap) / sizeof(*keymap);

unsigned keymap_run(struct app *app, uint32_t key)
{
	for (size_t i = 0; i < keymap_size && key; i++)
		for (size_t j = 0; j < sizeof(keymap[i].keys) / sizeof(*keymap[i].keys); j++)
			if (keymap[i].keys[j] == key)
				return keymap[i].run(app, key);
	return 0;
}
