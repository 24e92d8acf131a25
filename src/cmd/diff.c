/* SPDX-License-Identifier: MIT */
#include "output/diff.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <heapspy/dump_file.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "cmd/command.h"
#include "cmd/page.h"
#include "cmd/progress.h"
#include "cmd/sandbox.h"
#include "cmd/say.h"
#include "cmd/target.h"
#include "output/format.h"

DEFINE_CLEANUP(struct heapspy_diff *, heapspy_diff_free)

enum { ROWS_OF_A_TABLE = 20 };

extern const struct command command_diff;

/* ---- sides ----------------------------------------------------------------- */

/* What is compared: read here, from `heapspy`, or read back from a file. */
struct side {
	struct heapspy *heapspy;
	bool borrowed; /* heapspy is the other side's */
	struct heapspy_dump *dump;
	struct heapspy_dump_file *file;
};

static void side_fini(struct side *side)
{
	heapspy_dump_free(side->dump);
	heapspy_dump_file_free(side->file);
	if (!side->borrowed)
		heapspy_detach(side->heapspy);
	*side = (struct side){0};
}

/* Cores and snapshots; all else that is a file must be JSON. */
static bool is_elf(const char *path)
{
	struct stat status;
	if (stat(path, &status) < 0 || !S_ISREG(status.st_mode))
		return false;
	CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char magic[4];
	return fd >= 0 && read(fd, magic, sizeof(magic)) == sizeof(magic) &&
	       memcmp(magic, "\177ELF", sizeof(magic)) == 0;
}

static struct heapspy_error *take(const struct options *options, struct side *side)
{
	struct heapspy_dump_options how = {.stop = options->stop, .max_pause = options->max_pause};
	if (options->file && !is_elf(options->file))
		return heapspy_dump_load(options->file, &side->file);
	struct heapspy_error *error = side->borrowed ? NULL : target_attach(options, &side->heapspy);
	return error ? error : heapspy_dump(side->heapspy, &how, &side->dump);
}

static struct heapspy_error *read_side(const struct options *options, struct side *side)
{
	char text[256], what[300];
	snprintf(what, sizeof(what), "reading %s", target_text(options, text, sizeof(text)));
	struct progress *progress = progress_begin(options, what);
	struct heapspy_error *error = take(options, side);
	progress_end(progress);
	return error;
}

static struct diff_side view_of(const struct side *side)
{
	if (side->file)
		return (struct diff_side){
			.source = "dump",
			.path = side->file->path,
			.target = &side->file->target,
			.python = side->file->python,
			.dump = side->file->dump,
		};
	const struct heapspy_target_info *target = heapspy_target_info(side->heapspy);
	return (struct diff_side){
		.source = heapspy_target_kind_name(target->kind),
		.path = target->path,
		.target = target,
		.python = heapspy_python_info(side->heapspy)->version,
		.dump = side->dump,
	};
}

/* ---- waiting ---------------------------------------------------------------- */

/* Until the time has come, the process ends or SIGINT comes. */
static void wait_on(const struct pollfd *ends, double seconds)
{
	double until = clock_monotonic() + seconds;
	for (double left; (left = until - clock_monotonic()) > 0;) {
		struct pollfd fds[2] = {ends[0], ends[1]};
		struct timespec span = {
			.tv_sec = (time_t)left,
			.tv_nsec = (long)((left - (double)(time_t)left) * 1e9),
		};
		if (ppoll(fds, 2, &span, NULL) > 0)
			return;
	}
}

static void wait_for_second_look(const struct options *options)
{
	char seconds[FORMAT_SIZE], what[200];
	format_seconds(seconds, options->after);
	snprintf(what, sizeof(what), "waiting %s to look at process %d again (Ctrl-C: now)",
		 seconds, (int)options->pid);
	sigset_t interrupt;
	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	sigprocmask(SIG_BLOCK, &interrupt, NULL);
	CLEANUP(closep) int signals = signalfd(-1, &interrupt, SFD_CLOEXEC | SFD_NONBLOCK);
	/* Where it cannot be watched, the second look says that it is gone. */
	CLEANUP(closep) int process = pidfd_open(options->pid, 0);
	bool gone = process < 0 && errno == ESRCH;

	struct progress *progress = progress_begin(options, what);
	if (!gone)
		wait_on((struct pollfd[]){{signals, POLLIN, 0}, {process, POLLIN, 0}},
			options->after);
	progress_end(progress);
	/* It was heard: it must not end the program now. */
	struct signalfd_siginfo heard;
	while (read(signals, &heard, sizeof(heard)) > 0)
		;
	sigprocmask(SIG_UNBLOCK, &interrupt, NULL);
}

/* ---- verdict ---------------------------------------------------------------- */

static struct heapspy_error *judge(const struct growth *growth, const struct heapspy_change *bytes)
{
	if (bytes->before == HEAPSPY_UNKNOWN || bytes->after == HEAPSPY_UNKNOWN)
		return error_why(error_new(HEAPSPY_INCOMPLETE,
					   "it is not known by how much the heap grew"),
				 "a dump does not say how large it is");
	uint64_t grown = bytes->after > bytes->before ? bytes->after - bytes->before : 0;
	bool too_much = growth->is_share ? (double)grown > growth->share * (double)bytes->before
					 : grown > growth->bytes;
	if (!too_much)
		return NULL;
	char by[FORMAT_SIZE], share[FORMAT_SIZE] = "from nothing";
	format_bytes(by, grown);
	if (bytes->before)
		format_ratio(share, (double)grown / (double)bytes->before);
	return error_new(HEAPSPY_FINDING, "the heap grew by %s (%s), more than %s", by, share,
			 growth->text);
}

