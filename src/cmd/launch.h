/* SPDX-License-Identifier: MIT */
/*
 * A command that heapspy starts, to watch it from its beginning: `-- COMMAND ARGS...`.
 *
 * As with perf, strace and py-spy the command is started for being watched: it ends
 * when heapspy does, unless it ended before, and then its exit status is heapspy's.
 *
 * Belongs to the main thread, which must be the only one while signals are waited for.
 */
#ifndef CMD_LAUNCH_H
#define CMD_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include <heapspy/attach.h>
#include <heapspy/error.h>

struct launch;

struct launch_options {
	char **command;     /* searched for in PATH */
	const char *output; /* file that what it writes is appended to, NULL: none */
	/* The terminal is ours: the command is in the background, its input is empty, and
	 * what it writes is kept for launch_tell(), where it does not go to a file. Else it
	 * shares our process group and our input, and what it writes goes to standard
	 * error. */
	bool screen;
};

/* Whether --command-output can be done. `output`: its file, NULL without the option. */
HEAPSPY_CHECK struct heapspy_error *launch_check_output(const char *output, bool has_command);

/* The command runs when this returns. */
HEAPSPY_CHECK struct heapspy_error *launch_start(const struct launch_options *options,
						 struct launch **ret_launch);

pid_t launch_pid(const struct launch *launch);

/* Whom launch_end() signals, as kill(2) has it. */
pid_t launch_signalled(const struct launch *launch);

/* Do what needs a Python that has started, such as attaching: again and again until it is
 * one, with the errors of launch_attach(). `attempt` returns that of heapspy_attach(). */
typedef struct heapspy_error *launch_attempt(void *context, pid_t pid);
HEAPSPY_CHECK struct heapspy_error *launch_wait(struct launch *launch, launch_attempt *attempt,
						void *context);

/* Attach to it as soon as it is a Python that has started. HEAPSPY_GONE: it ended
 * before; HEAPSPY_NOT_PYTHON and the like: it was none for ten seconds. A signal to end
 * ends the command and then heapspy, as if it had not been waiting. */
HEAPSPY_CHECK struct heapspy_error *launch_attach(struct launch *launch,
						  const struct heapspy_attach_options *options,
						  struct heapspy **ret_heapspy);

/* End it, if it has not ended: SIGTERM, and SIGKILL where that is not heard for five
 * seconds. `interrupted`: Ctrl-C was pressed, which a command that shares our process
 * group was told already. `gone`: it was seen to be ending by itself. Then: its exit
 * status, 128+n for a signal; 0 where it was us who ended it. */
int launch_end(struct launch *launch, bool interrupted, bool gone);

/* The end of what it wrote, to standard error, where it was kept and the command ended
 * by itself other than well. After launch_end() or an error. */
void launch_tell(const struct launch *launch);

/* Takes NULL. The command is left alone. */
void launch_free(struct launch *launch);

#endif
