/* SPDX-License-Identifier: MIT */
/*
 * A program that is no Python and holds one, in a thread that is not its first.
 *
 *	embed before              stays before the interpreter is initialised
 *	embed after               stays after it was finalised
 *	embed run SCRIPT [ARG]... runs a script, as python would
 *
 * "ready" is said on stdout, by itself or by the script; the end of stdin ends it.
 */
#include <Python.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

static int argument_count;
static char **arguments;

static void stay(void)
{
	char byte;
	if (write(STDOUT_FILENO, "ready\n", 6) == 6)
		while (read(STDIN_FILENO, &byte, 1) > 0)
			;
}

static void *hold_python(void *unused)
{
	PyConfig config;
	PyStatus status;

	(void)unused;
	PyConfig_InitPythonConfig(&config);
	/* The script and what follows it, with this program in the place of python. */
	status = PyConfig_SetBytesArgv(&config, argument_count - 1, arguments + 1);
	if (!PyStatus_Exception(status))
		status = Py_InitializeFromConfig(&config);
	if (PyStatus_Exception(status))
		Py_ExitStatusException(status);
	PyConfig_Clear(&config);
	if (strcmp(arguments[1], "run") == 0) {
		_exit(Py_RunMain());
	}
	Py_FinalizeEx();
	stay();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 2)
		return 2;
	if (strcmp(argv[1], "before") == 0) {
		stay();
		return 0;
	}
	argument_count = strcmp(argv[1], "run") == 0 ? argc : 2;
	arguments = argv;
	if (pthread_create(&thread, NULL, hold_python, NULL) != 0)
		return 1;
	pthread_join(thread, NULL);
	return 0;
}
