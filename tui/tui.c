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

#include "group.h"
#include "keymap.h"
#include "plain.h"
#include "player.h"
#include "save.h"
#include "terminal.h"
#include "text.h"

/* ---- signals: handlers set flags and wake the loop ---------------------------------------- */

static volatile sig_atomic_t ended_by, resized, continued, suspended;
static int wake_up[2] = {-1, -1};

static const int taken[] = {SIGTERM, SIGHUP,  SIGINT,  SIGQUIT,
			    SIGTSTP, SIGCONT, SIGPIPE, SIGWINCH};
enum { TAKEN = sizeof(taken) / sizeof(*taken) };
static struct sigaction handlers_before[TAKEN];

static void note(int signal)
{
	int saved = errno;
	if (signal == SIGWINCH)
		resized = 1;
	else if (signal == SIGCONT)
		continued = 1;
	else if (signal == SIGTSTP)
		suspended = 1;
	else if (signal != SIGPIPE)
		ended_by = signal;
	ssize_t written = write(wake_up[1], "", 1);
	(void)written;
	errno = saved;
}

static bool take_signals(void)
{
	struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
	ended_by = resized = continued = suspended = 0;
	if (pipe2(wake_up, O_CLOEXEC | O_NONBLOCK) != 0)
		return false;
	sigemptyset(&action.sa_mask);
	for (unsigned i = 0; i < TAKEN; i++) {
		sigaction(taken[i], NULL, &handlers_before[i]);
		/* nohup(1) and shells without job control have their way. */
		bool ignored = handlers_before[i].sa_handler == SIG_IGN;
		if (!ignored || taken[i] == SIGPIPE)
			sigaction(taken[i], &action, NULL);
	}
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

static double monotonic(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Everything that is there for as long as it runs. */
struct run {
	const struct tui_source *source;
	const struct tui_options *options;
	struct group group;
	struct saver saver;
	struct player player;
	int record_error; /* errno: the recording could not be written */
	struct pollfd *files; /* room for all members and the others */
	size_t file_room;
	char copied[400]; /* the last command that was asked for */
};

enum { OTHER_FILES = 3 };

static bool make_room(struct run *run)
{
	size_t needed = run->group.count + OTHER_FILES;
	if (needed <= run->file_room)
		return true;
	void *files = realloc(run->files, 2 * needed * sizeof(*run->files));
	if (!files)
		return false;
	run->files = files;
	run->file_room = 2 * needed;
	return true;
}

/* Until there is something to do. What is there is told by those who have it. False:
 * standard input is at its end, or the terminal is gone. */
static bool wait_for(struct run *run, bool input, int milliseconds)
{
	char drained[64];
	struct heapspy_scout *scout = run->source->scout;
	if (!make_room(run))
		return false;
	struct pollfd *files = run->files;
	size_t count = OTHER_FILES;
	files[0] = (struct pollfd){.fd = input ? STDIN_FILENO : -1, .events = POLLIN};
	files[1] = (struct pollfd){.fd = wake_up[0], .events = POLLIN};
	files[2] = (struct pollfd){.fd = scout ? heapspy_scout_fd(scout) : -1, .events = POLLIN};
	for (size_t i = 0; i < run->group.count; i++) {
		const struct member *member = run->group.members[i];
		if (member->sampler && !member_is_gone(member))
			files[count++] = (struct pollfd){
			    .fd = heapspy_sampler_fd(member->sampler), .events = POLLIN};
	}
	poll(files, count, milliseconds);
	while (read(wake_up[0], drained, sizeof(drained)) > 0)
		;
	return !(files[0].revents & (POLLHUP | POLLERR | POLLNVAL));
}

/* ---- who is watched, and what is new of them ----------------------------------------------- */

static struct member *add_member(struct run *run, struct heapspy_sampler *sampler, pid_t parent)
{
	struct member *member =
	    group_add(&run->group, parent, heapspy_sampler_target(sampler),
		      heapspy_sampler_python(sampler));
	if (!member)
		return NULL;
	member->sampler = sampler;
	member->app.grid.ascii = run->options->ascii;
	member->app.without_text = run->options->without_text;
	return member;
}

static void end_member(void *context, struct member *member)
{
	struct run *run = context;
	if (!run->source->scout)
		return;
	heapspy_sampler_stop(member->sampler);
	save_forget(&run->saver, member);
	heapspy_scout_give_up(run->source->scout);
}

static bool take_discoveries(struct run *run)
{
	struct heapspy_discovery found;
	struct group *group = &run->group;
	bool any = false;
	while (run->source->scout && heapspy_scout_take(run->source->scout, &found)) {
		any = true;
		if (found.error)
			snprintf(group->front.message, sizeof(group->front.message),
				 "%s%s%s", found.error->what, found.error->why ? ": " : "",
				 found.error->why ? found.error->why : "");
		else if (!add_member(run, found.sampler, found.parent))
			heapspy_sampler_stop(found.sampler);
		heapspy_error_free(found.error);
	}
	return any;
}

/* Each sample, as it came; and who it is of, before the first. */
static void record(struct run *run, struct member *member)
{
	FILE *file = run->options->record;
	const struct model *model = &member->app.model;
	if (!file || run->record_error)
		return;
	char *about = member->introduced
			  ? NULL
			  : heapspy_replay_process_line(model->target, model->python,
							member->parent, run->options->interval,
							run->group.listed);
	char *line = heapspy_replay_sample_line(member->pid, model->sample, member->recorded);
	bool written = line && (member->introduced || (about && fputs(about, file) >= 0)) &&
		       fputs(line, file) >= 0 && fflush(file) == 0;
	if (!written)
		run->record_error = line ? errno : ENOMEM;
	free(about);
	free(line);
	member->introduced = true;
	heapspy_census_drop(member->recorded);
	member->recorded = heapspy_census_keep(model->sample->census);
	if (run->record_error)
		snprintf(group_app(&run->group)->message, sizeof(member->app.message),
			 "the recording cannot be written: %s", strerror(run->record_error));
}

/* What a new sample is for. */
typedef void use_sample(struct run *run, struct member *member);

/* True: there was something new. Members that are taken from change their places. */
static bool take_samples(struct run *run, use_sample *use)
{
	struct group *group = &run->group;
	bool any = take_discoveries(run);
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < group->count && !more; i++) {
			struct member *member = group->members[i];
			struct heapspy_sample *sample =
			    member->sampler ? heapspy_sampler_latest(member->sampler) : NULL;
			if (!sample || sample == member->app.model.sample) {
				heapspy_sample_drop(sample);
				continue;
			}
			group_take(group, member, sample);
			record(run, member);
			use(run, member);
			more = any = true;
		}
	}
	return any;
}

