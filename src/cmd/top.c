/* SPDX-License-Identifier: MIT */
#include "tui/tui.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cmd/command.h"
#include "cmd/launch.h"
#include "cmd/page.h"
#include "cmd/progress.h"
#include "cmd/sandbox.h"
#include "cmd/say.h"
#include "cmd/target.h"
#include "cmd/top_files.h"
#include "output/file.h"

extern const struct command command_top;

static bool can_have_screen(void)
{
	const char *terminal = getenv("TERM");
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && terminal && *terminal &&
	       strcmp(terminal, "dumb") != 0;
}

/* What is there as long as the dashboard is. */
struct session {
	const struct options *options;
	bool plain;
	pid_t *pids;
	size_t count;
	struct heapspy_sampler_options sampling;
	struct launch *launch; /* NULL: no command was started */
	struct tui_source source;
	struct output record; /* without a stream: nothing is recorded */
};

/* Samplers first: they have what the others wait for. */
static void session_fini(struct session *session)
{
	output_fini(&session->record);
	heapspy_replay_free(session->source.replay);
	heapspy_scout_stop(session->source.scout);
	heapspy_sampler_stop(session->source.sampler);
	heapspy_pacer_drop(session->sampling.pacer);
	launch_free(session->launch);
	free(session->pids);
}

/* The one that is in the options already, and those behind it. */
static struct heapspy_error *take_pids(struct session *session)
{
	const struct options *options = session->options;
	session->pids = calloc((size_t)options->operand_count + 1, sizeof(*session->pids));
	if (!session->pids)
		return error_no_memory();
	if (options->pid)
		session->pids[session->count++] = options->pid;
	for (int i = 0; i < options->operand_count; i++) {
		struct options one = {0};
		struct heapspy_error *error =
		    options_set(&one, OPTION_PID, &command_top, options->operands[i]);
		if (error)
			return error;
		session->pids[session->count++] = one.pid;
	}
	return NULL;
}

static bool is_several(const struct session *session)
{
	return session->count > 1 || session->options->subprocesses;
}

/* ---- attaching ---------------------------------------------------------------------------- */

/* Processes that come later are reached then, and files that are asked for then are
 * created then. */
static void lock_in(const struct session *session)
{
	sandbox_enter(session->options,
		      &(struct heapspy_sandbox){
			      .processes = !session->options->replay,
			      .creates = !session->plain,
			      .screen = !session->plain,
			      .child = session->launch ? launch_signalled(session->launch) : 0,
		      });
}

static struct heapspy_error *watch_one(void *context, pid_t pid)
{
	struct session *session = context;
	struct heapspy_attach_options how = {.layout = session->options->layout};
	struct heapspy *heapspy = NULL;
	struct heapspy_error *error = heapspy_attach(pid, &how, &heapspy);
	return error ?: heapspy_sampler_start(heapspy, &session->sampling,
					      &session->source.sampler);
}

/* Of a command that was started it is the first of all. */
static struct heapspy_error *watch_several(void *context, pid_t pid)
{
	struct session *session = context;
	struct heapspy_scout_options scouting = {
	    .pids = session->launch ? &pid : session->pids,
	    .count = session->launch ? 1 : session->count,
	    .subprocesses = session->options->subprocesses,
	    .interval = session->sampling.interval,
	    .sampler = session->sampling,
	};
	return heapspy_scout_start(&scouting, &session->source.scout);
}

/* Eight or so for each process. */
static void want_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static struct heapspy_error *watch(struct session *session)
{
	launch_attempt *attempt = is_several(session) ? watch_several : watch_one;
	char text[256];
	bool first = session->count == 1;
	struct progress *progress = progress_begin(
	    session->options, session->launch ? "the command"
			      : first	      ? target_text(session->options, text, sizeof(text))
					      : "the processes");
	struct heapspy_error *error =
	    session->launch ? launch_wait(session->launch, attempt, session)
			    : attempt(session, session->pids[0]);
	progress_end(progress);
	return error;
}

