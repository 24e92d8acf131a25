/* SPDX-License-Identifier: MIT */
#include "cmd/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/deaf.h"
#include "base/error.h"
#include "base/text.h"

enum {
	PATIENCE = 10,		/* seconds for becoming a Python */
	GRACE = 5,		/* seconds for ending */
	INTERRUPTED_GRACE = 2,	/* seconds for ending after Ctrl-C */
	KEPT = 1 << 20,		/* bytes of its output, before it is cut */
	TOLD = 4096,		/* bytes of its end */
};

struct launch {
	pid_t pid;
	bool group; /* one of its own */
	sigset_t mask; /* before the start */
	const char *name;
	double start;
	bool ended, killed; /* it did; because of us */
	int status;	    /* of waitpid() */
	int kept;	    /* file without a name that it writes to, -1: none */
	pthread_t keeper;
	bool keeps;
	pthread_mutex_t mutex;
	pthread_cond_t done;
	bool is_done;
};

/* ---- what it writes ------------------------------------------------------------- */

/* A command that is watched for weeks must not fill the disk: all it writes is appended,
 * so that a file that was cut goes on at its new end. */
static void *keep(void *argument)
{
	struct launch *launch = argument;
	struct stat file;
	struct timespec next;
	clock_gettime(CLOCK_MONOTONIC, &next);
	pthread_mutex_lock(&launch->mutex);
	while (!launch->is_done) {
		next.tv_sec++;
		while (!launch->is_done &&
		       pthread_cond_clockwait(&launch->done, &launch->mutex, CLOCK_MONOTONIC,
					      &next) == 0)
			;
		if (fstat(launch->kept, &file) == 0 && file.st_size > KEPT &&
		    ftruncate(launch->kept, 0) != 0)
			break;
	}
	pthread_mutex_unlock(&launch->mutex);
	return NULL;
}

static bool start_keeper(struct launch *launch)
{
	launch->keeps = deaf_thread(&launch->keeper, keep, launch);
	return launch->keeps;
}

static void stop_keeper(struct launch *launch)
{
	if (!launch->keeps)
		return;
	pthread_mutex_lock(&launch->mutex);
	launch->is_done = true;
	pthread_cond_signal(&launch->done);
	pthread_mutex_unlock(&launch->mutex);
	pthread_join(launch->keeper, NULL);
	launch->keeps = false;
}

