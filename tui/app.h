/* SPDX-License-Identifier: MIT */
/*
 * The dashboard without a terminal: what is known, what the user chose, and how both
 * are drawn. Keys and samples go in, a grid and requests come out.
 */
#ifndef TUI_APP_H
#define TUI_APP_H

#include <sys/types.h>

#include "grid.h"
#include "layout.h"
#include "model.h"
#include "plot.h"
#include "tui.h"

/* X(NAME, heading, name of the column in `heapspy dump --sort`, NULL: there is none) */
#define SORTS(X)                                                                                   \
	X(SIZE, "SIZE", "bytes")                                                                   \
	X(SIZE_CHANGE, "+/-SIZE", NULL)                                                            \
	X(OBJECTS, "COUNT", "objects")                                                             \
	X(OBJECTS_CHANGE, "+/-COUNT", NULL)                                                        \
	X(NAME, "TYPE", "type")

enum sort {
#define X(name, heading, column) SORT_##name,
	SORTS(X)
#undef X
	SORT_COUNT
};

/* What changes are shown since. */
enum since { SINCE_MINUTE, SINCE_LAST, SINCE_BASELINE, SINCE_COUNT };

/* Of the objects of one type. X(NAME, what the title says) */
#define ORDERS(X)                                                                                  \
	X(SIZE, "the largest")                                                                     \
	X(LOT, "drawn by lot")                                                                     \
	X(REFERENCES, "by references")                                                             \
	X(AGE, "the youngest first")

enum order {
#define X(name, title) ORDER_##name,
	ORDERS(X)
#undef X
	ORDER_COUNT
};

/* What keys are typed into. */
enum prompt { PROMPT_NONE, PROMPT_FILTER, PROMPT_EXPORT, PROMPT_SNAPSHOT };

/* Columns of the table of types. */
enum column_set { COLUMNS_GROWTH, COLUMNS_OBJECTS, COLUMN_SETS };

/* Of where the memory is: by what it is for, or the mappings by one of their numbers.
 * X(NAME, what the title says) */
#define PLACES(X)                                                                                  \
	X(KINDS, "what it is for")                                                                 \
	X(RSS, "mappings by RSS")                                                                  \
	X(PRIVATE, "mappings by private")                                                          \
	X(SWAP, "mappings by swap")                                                                \
	X(SIZE, "mappings by size")

enum places {
#define X(name, title) PLACES_##name,
	PLACES(X)
#undef X
	PLACES_COUNT
};

/* How many objects are asked for: of the largest, and drawn by lot. */
enum { FEW_OBJECTS = 50, MANY_OBJECTS = 2000, PREVIEW_LENGTH = 400 };

/* What a key asks of those who have a terminal and a sampler: bits. */
enum request {
	REQUEST_QUIT = 1,
	REQUEST_WALK = 2,     /* a census now */
	REQUEST_INTERVAL = 4, /* censuses every app->census_interval */
	REQUEST_COPY = 8,     /* app->message holds a command after "copied: " */
	REQUEST_REPAINT = 16, /* whatever is on the terminal */
	REQUEST_SUSPEND = 32,
	REQUEST_LOOK = 64,    /* at objects of app->selected, app->object_limit of them */
	REQUEST_FILE = 128,   /* app->prompt was answered: write app->path */
	REQUEST_NATIVE = 512, /* stacks with frames of C */
	REQUEST_LOOKS = 256,  /* of the terminal: app->theme, app->mouse */
	REQUEST_LEAVE = 65536, /* to the list of processes, where there is one */
	/* Of a recording that is shown again: */
	REQUEST_PAUSE = 1024, /* or go on */
	REQUEST_STEP = 2048,
	REQUEST_BACK = 4096,
	REQUEST_FORTH = 8192,
	REQUEST_FASTER = 16384,
	REQUEST_SLOWER = 32768,
};

/* X(NAME, name) */
#define THEMES(X)                                                                                  \
	X(DEFAULT, "colours of the terminal")                                                      \
	X(BLUE_YELLOW, "blue and yellow")                                                          \
	X(MONO, "no colours")

enum theme {
#define X(name, title) THEME_##name,
	THEMES(X)
#undef X
	THEME_COUNT
};

