/* SPDX-License-Identifier: MIT */
#include "tui/tui.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cmd/command.h"
#include "cmd/page.h"
#include "cmd/progress.h"
#include "cmd/target.h"

DEFINE_CLEANUP(struct heapspy_sampler *, heapspy_sampler_stop)

static bool can_have_screen(void)
{
	const char *terminal = getenv("TERM");
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && terminal && *terminal &&
	       strcmp(terminal, "dumb") != 0;
}

static struct heapspy_error *start(const struct options *options,
				   const struct heapspy_sampler_options *how,
				   struct heapspy **ret_heapspy,
				   struct heapspy_sampler **ret_sampler)
{
	char text[256];
	struct heapspy *heapspy = NULL;
	struct progress *progress =
	    progress_begin(options, target_text(options, text, sizeof(text)));
	struct heapspy_error *error = target_attach(options, &heapspy);
	progress_end(progress);
	if (!error)
		error = heapspy_sampler_start(heapspy, how, ret_sampler);
	*ret_heapspy = heapspy;
	return error;
}

/* What ended it, as an error, or by the signal itself. */
static struct heapspy_error *conclude(const struct options *options, const struct tui_end *end,
				      bool plain)
{
	char text[256];
	if (end->trouble) {
		struct heapspy_error *error =
		    error_new(HEAPSPY_OUTPUT, "the dashboard cannot be shown");
		error->errnum = end->errnum;
		error_why(error, "%s", end->trouble);
		return plain ? error
			     : error_remedy(error, "heapspy top %d --plain", (int)options->pid);
	}
	if (end->signal) {
		signal(end->signal, SIG_DFL);
		raise(end->signal);
	}
	if (!end->gone || !plain)
		return NULL;
	struct heapspy_error *error =
	    error_new(HEAPSPY_GONE, "%s is gone", target_text(options, text, sizeof(text)));
	return error_why(error, "%s", end->why);
}

static struct heapspy_error *run(const struct options *options)
{
	struct heapspy_sampler_options how = {
	    .interval = options->interval > 0 ? options->interval : 1,
	    .census_interval = options->census > 0 ? options->census : 10,
	};
	bool plain = options->plain || !can_have_screen();
	struct tui_options view = {
	    .plain = plain,
	    .ascii = options->ascii || !locale_is_unicode(),
	    .colour = page_wants_colour(options->colour, STDOUT_FILENO),
	    .count = options->count,
	    .interval = how.interval,
	    .census_interval = how.census_interval,
	};
	struct heapspy *heapspy = NULL;
	CLEANUP(heapspy_sampler_stopp) struct heapspy_sampler *sampler = NULL;
	struct heapspy_error *error = start(options, &how, &heapspy, &sampler);
	if (error)
		return error;
	struct tui_end end;
	tui_run(sampler, heapspy_target_info(heapspy), heapspy_python_info(heapspy), &view, &end);
	return conclude(options, &end, plain);
}

const struct command command_top = {
	.name = "top",
	.operands = "PID",
	.summary = "watch the heap of a process: the dashboard",
	.description =
	"Shows where its memory goes, live: plots, types and how they grow, the garbage "
	"collector, the allocators. Types that grew in each of the last heap walks are "
	"marked with an exclamation mark. ? lists the keys.\n\n"
	"The counters are read every second; the heap is walked every ten, or less often "
	"where that would take more than a twentieth of a core. The process is never "
	"stopped.\n\n"
	"Where standard input or output is no terminal, or with --plain, it writes lines "
	"instead, until it is interrupted or the process ends, which is exit status 3.",
	.options = OPTION(PID) | OPTION(LAYOUT) | OPTION(INTERVAL) | OPTION(COUNT) | OPTION(CENSUS) |
	       OPTION(PLAIN),
	.takes = {OPTION_PID},
	.take_count = 1,
	.need = 1,
	.examples =
	(const struct example[]){
	    {"top 4711", "watch process 4711"},
	    {"top 4711 --plain -n 1", "one reading, as lines"},
	    {"top 4711 --census 2s", "walk the heap more often"},
	    {0},
	},
	.run = run,
};