static int open_kept(void)
{
	const char *place = getenv("TMPDIR");
	int file = open(place && *place ? place : "/tmp",
			O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	return file >= 0 ? file : open("/tmp", O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
}

struct heapspy_error *launch_check_output(const char *output, bool has_command)
{
	if (output && !has_command)
		return error_why(error_new(HEAPSPY_USAGE, "--command-output without a command"),
				 "a process that runs already writes where it does");
	if (output && strcmp(output, "-") == 0)
		return error_why(error_new(HEAPSPY_USAGE, "--command-output needs a file"),
				 "standard output is that of heapspy");
	return NULL;
}

/* Where nothing can be kept nothing is. */
static struct heapspy_error *open_output(const struct launch_options *options, int *ret_output,
					 int *ret_kept)
{
	int output = -1;
	if (options->output) {
		output = open(options->output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY,
			      0666);
		if (output < 0)
			return error_errno(HEAPSPY_OUTPUT, errno, "cannot write to %s",
					   options->output);
	} else if (options->screen) {
		*ret_kept = open_kept();
		output = *ret_kept >= 0 ? fcntl(*ret_kept, F_DUPFD_CLOEXEC, 3)
					: open("/dev/null", O_WRONLY | O_CLOEXEC);
	} else {
		output = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	}
	*ret_output = output;
	return NULL;
}

void launch_tell(const struct launch *launch)
{
	static char text[TOLD + 1];
	bool well = launch->ended && WIFEXITED(launch->status) && !WEXITSTATUS(launch->status);
	struct stat file;
	if (launch->kept < 0 || well || launch->killed || fstat(launch->kept, &file) != 0)
		return;
	off_t from = file.st_size > TOLD ? file.st_size - TOLD : 0;
	ssize_t length = pread(launch->kept, text, TOLD, from);
	if (length <= 0)
		return;
	text[length] = 0;
	const char *line = from ? strchr(text, '\n') : NULL;
	line = line ? line + 1 : text;
	fprintf(stderr, "heapspy: the last that %s wrote:\n%s%s", launch->name, line,
		text[length - 1] == '\n' ? "" : "\n");
}

/* ---- starting --------------------------------------------------------------------- */

/* Signals that end us, and that of a child that ended. */
static void signals_of_interest(sigset_t *ret_signals)
{
	static const int signals[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction before;
	sigemptyset(ret_signals);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		/* nohup(1) and its like are left their say. */
		if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaddset(ret_signals, signals[i]);
}

/* For the handler of signals that come while nobody waits: what is to end with us. */
static volatile sig_atomic_t started;

static void pass_on(int number)
{
	if (started)
		kill((pid_t)started, SIGTERM);
	signal(number, SIG_DFL);
	raise(number);
}

/* From here on until somebody else handles them. They stay blocked for launch_attach(). */
static void take_signals(struct launch *launch)
{
	struct sigaction action = {.sa_handler = pass_on};
	sigset_t signals;
	signals_of_interest(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, &launch->mask);
	sigemptyset(&action.sa_mask);
	for (int signal = 1; signal < NSIG; signal++)
		if (signal != SIGCHLD && sigismember(&signals, signal) == 1)
			sigaction(signal, &action, NULL);
}

static int spawn(struct launch *launch, const struct launch_options *options, int output)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	int flags = POSIX_SPAWN_SETSIGMASK | (launch->group ? POSIX_SPAWN_SETPGROUP : 0);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&how);
	posix_spawnattr_setflags(&how, (short)flags);
	posix_spawnattr_setsigmask(&how, &launch->mask);
	if (options->screen)
		posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (output >= 0) {
		posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
		posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
	}
	/* Where it is ignored the kernel does not say how a child ended. */
	signal(SIGCHLD, SIG_DFL);
	take_signals(launch);
	launch->start = clock_monotonic();
	int failed = posix_spawnp(&launch->pid, options->command[0], &files, &how,
				  options->command, environ);
	if (!failed)
		started = launch_signalled(launch);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&how);
	return failed;
}

struct heapspy_error *launch_start(const struct launch_options *options,
				   struct launch **ret_launch)
{
	CLEANUP(closep) int output = -1;
	struct launch *launch = calloc(1, sizeof(*launch));
	if (!launch)
		return error_no_memory();
	pthread_mutex_init(&launch->mutex, NULL);
	pthread_cond_init(&launch->done, NULL);
	launch->group = options->screen;
	launch->kept = -1;
	launch->name = options->command[0];
	struct heapspy_error *error = open_output(options, &output, &launch->kept);
	int failed = error ? 0 : spawn(launch, options, output);
	if (failed)
		error = error_errno(failed == ENOENT || failed == EACCES || failed == ENOEXEC
					? HEAPSPY_USAGE
					: HEAPSPY_LIMIT,
				    failed, "cannot start '%s'", launch->name);
	if (error) {
		launch_free(launch);
		return error;
	}
	if (launch->kept >= 0)
		start_keeper(launch);
	*ret_launch = launch;
	return NULL;
}

pid_t launch_pid(const struct launch *launch)
{
	return launch->pid;
}

pid_t launch_signalled(const struct launch *launch)
{
	return launch->group ? -launch->pid : launch->pid;
}

void launch_free(struct launch *launch)
{
	if (!launch)
		return;
	stop_keeper(launch);
	pthread_cond_destroy(&launch->done);
	pthread_mutex_destroy(&launch->mutex);
	closep(&launch->kept);
	free(launch);
}

/* ---- waiting ------------------------------------------------------------------------ */

static bool has_ended(struct launch *launch)
{
	if (!launch->ended)
		launch->ended = waitpid(launch->pid, &launch->status, WNOHANG) != 0;
	if (launch->ended)
		started = 0;
	return launch->ended;
}

/* So long, or until it has ended. Returns a signal that came meanwhile, 0: none did. */
static int wait_for_end(struct launch *launch, const sigset_t *signals, double seconds)
{
	double until = clock_monotonic() + seconds;
	while (!has_ended(launch)) {
		double left = until - clock_monotonic();
		if (left <= 0)
			return 0;
		struct timespec timeout = {
		    .tv_sec = (time_t)left,
		    .tv_nsec = (long)((left - (double)(time_t)left) * 1e9),
		};
		int signal = sigtimedwait(signals, NULL, &timeout);
		if (signal > 0 && signal != SIGCHLD)
			return signal;
	}
	return 0;
}

