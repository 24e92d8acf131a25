/* SPDX-License-Identifier: MIT */
#include "keymap.h"

#include <stdio.h>
#include <string.h>

#include "app.h"
#include "export.h"
#include "text.h"

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
		size_t most = app->picking	  ? last
			      : count > app->page ? count - app->page
						  : 0;
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
	if (app->focus == PANEL_MEMORY && app->places != PLACES_KINDS && !app->help) {
		bool open = strcmp(app->place, app->place_chosen) == 0;
		snprintf(app->place, sizeof(app->place), "%s", open ? "" : app->place_chosen);
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
	} else if (app->zoom) {
		app->zoom = false;
	} else {
		return REQUEST_LEAVE;
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
	if (app->focus == PANEL_MEMORY) {
		app->places = (enum places)((app->places + 1) % PLACES_COUNT);
		app->scroll = 0;
	}
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
	app->prompt = PROMPT_FILTER;
	return 0;
}

static unsigned freeze(struct app *app, uint32_t key)
{
	(void)key;
	if (app->replay)
		return REQUEST_PAUSE;
	app->frozen = !app->frozen;
	app->frozen_time = app->now;
	return 0;
}

static unsigned next_columns(struct app *app, uint32_t key)
{
	static const char *const said[COLUMN_SETS] = {
	    "columns: how types change",
	    "columns: what their objects are like",
	};
	(void)key;
	app->column_set = (enum column_set)((app->column_set + 1) % COLUMN_SETS);
	snprintf(app->message, sizeof(app->message), "%s", said[app->column_set]);
	return 0;
}

/* The leak report: what grew since the baseline, by how much. */
static unsigned show_growing(struct app *app, uint32_t key)
{
	focus(app, PANEL_TYPES);
	app->detail = false;
	app->growing = !app->growing;
	app->since = app->growing ? SINCE_BASELINE : SINCE_MINUTE;
	app->sort = app->growing ? SORT_SIZE_CHANGE : SORT_SIZE;
	app->reverse = false;
	app->selected = 0;
	app_sort(app);
	(void)key;
	return 0;
}