enum replay_state { REPLAY_NOT, REPLAY_RUNS, REPLAY_PAUSED, REPLAY_ENDED };

struct app {
	struct model model;
	struct grid grid;
	struct layout layout;
	struct plot plot;
	double now; /* since the epoch: set before drawing */
	enum panel focus;
	bool zoom, help, frozen;
	bool listed; /* it is one of several processes */
	enum replay_state replay; /* it is no process at all */
	double frozen_time;
	enum curve curve;
	bool without_text;      /* in previews of objects */
	double census_interval; /* that was asked for */
	/* The table of types. Rows point into the census. */
	enum sort sort;
	bool reverse;
	enum since since;
	char filter[64];
	enum prompt prompt;
	char path[256];        /* that is typed, or was */
	enum tui_format format;
	bool exists;           /* it does: is it to be replaced? */
	bool replace;
	enum column_set column_set;
	bool growing;          /* nothing but types that grew since the baseline */
	enum places places;
	char place[200];       /* the group of mappings that is open, "": none is */
	char place_chosen[200]; /* the one that is selected */
	bool native;           /* frames of C among those of Python */
	bool at_work;          /* nothing but threads that do something */
	enum theme theme;
	bool mouse;
	struct heapspy_census *shown;
	struct growth *source; /* all of them, as when they were frozen */
	size_t source_count;
	struct growth *rows;   /* those that match, sorted */
	size_t row_count;
	uint64_t selected;     /* address of the type that is, 0: the first row */
	size_t top;            /* first row on the screen */
	unsigned first_row;    /* where the rows of the main panel begin in it, */
	size_t top_row;        /* and which one is there: for clicks */
	bool detail;           /* the selected type alone, */
	bool object;           /* and all that is known of one of its objects */
	enum order order;
	size_t object_limit;
	const struct heapspy_instance **objects; /* those that were drawn, in order */
	size_t object_count, chosen; /* the one that is selected */
	size_t scroll;         /* of the other panels, and of help */
	bool picking;          /* scroll is the row that is selected, not the first one */
	unsigned page;         /* rows that the focused panel had when it was drawn */
	size_t length;         /* of that many */
	char message[400];     /* in the status line until the next key */
};

/* False without memory. */
bool app_init(struct app *app, const struct heapspy_target_info *target,
	      const struct heapspy_python_info *python, double interval, double census_interval);
void app_fini(struct app *app);

/* Takes it. */
void app_take(struct app *app, struct heapspy_sample *sample);

/* What the key asks for. Keys are code points, or those of keymap.h. */
unsigned app_key(struct app *app, uint32_t key);

/* What became of REQUEST_FILE. */
void app_file_done(struct app *app, enum tui_saved saved, const char *text);

/* Ask for the name of a file: "heapspy-48211-types-20260901T120731Z.json" is the first
 * answer. `pid` 0: it is of no single process. */
void app_ask_path(struct app *app, enum prompt prompt, pid_t pid, const char *view,
		  enum tui_format format);

/* A click, with the mouse on. */
unsigned app_click(struct app *app, unsigned row, unsigned column);

/* What the user chose, from one to another of the same process. */
void app_carry(struct app *to, const struct app *from);

/* Draw app->grid, which was resized to the size of the screen. */
void app_draw(struct app *app);

/* ---- for keys and views ------------------------------------------------------------- */

/* Make the rows anew, after what they depend on has changed. */
void app_sort(struct app *app);

/* Changes count from the last census on. */
void app_set_baseline(struct app *app);

/* The selected row, 0 where it is gone. */
size_t app_selected(const struct app *app);
void app_select(struct app *app, size_t row);

/* The type that is open, whatever the table leaves out; NULL: it has no objects now. */
const struct growth *app_opened(const struct app *app);

/* The objects of the selected type, as they were looked at; NULL: not yet. */
const struct heapspy_look *app_look(const struct app *app);

/* Put them into app->objects, in order. */
void app_list_objects(struct app *app);

double growth_objects(const struct growth *growth, enum since since);
double growth_bytes(const struct growth *growth, enum since since);

extern const char *const since_names[SINCE_COUNT]; /* "min", "last", "base" */

/* Age of what is shown, beyond what is expected: seconds, 0: it is fresh. */
double app_staleness(const struct app *app);

#endif