/* Did all that live bring so many readings? */
static bool is_enough(const struct group *group, uint64_t count)
{
	for (size_t i = 0; i < group->count; i++) {
		const struct heapspy_sample *sample = group->members[i]->app.model.sample;
		if (!member_is_gone(group->members[i]) && (!sample || sample->number < count))
			return false;
	}
	return group->count > 0;
}

/* ---- on a terminal ------------------------------------------------------------------------- */

static void look_at_objects(struct member *member)
{
	const struct app *app = &member->app;
	struct heapspy_instances_options options = {
		.type = app->selected,
		.largest = app->object_limit,
		.sample = app->object_limit,
		.preview = PREVIEW_LENGTH,
		.without_text = app->without_text,
	};
	heapspy_sampler_look(member->sampler, &options);
}

/* Seconds that a thread is held for, at most, while its stack is copied. */
#define MAX_NATIVE_PAUSE 0.05

static void ask_samplers(struct run *run, const struct app *app, unsigned requests)
{
	for (size_t i = 0; i < run->group.count; i++) {
		struct member *member = run->group.members[i];
		if (!member->sampler || (run->group.open && run->group.open != member))
			continue;
		if (requests & REQUEST_WALK)
			heapspy_sampler_walk_now(member->sampler);
		if (requests & REQUEST_INTERVAL)
			heapspy_sampler_set_census_interval(member->sampler, app->census_interval);
		if (requests & REQUEST_NATIVE)
			heapspy_sampler_native(member->sampler, MAX_NATIVE_PAUSE);
		if (requests & REQUEST_LOOK && member == run->group.open)
			look_at_objects(member);
	}
}