static struct heapspy_error *ended_early(const struct launch *launch)
{
	int status = launch->status;
	double seconds = clock_monotonic() - launch->start;
	struct heapspy_error *error =
	    error_new(HEAPSPY_GONE, "the command ended before it could be watched");
	return error_why(error, "%s ended with %s %d after %.2f s", launch->name,
			 WIFSIGNALED(status) ? "signal" : "exit status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), seconds);
}

/* What it was at last. Takes the error. */
static struct heapspy_error *no_python(const struct launch *launch, struct heapspy_error *last)
{
	struct heapspy_error *error =
	    error_new(last->code, "the command did not become a Python that can be read");
	error_why(error, "it was given %d seconds; process %d: %s", PATIENCE, (int)launch->pid,
		  last->why ?: last->what);
	heapspy_error_free(last);
	return error_remedy(error, "heapspy ps");
}

/* It may still become one: the shell that starts it, its own beginning. */
static bool may_change(const struct heapspy_error *error)
{
	return error->code != HEAPSPY_PERMISSION && error->code != HEAPSPY_LIMIT &&
	       error->code != HEAPSPY_REFUSED;
}

struct heapspy_error *launch_wait(struct launch *launch, launch_attempt *attempt, void *context)
{
	struct heapspy_error *error = NULL;
	double until = launch->start + PATIENCE, pause = 0.01;
	sigset_t signals;
	int signal = 0;
	signals_of_interest(&signals);
	while (!signal) {
		heapspy_error_free(error);
		error = attempt(context, launch->pid);
		bool ended = has_ended(launch);
		if (!error || ended || !may_change(error) || clock_monotonic() >= until)
			break;
		signal = wait_for_end(launch, &signals, pause);
		pause = pause < 0.2 ? pause * 1.5 : pause;
	}
	if (error && launch->ended) {
		heapspy_error_free(error);
		error = ended_early(launch);
	} else if (error) {
		if (may_change(error))
			error = no_python(launch, error);
		launch_end(launch, signal == SIGINT, false);
	}
	pthread_sigmask(SIG_SETMASK, &launch->mask, NULL);
	if (signal)
		raise(signal);
	return error;
}

struct attachment {
	const struct heapspy_attach_options *options;
	struct heapspy *heapspy;
};

static struct heapspy_error *attach(void *context, pid_t pid)
{
	struct attachment *attachment = context;
	return heapspy_attach(pid, attachment->options, &attachment->heapspy);
}

struct heapspy_error *launch_attach(struct launch *launch,
				    const struct heapspy_attach_options *options,
				    struct heapspy **ret_heapspy)
{
	struct attachment attachment = {.options = options};
	struct heapspy_error *error = launch_wait(launch, attach, &attachment);
	if (!error)
		*ret_heapspy = attachment.heapspy;
	return error;
}

/* ---- ending ------------------------------------------------------------------------- */

static void tell_to_end(const struct launch *launch, int signal)
{
	pid_t whom = launch_signalled(launch);
	kill(whom, signal);
	kill(whom, SIGCONT);
}

int launch_end(struct launch *launch, bool interrupted, bool gone)
{
	sigset_t signals, before;
	signals_of_interest(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, &before);
	bool told = interrupted && !launch->group;
	/* Its memory goes a moment before it can be waited for. */
	if (gone && !has_ended(launch))
		wait_for_end(launch, &signals, GRACE);
	if (!has_ended(launch)) {
		launch->killed = true;
		/* Whoever asks again wants it at once. */
		int again = told ? wait_for_end(launch, &signals, INTERRUPTED_GRACE) : 0;
		if (!launch->ended)
			tell_to_end(launch, SIGTERM);
		if (!again)
			wait_for_end(launch, &signals, GRACE);
		if (!launch->ended) {
			tell_to_end(launch, SIGKILL);
			waitpid(launch->pid, &launch->status, 0);
			launch->ended = true;
			started = 0;
		}
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	stop_keeper(launch);
	if (launch->killed)
		return 0;
	return WIFSIGNALED(launch->status) ? 128 + WTERMSIG(launch->status)
					   : WEXITSTATUS(launch->status);
}