static struct heapspy_error *start_command(struct session *session)
{
	struct launch_options command = {
	    .command = session->options->command,
	    .output = session->options->command_output,
	    .screen = !session->plain,
	};
	return session->options->command ? launch_start(&command, &session->launch) : NULL;
}

/* It can be read while it is written, and what is there is kept however we end. */
static struct heapspy_error *open_record(struct session *session)
{
	const char *path = session->options->record;
	if (path && strcmp(path, "-") == 0)
		return error_why(error_new(HEAPSPY_USAGE, "--record needs a FILE"),
				 "standard output is for what is shown");
	return path ? output_open_growing(path, session->options->force, &session->record) : NULL;
}

static struct heapspy_error *start(struct session *session)
{
	if (session->options->replay) {
		lock_in(session);
		return heapspy_replay_open(session->options->replay, &session->source.replay);
	}
	struct heapspy_error *error = take_pids(session);
	if (!error)
		error = open_record(session);
	if (error)
		return error;
	if (is_several(session)) {
		want_descriptors();
		session->sampling.pacer = heapspy_pacer_new(0);
		if (!session->sampling.pacer)
			return error_no_memory();
	}
	error = start_command(session);
	if (!error) {
		lock_in(session);
		error = watch(session);
	}
	if (error && session->launch)
		launch_tell(session->launch);
	return error;
}

/* ---- the end ------------------------------------------------------------------------------ */

static struct heapspy_error *is_gone(const struct session *session, const struct tui_end *end)
{
	char text[256];
	struct heapspy_error *error =
	    is_several(session)
		? error_new(HEAPSPY_GONE, "the processes are gone")
		: error_new(HEAPSPY_GONE, "%s is gone",
			    target_text(session->options, text, sizeof(text)));
	return error_why(error, "%s", end->why);
}

/* What ended it, as an error, or by the signal itself. The command that was started ends
 * before. */
static struct heapspy_error *conclude(struct session *session, const struct tui_end *end)
{
	if (session->launch) {
		*session->options->status =
		    launch_end(session->launch, end->signal == SIGINT, end->gone);
		launch_tell(session->launch);
	}
	if (end->trouble) {
		struct heapspy_error *error =
		    error_new(HEAPSPY_OUTPUT, "the dashboard cannot be shown");
		error->errnum = end->errnum;
		error_why(error, "%s", end->trouble);
		if (!session->plain && session->count == 1)
			error_remedy(error, "heapspy top %d --plain", (int)session->pids[0]);
		return error;
	}
	if (end->signal) {
		signal(end->signal, SIG_DFL);
		raise(end->signal);
	}
	bool ours = session->launch || session->source.replay;
	return end->gone && !ours ? is_gone(session, end) : NULL;
}

static struct heapspy_error *check(const struct options *options)
{
	if (options->replay && (options->pid || options->command || options->record))
		return error_why(error_new(HEAPSPY_USAGE, "--replay and something to watch"),
				 "it shows what was recorded, and that alone");
	return launch_check_output(options->command_output, options->command != NULL);
}

