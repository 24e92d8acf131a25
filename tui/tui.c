/* SPDX-License-Identifier: MIT */
/*
 * The loop: waits for keys, samples and signals, and draws when one of them changed
 * something.
 */
#include "tui.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app.h"
#include "export.h"
#include "keymap.h"
#include "plain.h"
#include "terminal.h"
#include "text.h"

/* ---- signals: handlers set flags and wake the loop ---------------------------------------- */

static volatile sig_atomic_t ended_by, resized, continued;
static int wake_up[2] = {-1, -1};

static const int taken[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGWINCH, SIGCONT, SIGPIPE};
enum { TAKEN = sizeof(taken) / sizeof(*taken) };
static struct sigaction handlers_before[TAKEN];

static void note(int signal)
{
	int saved = errno;
	if (signal == SIGWINCH)
		resized = 1;
	else if (signal == SIGCONT)
		continued = 1;
	else if (signal != SIGPIPE)
		ended_by = signal;
	ssize_t written = write(wake_up[1], "", 1);
	(void)written;
	errno = saved;
}

static bool take_signals(void)
{
	struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
	ended_by = resized = continued = 0;
	if (pipe2(wake_up, O_CLOEXEC | O_NONBLOCK) != 0)
		return false;
	sigemptyset(&action.sa_mask);
	for (unsigned i = 0; i < TAKEN; i++)
		sigaction(taken[i], &action, &handlers_before[i]);
	return true;
}

static void give_signals_back(void)
{
	for (unsigned i = 0; i < TAKEN; i++)
		sigaction(taken[i], &handlers_before[i], NULL);
	close(wake_up[0]);
	close(wake_up[1]);
}

/* ---- waiting ------------------------------------------------------------------------------ */

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_REALTIME, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Until there is something to do. What is there is told by those who have it. False:
 * standard input is at its end, or the terminal is gone. */
static bool wait_for(struct heapspy_sampler *sampler, bool input, int milliseconds)
{
	struct pollfd files[] = {
	    {.fd = heapspy_sampler_fd(sampler), .events = POLLIN},
	    {.fd = wake_up[0], .events = POLLIN},
	    {.fd = input ? STDIN_FILENO : -1, .events = POLLIN},
	};
	char drained[64];
	poll(files, 3, milliseconds);
	while (read(wake_up[0], drained, sizeof(drained)) > 0)
		;
	return !(files[2].revents & (POLLHUP | POLLERR | POLLNVAL));
}

/* True: it is a new one. */
static bool take_sample(struct app *app, struct heapspy_sampler *sampler)
{
	struct heapspy_sample *sample = heapspy_sampler_latest(sampler);
	if (!sample || sample == app->model.sample) {
		heapspy_sample_drop(sample);
		return false;
	}
	app_take(app, sample);
	return true;
}

static bool is_gone(const struct app *app)
{
	return app->model.sample && app->model.sample->state == HEAPSPY_SAMPLE_GONE;
}

/* ---- on a terminal ------------------------------------------------------------------------- */

static void fulfil(struct app *app, struct heapspy_sampler *sampler, unsigned requests)
{
	if (requests & REQUEST_WALK)
		heapspy_sampler_walk_now(sampler);
	if (requests & REQUEST_INTERVAL)
		heapspy_sampler_set_census_interval(sampler, app->census_interval);
	if (requests & REQUEST_LOOK) {
		struct heapspy_instances_options options = {
			.type = app->selected,
			.largest = app->object_limit,
			.sample = app->object_limit,
			.preview = PREVIEW_LENGTH,
			.without_text = app->without_text,
		};
		heapspy_sampler_look(sampler, &options);
	}
	if (requests & REQUEST_COPY)
		terminal_copy(app->message + strlen("copied: "));
	if (requests & REQUEST_LOOKS)
		terminal_looks(app->theme, app->mouse);
	if (requests & REQUEST_REPAINT)
		terminal_repaint();
	if (requests & REQUEST_SUSPEND)
		terminal_suspend();
}

/* ---- files that the user asked for ---------------------------------------------------------- */

static void export(struct app *app, const struct tui_files *files)
{
	struct tui_table table;
	char text[400], why[256] = "there is no memory";
	enum tui_saved saved = TUI_FAILED;
	if (export_make(app, &table)) {
		saved = files->save(files->context, app->path, app->replace, app->format, &table,
				    why, sizeof(why));
		snprintf(text, sizeof(text), "written: %s, %zu rows", app->path, table.row_count);
		export_fini(&table);
	}
	app_file_done(app, saved, saved == TUI_SAVED ? text : saved == TUI_EXISTS ? "" : why);
}

/* The snapshot that is being written, by the sampler; 0: none is. */
static uint64_t saving;
static char saving_to[256];

static void begin_snapshot(struct app *app, struct heapspy_sampler *sampler,
			   const struct tui_files *files)
{
	char text[400], why[256] = "another snapshot is being written";
	struct heapspy_snapshot_options options = {.without_text = app->without_text};
	enum tui_saved opened = TUI_FAILED;
	int fd;
	if (!saving)
		opened = files->open(files->context, app->path, app->replace, &fd, why, sizeof(why));
	if (opened == TUI_SAVED) {
		snprintf(saving_to, sizeof(saving_to), "%s", app->path);
		saving = heapspy_sampler_save(sampler, &options, fd);
	}
	snprintf(text, sizeof(text), "writing %s", app->path);
	app_file_done(app, opened, opened == TUI_SAVED ? text : opened == TUI_EXISTS ? "" : why);
}

