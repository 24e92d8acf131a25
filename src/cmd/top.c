/* SPDX-License-Identifier: MIT */
#include "tui/tui.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cmd/command.h"
#include "cmd/launch.h"
#include "cmd/page.h"
#include "cmd/progress.h"
#include "cmd/target.h"
#include "cmd/top_files.h"

DEFINE_CLEANUP(struct heapspy_sampler *, heapspy_sampler_stop)
DEFINE_CLEANUP(struct launch *, launch_free)

static bool can_have_screen(void)
{
	const char *terminal = getenv("TERM");
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && terminal && *terminal &&
	       strcmp(terminal, "dumb") != 0;
}

static struct heapspy_error *attach(const struct options *options, struct launch *launch,
				    struct heapspy **ret_heapspy)
{
	struct heapspy_attach_options how = {.layout = options->layout};
	if (launch)
		return launch_attach(launch, &how, ret_heapspy);
	return target_attach(options, ret_heapspy);
}

static const char *name_of(const struct options *options, char *text, size_t size)
{
	if (options->command)
		return "the command";
	return target_text(options, text, size);
}

static struct heapspy_error *start(const struct options *options, struct launch *launch,
				   const struct heapspy_sampler_options *how,
				   struct heapspy **ret_heapspy,
				   struct heapspy_sampler **ret_sampler)
{
	char text[256];
	struct heapspy *heapspy = NULL;
	struct progress *progress =
	    progress_begin(options, name_of(options, text, sizeof(text)));
	struct heapspy_error *error = attach(options, launch, &heapspy);
	progress_end(progress);
	if (!error)
		error = heapspy_sampler_start(heapspy, how, ret_sampler);
	*ret_heapspy = heapspy;
	return error;
}

/* What ended it, as an error, or by the signal itself. The command that was started ends
 * before. */
static struct heapspy_error *conclude(const struct options *options, struct launch *launch,
				      const struct tui_end *end, bool plain)
{
	char text[256];
	if (launch) {
		*options->status = launch_end(launch, end->signal == SIGINT);
		launch_tell(launch);
	}
	if (end->trouble) {
		struct heapspy_error *error =
		    error_new(HEAPSPY_OUTPUT, "the dashboard cannot be shown");
		error->errnum = end->errnum;
		error_why(error, "%s", end->trouble);
		if (!plain && !launch)
			error_remedy(error, "heapspy top %d --plain", (int)options->pid);
		return error;
	}
	if (end->signal) {
		signal(end->signal, SIG_DFL);
		raise(end->signal);
	}
	if (!end->gone || launch)
		return NULL;
	struct heapspy_error *error =
	    error_new(HEAPSPY_GONE, "%s is gone", target_text(options, text, sizeof(text)));
	return error_why(error, "%s", end->why);
}

static struct heapspy_error *check(const struct options *options)
{
	if (!options->command_output || options->command)
		return NULL;
	return error_why(error_new(HEAPSPY_USAGE, "--command-output without a command"),
			 "a process that runs already writes where it does");
}

static struct heapspy_error *run(const struct options *options)
{
	struct heapspy_sampler_options how = {
	    .interval = options->interval > 0 ? options->interval : 1,
	    .census_interval = options->census > 0 ? options->census : 10,
	    .layout = options->layout,
	};
	bool plain = options->plain || !can_have_screen();
	struct tui_options view = {
	    .plain = plain,
	    .ascii = options->ascii || !locale_is_unicode(),
	    .colour = page_wants_colour(options->colour, STDOUT_FILENO),
	    .without_text = options->without_text,
	    .count = options->count,
	    .interval = how.interval,
	    .census_interval = how.census_interval,
	};
	struct launch_options command = {
	    .command = options->command,
	    .output = options->command_output,
	    .screen = !plain,
	};
	struct heapspy *heapspy = NULL;
	/* Until the sampler has stopped it writes there. */
	CLEANUP(top_files_fini) struct top_files files = {0};
	CLEANUP(launch_freep) struct launch *launch = NULL;
	CLEANUP(heapspy_sampler_stopp) struct heapspy_sampler *sampler = NULL;
	struct heapspy_error *error = check(options);
	if (!error && options->command)
		error = launch_start(&command, &launch);
	if (!error)
		error = start(options, launch, &how, &heapspy, &sampler);
	if (error) {
		if (launch)
			launch_tell(launch);
		return error;
	}
	top_files_init(&files, heapspy_target_info(heapspy), heapspy_python_info(heapspy),
		       options->ascii);
	view.files = &files.files;
	struct tui_end end;
	tui_run(sampler, heapspy_target_info(heapspy), heapspy_python_info(heapspy), &view, &end);
	return conclude(options, launch, &end, plain);
}

const struct command command_top = {
	.name = "top",
	.operands = "PID | -- COMMAND [ARGS...]",
	.summary = "watch the heap of a process: the dashboard",
	.description =
	"Shows where its memory goes, live: plots, types and how they grow, the garbage "
	"collector, the allocators. Types that grew in each of the last heap walks are "
	"marked with an exclamation mark. ? lists the keys.\n\n"
	"The counters are read every second; the heap is walked every ten, or less often "
	"where that would take more than a twentieth of a core. The process is never "
	"stopped.\n\n"
	"Where standard input or output is no terminal, or with --plain, it writes lines "
	"instead, until it is interrupted or the process ends.\n\n"
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
	       OPTION(PLAIN) | OPTION(STRINGS) | OPTION(COMMAND_OUTPUT),
	.takes_command = true,
	.takes = {OPTION_PID},
	.take_count = 1,
	.need = 1,
	.examples =
	(const struct example[]){
	    {"top 4711", "watch process 4711"},
	    {"top 4711 --plain -n 1", "one reading, as lines"},
	    {"top 4711 --census 2s", "walk the heap more often"},
	    {"top -- python3 app.py", "start a program and watch it"},
	    {0},
	},
	.run = run,
};