static void fulfil(struct run *run, unsigned requests)
{
	struct app *app = group_app(&run->group);
	ask_samplers(run, app, requests);
	if (run->player.replay) {
		player_obey(&run->player, &run->group, requests, monotonic());
		app = group_app(&run->group);
	}
	if (requests & REQUEST_COPY) {
		snprintf(run->copied, sizeof(run->copied), "%s", app->message + strlen("copied: "));
		terminal_copy(run->copied);
	}
	if (requests & REQUEST_LOOKS)
		terminal_looks(app->theme, app->mouse);
	if (requests & REQUEST_REPAINT)
		terminal_repaint();
	if (requests & REQUEST_SUSPEND)
		terminal_suspend();
	if (requests & REQUEST_FILE)
		save_file(&run->saver, &run->group);
}

static void look_for_snapshot(struct run *run, struct member *member)
{
	save_look(&run->saver, &run->group, member);
}

static bool draw(struct run *run)
{
	unsigned rows, columns;
	struct app *app = group_app(&run->group);
	terminal_size(&rows, &columns);
	if ((rows != app->grid.rows || columns != app->grid.columns) &&
	    !grid_resize(&app->grid, rows, columns))
		return false;
	app->now = run->player.replay ? run->player.time : now();
	group_draw(&run->group);
	terminal_show(&app->grid);
	return true;
}

/* Age of what is on the screen, by the second; 0: it is fresh. */
static double staleness(struct run *run)
{
	struct app *app = group_app(&run->group);
	app->now = now();
	return group_is_gone(&run->group) ? 0 : floor(app_staleness(app));
}

/* The age of what is old is shown, by the second. */
static int patience(struct run *run)
{
	if (run->player.replay)
		return player_wait(&run->player, monotonic());
	return group_is_gone(&run->group) ? -1 : 1000;
}

static void run_screen(struct run *run)
{
	bool changed = true;
	double stale = 0;
	take_samples(run, look_for_snapshot);
	if (run->player.replay)
		player_go_on(&run->player, &run->group, monotonic());
	for (;;) {
		if (changed && !draw(run))
			return;
		if (ended_by ||
		    (run->options->count && is_enough(&run->group, run->options->count)))
			return;
		bool on = wait_for(run, true, patience(run));
		changed = take_samples(run, look_for_snapshot) || resized || continued || suspended;
		if (run->player.replay)
			changed |= player_go_on(&run->player, &run->group, monotonic());
		if (suspended)
			terminal_suspend();
		else if (continued)
			terminal_resume();
		resized = continued = suspended = 0;
		for (uint32_t key; (key = terminal_key());) {
			unsigned row, column;
			unsigned requests = key == TUI_KEY_CLICK && terminal_click(&row, &column)
						? group_click(&run->group, row, column)
						: group_key(&run->group, key);
			if (requests & REQUEST_QUIT)
				return;
			fulfil(run, requests);
			changed = true;
		}
		if (!on)
			return;
		double age = staleness(run);
		changed |= age != stale;
		stale = age;
	}
}

/* ---- without one ----------------------------------------------------------------------------- */

/* Each line begins with its process where there are several. */
static void print_member(struct run *run, struct member *member)
{
	char *text = NULL;
	size_t size;
	FILE *stream = run->group.listed ? open_memstream(&text, &size) : NULL;
	plain_print(&member->plain, &member->app, stream ? stream : stdout);
	if (!stream)
		return;
	fclose(stream);
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n")) && *line;)
		fprintf(stdout, "%d %s\n", (int)member->pid, line);
	fflush(stdout);
	free(text);
}