static void end_snapshot(struct app *app, const struct heapspy_saved *saved,
			 const struct tui_files *files)
{
	char why[256] = "", bytes[TEXT_SIZE], seconds[TEXT_SIZE];
	bool written = !saved->trouble;
	enum tui_saved closed = files->close(files->context, written, why, sizeof(why));
	saving = 0;
	if (!written)
		snprintf(app->message, sizeof(app->message), "no snapshot: %s", saved->trouble);
	else if (closed != TUI_SAVED)
		snprintf(app->message, sizeof(app->message), "%s", why);
	else
		snprintf(app->message, sizeof(app->message), "written: %s on disk in %s: %s",
			 text_bytes(bytes, saved->snapshot.stored),
			 text_seconds(seconds, saved->snapshot.duration), saving_to);
}

static void write_file(struct app *app, struct heapspy_sampler *sampler,
		       const struct tui_files *files)
{
	if (!files)
		app_file_done(app, TUI_FAILED, "nothing can be written here");
	else if (app->prompt == PROMPT_SNAPSHOT)
		begin_snapshot(app, sampler, files);
	else
		export(app, files);
}

static bool draw(struct app *app)
{
	unsigned rows, columns;
	terminal_size(&rows, &columns);
	if ((rows != app->grid.rows || columns != app->grid.columns) &&
	    !grid_resize(&app->grid, rows, columns))
		return false;
	app->now = now();
	app_draw(app);
	terminal_show(&app->grid);
	return true;
}

static void run_screen(struct app *app, struct heapspy_sampler *sampler,
		       const struct tui_options *options)
{
	bool changed = true;
	double stale = 0;
	for (;;) {
		if (changed && !draw(app))
			return;
		uint64_t reading = app->model.sample ? app->model.sample->number : 0;
		if (ended_by || (options->count && reading >= options->count))
			return;
		/* The age of what is old is shown, by the second. */
		bool on = wait_for(sampler, true, is_gone(app) ? -1 : 1000);
		changed = take_sample(app, sampler) || resized || continued;
		const struct heapspy_sample *sample = app->model.sample;
		if (saving && sample && sample->saved && sample->saved->number == saving)
			end_snapshot(app, sample->saved, options->files);
		if (continued)
			terminal_resume();
		resized = continued = 0;
		for (uint32_t key; (key = terminal_key());) {
			unsigned row, column;
			unsigned requests = key == TUI_KEY_CLICK && terminal_click(&row, &column)
						    ? app_click(app, row, column)
						    : app_key(app, key);
			if (requests & REQUEST_QUIT)
				return;
			fulfil(app, sampler, requests);
			if (requests & REQUEST_FILE)
				write_file(app, sampler, options->files);
			changed = true;
		}
		if (!on)
			return;
		app->now = now();
		double age = is_gone(app) ? 0 : floor(app_staleness(app));
		changed |= age != stale;
		stale = age;
	}
}

/* ---- without one ----------------------------------------------------------------------------- */

static const char *run_plain(struct app *app, struct heapspy_sampler *sampler,
			     const struct tui_options *options, int *ret_errnum)
{
	struct plain plain = {0};
	while (!ended_by && !is_gone(app)) {
		if (take_sample(app, sampler)) {
			plain_print(&plain, app, stdout);
			if (ferror(stdout)) {
				*ret_errnum = errno;
				return "standard output cannot be written";
			}
			/* The last reading comes with a census, however soon. */
			if (options->count && plain.done >= options->count && plain.census)
				return NULL;
			continue;
		}
		wait_for(sampler, false, -1);
	}
	return NULL;
}

/* ---- both -------------------------------------------------------- */

void tui_run(struct heapspy_sampler *sampler, const struct heapspy_target_info *target,
	     const struct heapspy_python_info *python, const struct tui_options *options,
	     struct tui_end *ret_end)
{
	struct app app;
	*ret_end = (struct tui_end){0};
	if (!app_init(&app, target, python, options->interval, options->census_interval)) {
		ret_end->trouble = "there is no memory";
		return;
	}
	app.grid.ascii = options->ascii;
	app.without_text = options->without_text;
	if (!take_signals()) {
		ret_end->trouble = "there is no descriptor left";
	} else {
		if (options->plain) {
			ret_end->trouble = run_plain(&app, sampler, options, &ret_end->errnum);
		} else if (terminal_begin(options->colour)) {
			run_screen(&app, sampler, options);
			terminal_end();
		} else {
			ret_end->trouble =
			    "the terminal is of an unknown kind, or can do too little";
		}
		give_signals_back();
	}
	ret_end->signal = ended_by;
	ret_end->gone = is_gone(&app);
	if (ret_end->gone)
		snprintf(ret_end->why, sizeof(ret_end->why), "%s", app.model.sample->trouble ?: "");
	app_fini(&app);
}

bool tui_key(size_t number, const char **ret_names, const char **ret_meaning)
{
	if (number >= keymap_size)
		return false;
	*ret_names = keymap[number].names;
	*ret_meaning = keymap[number].meaning;
	return true;
}