static unsigned set_baseline(struct app *app, uint32_t key)
{
	char text[TEXT_SIZE];
	(void)key;
	app_set_baseline(app);
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

static unsigned next_theme(struct app *app, uint32_t key)
{
	static const char *const names[THEME_COUNT] = {
#define X(name, title) [THEME_##name] = title,
	    THEMES(X)
#undef X
	};
	(void)key;
	app->theme = (enum theme)((app->theme + 1) % THEME_COUNT);
	snprintf(app->message, sizeof(app->message), "theme: %s", names[app->theme]);
	return REQUEST_LOOKS;
}

static unsigned toggle_mouse(struct app *app, uint32_t key)
{
	(void)key;
	app->mouse = !app->mouse;
	snprintf(app->message, sizeof(app->message),
		 app->mouse ? "mouse: clicks select, the wheel moves; with Shift it marks text"
			    : "mouse: it is the terminal's");
	return REQUEST_LOOKS;
}

static unsigned filter_threads(struct app *app, uint32_t key)
{
	(void)key;
	focus(app, PANEL_THREADS);
	app->at_work = !app->at_work;
	snprintf(app->message, sizeof(app->message),
		 app->at_work ? "threads that run, or hold the GIL" : "all threads");
	return 0;
}

/* There is no process behind a recording: false, and it is said. */
static bool has_process(struct app *app)
{
	if (app->replay)
		snprintf(app->message, sizeof(app->message), "a recording has no memory to read");
	return !app->replay;
}

static unsigned native_frames(struct app *app, uint32_t key)
{
	(void)key;
	focus(app, PANEL_THREADS);
	if (!has_process(app))
		return 0;
	app->native = !app->native;
	snprintf(app->message, sizeof(app->message),
		 app->native ? "frames of C, read once: F5 again, n back to Python alone"
			     : "frames of Python, as they are");
	return app->native ? REQUEST_NATIVE : 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

static unsigned export(struct app *app, uint32_t key)
{
	app_ask_path(app, PROMPT_EXPORT, app->model.target->pid, export_view_name(app),
		     key == 'e' ? TUI_JSON : TUI_CSV);
	return 0;
}

static unsigned snapshot(struct app *app, uint32_t key)
{
	(void)key;
	if (has_process(app))
		app_ask_path(app, PROMPT_SNAPSHOT, app->model.target->pid, "heap", TUI_JSON);
	return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static unsigned walk(struct app *app, uint32_t key)
{
	(void)key;
	snprintf(app->message, sizeof(app->message), "walking the heap");
	return REQUEST_WALK | (in_objects(app) ? REQUEST_LOOK : 0) |
	       (app->focus == PANEL_THREADS && app->native ? REQUEST_NATIVE : 0);
}

static unsigned wind(struct app *app, uint32_t key)
{
	if (!app->replay)
		snprintf(app->message, sizeof(app->message), "this is no recording (--replay)");
	return !app->replay ? 0
	       : key == '.' ? REQUEST_STEP
	       : key == '<' ? REQUEST_BACK
			    : REQUEST_FORTH;
}

static unsigned change_interval(struct app *app, uint32_t key)
{
	if (app->replay)
		return key == '+' ? REQUEST_FASTER : REQUEST_SLOWER;
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
	const struct {
		const char *name, *rest;
	} commands[PANEL_COUNT] = {
	    [PANEL_TYPES] = {"dump", ""},       [PANEL_GC] = {"gc", " 1s"},
	    [PANEL_ALLOCATOR] = {"dump", " -v"}, [PANEL_THREADS] = {"stack", app->native ? " --native" : ""},
	    [PANEL_MEMORY] = {"dump", " -v"},    [PANEL_LOG] = {"top", " --plain"},
	};
	int pid = (int)app->model.target->pid;
	const char *column = columns[app->sort];
	char filter_text[180] = "", sort_text[40] = "", quoted[150];
	if (app->filter[0] && app->filter[0] != '!' && app->filter[0] != '~') {
		quote(quoted, sizeof(quoted), app->filter);
		snprintf(filter_text, sizeof(filter_text), " --filter '*%s*'", quoted);
	}
	if (column)
		snprintf(sort_text, sizeof(sort_text), " --sort %s", column);
	bool types = app->focus == PANEL_TYPES;
	if (in_objects(app) && app_opened(app)) {
		quote(quoted, sizeof(quoted), app_opened(app)->type->name);
		snprintf(sort_text, sizeof(sort_text), "%s", " --instances ");
		snprintf(filter_text, sizeof(filter_text), "'%s'", quoted);
	}
	snprintf(app->message, sizeof(app->message), "copied: heapspy %s %d%s%s%s",
		 commands[app->focus].name, pid, commands[app->focus].rest, types ? sort_text : "",
		 types ? filter_text : "");
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
	 "open the selected type, object or group of mappings",
	 open_type},
	{{'/'},
	 "/",
	 "filter",
	 "filter as you type: !x all but x, ~x a regular expression",
	 filter},
	{{'s', 'S'}, "s S", "sort", "sort by the next column, the previous one", sort},
	{{'R'}, "R", NULL, "reverse the order", reverse},
	{{'b'}, "b", "baseline", "changes count from now on", set_baseline},
	{{'d'}, "d", NULL, "changes per minute, since the last walk, since the baseline", change_mode},
	{{' ', 'p'}, "Space p", "freeze", "freeze the table; plots go on; pause a replay", freeze},
	{{'l'}, "l", "leaks", "leaks: types that grew since the baseline, by how much", show_growing},
	{{'c'}, "c", NULL, "columns: how types change, what their objects are like", next_columns},
	{{'e', 'E'}, "e E", "export", "export the view to a file: JSON, CSV; Tab: text", export},
	{{'x'}, "x", NULL, "write a snapshot of the heap to a file", snapshot},
	{{TUI_KEY_F5, 'w'}, "F5 w", NULL, "walk the heap now", walk},
	{{'?', 'h', TUI_KEY_F1}, "? h F1", "help", "help: keys, marks, units", help},
	{{'q', TUI_KEY_F10, KEYMAP_CTRL_C}, "q F10 ^C", "quit", "quit", quit},
	{{TUI_KEY_UP, 'k', TUI_KEY_DOWN, 'j'}, "Up k Down j", NULL, "move by a row", move},
	{{TUI_KEY_PAGE_UP, TUI_KEY_PAGE_DOWN, TUI_KEY_HOME, TUI_KEY_END},
	 "PgUp PgDn Home End",
	 NULL,
	 "move by a page, to the ends",
	 move},
	{{'1', '2', '3', '4', '5', '6'}, "1 2 3 4 5 6", NULL, "panel", choose_panel},
	{{TUI_KEY_TAB, TUI_KEY_BACKTAB}, "Tab S-Tab", NULL, "next panel, previous one", next_panel},
	{{'z'}, "z", NULL, "zoom the panel, and back", zoom},
	{{'o'}, "o", NULL, "order of objects, mappings: the next", next_order},
	{{'A'}, "A", NULL, "more objects of the type", more_objects},
	{{TUI_KEY_ESCAPE, TUI_KEY_BACKSPACE},
	 "Esc Backspace",
	 NULL,
	 "one level up, up to the list of processes; Esc: no filter",
	 back},
	{{'v'}, "v", NULL, "next curve: RSS, heap, live", next_curve},
	{{'T'}, "T", NULL, "time that the plot spans: 1, 5, 15 minutes, an hour", next_span},
	{{'g'}, "g", NULL, "glyphs of the plot: braille, blocks, ASCII", next_glyphs},
	{{'t'}, "t", NULL, "threads at work alone, all threads", filter_threads},
	{{'n'},
	 "n",
	 NULL,
	 "frames of C: each thread that runs is held for a moment",
	 native_frames},
	{{'C'}, "C", NULL, "colours: of the terminal, blue and yellow, none", next_theme},
	{{'m'}, "m", NULL, "mouse on, off", toggle_mouse},
	{{'+', '-'}, "+ -", NULL, "walk the heap, or replay, twice as fast, half as fast", change_interval},
	{{'.'}, ".", NULL, "replay: one reading on", wind},
	{{'<', '>'}, "< >", NULL, "replay: a minute back, a minute on", wind},
	{{'y'}, "y", NULL, "copy the equivalent command, and print it at the end", copy},
	{{KEYMAP_CTRL_L}, "^L", NULL, "paint the screen anew", repaint},
	{{KEYMAP_CTRL_Z}, "^Z", NULL, "suspend", suspend},
};
const size_t keymap_size = sizeof(keymap) / sizeof(*keymap);

const struct binding *keymap_find(uint32_t key)
{
	for (size_t i = 0; i < keymap_size && key; i++)
		for (size_t j = 0; j < sizeof(keymap[i].keys) / sizeof(*keymap[i].keys); j++)
			if (keymap[i].keys[j] == key)
				return &keymap[i];
	return NULL;
}

unsigned keymap_run(struct app *app, uint32_t key)
{
	const struct binding *binding = keymap_find(key);
	return binding ? binding->run(app, key) : 0;
}