/* The last reading of each comes with a census, however soon. */
static bool is_printed(const struct group *group, uint64_t count)
{
	for (size_t i = 0; i < group->count; i++) {
		const struct member *member = group->members[i];
		if (!member_is_gone(member) &&
		    (member->plain.done < count || !member->plain.census))
			return false;
	}
	return group->count > 0;
}

/* All of it, at once. */
static const char *play_plain(struct run *run, int *ret_errnum)
{
	struct member *member;
	while (!ended_by && (member = player_step(&run->player, &run->group))) {
		print_member(run, member);
		if (ferror(stdout)) {
			*ret_errnum = errno;
			return "standard output cannot be written";
		}
		if (run->options->count && is_printed(&run->group, run->options->count))
			break;
	}
	return NULL;
}

static const char *run_plain(struct run *run, int *ret_errnum)
{
	if (run->player.replay)
		return play_plain(run, ret_errnum);
	while (!ended_by && !group_is_gone(&run->group)) {
		if (!take_samples(run, print_member)) {
			wait_for(run, false, -1);
			if (suspended)
				raise(SIGSTOP);
			suspended = 0;
			continue;
		}
		if (ferror(stdout)) {
			*ret_errnum = errno;
			return "standard output cannot be written";
		}
		if (run->options->count && is_printed(&run->group, run->options->count))
			return NULL;
	}
	return NULL;
}

/* ---- both -------------------------------------------------------- */

static void run_both(struct run *run, struct tui_end *end)
{
	if (run->options->plain) {
		end->trouble = run_plain(run, &end->errnum);
	} else if (terminal_begin(run->options->colour)) {
		run_screen(run);
		terminal_end();
		/* Not every terminal took it into its clipboard: here it can be marked. */
		if (run->copied[0])
			printf("%s\n", run->copied);
	} else {
		end->trouble = "the terminal is of an unknown kind, or can do too little";
	}
}

static void tell_end(const struct group *group, struct tui_end *end)
{
	end->signal = ended_by;
	end->gone = group_is_gone(group);
	if (!end->gone)
		return;
	const struct heapspy_sample *sample = group->members[0]->app.model.sample;
	snprintf(end->why, sizeof(end->why), "%s",
		 group->listed	   ? "all processes that were watched ended"
		 : sample->trouble ? sample->trouble
				   : "");
}

/* Its first line says so. */
static bool is_of_several(struct heapspy_replay *replay)
{
	struct heapspy_replayed line = {0};
	if (replay && heapspy_replay_next(replay, &line)) {
		heapspy_sample_drop(line.sample);
		heapspy_replay_rewind(replay);
	}
	return line.listed;
}

void tui_run(const struct tui_source *source, const struct tui_options *options,
	     struct tui_end *ret_end)
{
	struct run run = {.source = source, .options = options, .saver = {.files = options->files}};
	struct group *group = &run.group;
	*ret_end = (struct tui_end){0};
	player_init(&run.player, source->replay);
	bool listed = source->scout || is_of_several(source->replay);
	bool begun = group_init(group, listed, options->interval, options->census_interval);
	group->end = end_member;
	group->context = &run;
	group->front.grid.ascii = options->ascii;
	if (!begun || (source->sampler && !add_member(&run, source->sampler, 0))) {
		ret_end->trouble = "there is no memory";
	} else if (!take_signals()) {
		ret_end->trouble = "there is no descriptor left";
	} else {
		run_both(&run, ret_end);
		give_signals_back();
	}
	tell_end(group, ret_end);
	if (run.record_error && !ret_end->trouble) {
		ret_end->trouble = "the recording could not be written";
		ret_end->errnum = run.record_error;
	}
	player_fini(&run.player);
	group_fini(group);
	free(run.files);
}

bool tui_key(size_t number, const char **ret_names, const char **ret_meaning)
{
	if (number >= keymap_size)
		return false;
	*ret_names = keymap[number].names;
	*ret_meaning = keymap[number].meaning;
	return true;
}