static struct heapspy_error *run(const struct options *options)
{
	/* Until the samplers have stopped they write there. */
	CLEANUP(top_files_fini) struct top_files files = {0};
	CLEANUP(session_fini) struct session session = {
		.options = options,
		.plain = options->plain || !can_have_screen(),
		.record = {.directory = -1},
		.sampling = {
			.interval = options->interval > 0 ? options->interval : 1,
			.census_interval = options->census > 0 ? options->census : 10,
			.layout = options->layout,
		},
	};
	struct tui_options view = {
	    .plain = session.plain,
	    .ascii = options->ascii || !locale_is_unicode(),
	    .colour = page_wants_colour(options->colour, STDOUT_FILENO),
	    .without_text = options->without_text,
	    .count = options->count,
	    .interval = session.sampling.interval,
	    .census_interval = session.sampling.census_interval,
	};
	struct heapspy_error *error = check(options);
	if (!error)
		error = start(&session);
	if (error)
		return error;
	view.record = session.record.stream;
	top_files_init(&files, options->ascii);
	view.files = &files.files;
	struct tui_end end;
	tui_run(&session.source, &view, &end);
	const char *trouble = session.source.replay
				      ? heapspy_replay_trouble(session.source.replay)
				      : NULL;
	if (trouble) {
		char remark[200];
		snprintf(remark, sizeof(remark), "the recording ends early: %s", trouble);
		say_remark(options, remark);
	}
	return conclude(&session, &end);
}

const struct command command_top = {
	.name = "top",
	.operands = "PID... | -- COMMAND [ARGS...] | --replay FILE",
	.summary = "watch the heap of a process: the dashboard",
	.description =
	"Shows where its memory goes, live: plots, types and how they grow, the garbage "
	"collector, the allocators. Types that grew in each of the last heap walks are "
	"marked with an exclamation mark. ? lists the keys.\n\n"
	"The counters are read every second and the heap is walked every ten, or each less often "
	"where that would take more than a twentieth of a core. The process is "
	"not stopped (frames of C, the key n, hold each thread that runs for a moment).\n\n"
	"Enter opens a type: how it grows, its largest objects and some drawn by lot, each with "
	"what it looks like. --strings none leaves their text out.\n\n"
	"Where standard input or output is no terminal, or with --plain, it writes lines "
	"instead, until it is interrupted or the process ends.\n\n"
	"Of several processes, those that are named and with --subprocesses what they start, "
	"there is a list: private and shared memory, heap, objects and growth of each. Enter "
	"opens one, Esc goes back. Processes that come are found, those that end are GONE. "
	"Their heaps are walked one after the other, so that all together take no more than a "
	"twentieth of a core.\n\n"
	"--record writes down all that is read, and --replay shows it again, on the screen or "
	"as lines; but what threads do and single objects are not in it.\n\n"
	"A process that ends is GONE; the screen stays until a key ends it. The exit status is "
	"then 3, with a screen or without.\n\n"
	"After -- it starts a command and watches that, as soon as it is a Python that has "
	"started. The command ends when heapspy does: it is sent SIGTERM, and SIGKILL after "
	"five seconds. If it ends before, its exit status (128 and the number of the signal "
	"that ended it) is that of heapspy. Beside the screen its standard input is empty, and "
	"what it writes is not seen; if it fails, the end of that is shown afterwards, and "
	"--command-output keeps it all. Beside lines it has the standard input of heapspy, "
	"Ctrl-C ends both, and what it writes goes to standard error.",
	.options = OPTION(PID) | OPTION(LAYOUT) | OPTION(INTERVAL) | OPTION(COUNT) | OPTION(CENSUS) |
	       OPTION(PLAIN) | OPTION(STRINGS) | OPTION(SUBPROCESSES) | OPTION(COMMAND_OUTPUT) |
	       OPTION(RECORD) | OPTION(REPLAY) | OPTION(FORCE),
	.takes_command = true,
	.takes = {OPTION_PID},
	.take_count = 1,
	.need = 1,
	.takes_more = UINT8_MAX,
	.examples =
	(const struct example[]){
	    {"top 4711", "watch process 4711"},
	    {"top 4711 --plain -n 1", "one reading, as lines"},
	    {"top 4711 --census 2s", "walk the heap more often"},
	    {"top --subprocesses 4711", "watch it and all its workers"},
	    {"top -- python3 app.py", "start a program and watch it"},
	    {"top 4711 --record heap.ndjson", "watch it, and write all of it down"},
	    {"top --replay heap.ndjson", "look at that again"},
	    {0},
	},
	.run = run,
};