static struct heapspy_error *incomplete(const struct heapspy_diff *diff)
{
	if (diff->incomplete_count == 0)
		return NULL;
	struct heapspy_error *error =
		error_new(HEAPSPY_INCOMPLETE, "the comparison is not complete");
	error_why(error, "%s", diff->incomplete[0]);
	for (size_t i = 1; i < diff->incomplete_count; i++)
		error_why(error, "%s; %s", error->why ?: "", diff->incomplete[i]);
	return error;
}

/* ---- all --------------------------------------------------------------------- */

static struct heapspy_error *second_target(const struct options *options,
					   struct options *ret_second)
{
	struct options second = *options;
	second.pid = 0;
	second.file = NULL;
	struct heapspy_error *error = target_set(&second, &command_diff, options->operands[0]);
	if (!error)
		*ret_second = second;
	return error;
}

static struct heapspy_error *check(const struct options *options)
{
	bool again = options_given(options, OPTION(AFTER));
	if (options_given(options, OPTION(MAX_PAUSE)) && !options->stop)
		return error_why(error_new(HEAPSPY_USAGE, "--max-pause is of no use alone"),
				 "nothing is stopped without --stop");
	if (!again && options->operand_count == 0)
		return error_why(error_new(HEAPSPY_USAGE, "diff needs something to compare with"),
				 "usage: heapspy diff A B, or heapspy diff PID --after DURATION");
	if (again && options->operand_count > 0)
		return error_why(error_new(HEAPSPY_USAGE, "--after is for one process alone"),
				 "there is a second target: '%s'", options->operands[0]);
	if (again && options->file)
		return error_why(error_new(HEAPSPY_USAGE, "a file cannot be read again later"),
				 "it does not change: --after is for a process");
	return NULL;
}

static struct heapspy_error *read_both(const struct options *options, struct side *before,
				       struct side *after)
{
	struct options second = *options;
	bool again = options_given(options, OPTION(AFTER));
	struct heapspy_error *error = again ? NULL : second_target(options, &second);
	if (error || (error = target_reach(options, &before->heapspy)) ||
	    (!again && (error = target_reach(&second, &after->heapspy))))
		return error;
	sandbox_enter(options, &(struct heapspy_sandbox){
				       .processes = before->heapspy || after->heapspy});
	if ((error = read_side(options, before)))
		return error;
	if (again) {
		wait_for_second_look(options);
		after->heapspy = before->heapspy;
		after->borrowed = true;
	}
	return read_side(&second, after);
}

static struct heapspy_error *run(const struct options *options)
{
	struct heapspy_error *error = check(options);
	if (error)
		return error;
	CLEANUP(page_fini) struct page page = {0};
	CLEANUP(side_fini) struct side before = {0};
	CLEANUP(side_fini) struct side after = {0};
	CLEANUP(heapspy_diff_freep) struct heapspy_diff *diff = NULL;
	if ((error = page_open(options, "types", false, &page)) ||
	    (error = read_both(options, &before, &after)))
		return error;
	struct diff_side sides[2] = {view_of(&before), view_of(&after)};
	error = heapspy_diff_make(sides[0].dump, sides[1].dump, &diff);
	if (error)
		return error;

	/* For people, what did not change is left out unless they say how much they want. */
	bool brief = options->format == FORMAT_TABLE && !options_given(options, OPTION(LIMIT));
	struct diff_view view = {
		.sort = options->sort,
		.limit = brief ? ROWS_OF_A_TABLE : options->limit,
		.filter = options->filter,
		.changed = brief,
	};
	error = output_diff(page.emitter, &sides[0], &sides[1], diff, &view);
	if (!error)
		error = page_finish(&page);
	if (!error && sides[1].dump->capture.time < sides[0].dump->capture.time)
		say_remark(options, "the first was taken after the second");
	if (!error && options_given(options, OPTION(FAIL_ON_GROWTH)))
		error = judge(&options->growth, &diff->bytes);
	return error ? error : incomplete(diff);
}

const struct command command_diff = {
	.name = "diff",
	.operands = "A B | PID --after DURATION",
	.summary = "say what grew between two dumps, type by type",
	.description =
		"A and B are each a process, JSON that heapspy dump wrote, a core file or a "
		"snapshot. With --after it is one process, read twice.\n\n"
		"Types are matched by name and sorted by how much they grew; type objects of one "
		"name are summed up. The table leaves out types that did not change unless --limit "
		"is given. A dump that --limit or --filter cut short can be compared, but what it "
		"left out is not known: exit status 7.",
	.options = OPTION(PID) | OPTION(LAYOUT) | OPTION(AFTER) | OPTION(FAIL_ON_GROWTH) |
		   OPTION(STOP) | OPTION(MAX_PAUSE) | OPTIONS_ROWS | OPTIONS_OUTPUT,
	.sort = diff_columns,
	.takes = {OPTION_PID},
	.take_count = 1,
	.need = 1,
	.takes_file = true,
	.takes_more = 1,
	.examples =
		(const struct example[]){
			{"diff before.json 4711",
			 "what process 4711 holds more than when it was dumped"},
			{"diff 4711 --after 60s", "what it holds more in a minute"},
			{"diff before.json 4711 --fail-on-growth 5%",
			 "exit status 1 if it grew by more"},
			{0},
		},
	.run = run,
};
