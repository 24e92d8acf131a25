/* SPDX-License-Identifier: MIT */
/*
 * Stops a process again and again, as a program that uses the library would, and looks
 * each time whether all its threads were let go.
 *
 *     stopper PID TIMES
 *
 * Prints how the readings ended, as JSON.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <heapspy/attach.h>
#include <heapspy/dump.h>
#include <heapspy/sandbox.h>
#include <heapspy/stack.h>

static unsigned long modes[HEAPSPY_CAPTURE_FILE + 1], busy, incomplete, not_free, one_instant;
static double longest;

static void give_up(struct heapspy_error *error, const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", what, error->what, error->why ? error->why : "?");
	exit(1);
}

static void note(const char *what, struct heapspy_error *error, enum heapspy_capture_mode mode,
		 double pause)
{
	if (error && error->code != HEAPSPY_BUSY && error->code != HEAPSPY_INCOMPLETE)
		give_up(error, what);
	busy += error && error->code == HEAPSPY_BUSY;
	incomplete += error && error->code == HEAPSPY_INCOMPLETE;
	if (!error) {
		modes[mode]++;
		longest = pause > longest ? pause : longest;
	}
	heapspy_error_free(error);
}

/* Is a thread still stopped, or traced? */
static int is_held(const char *directory, const char *thread)
{
	char path[400], line[256];
	int held = 0;
	snprintf(path, sizeof(path), "%s/%s/status", directory, thread);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		held |= (strncmp(line, "State:\t", 7) == 0 && (line[7] == 't' || line[7] == 'T')) ||
			(strncmp(line, "TracerPid:\t", 11) == 0 && line[11] != '0');
	if (file)
		fclose(file);
	return held;
}

static void look_at_threads(const char *pid)
{
	char directory[64];
	snprintf(directory, sizeof(directory), "/proc/%s/task", pid);
	DIR *tasks = opendir(directory);
	for (struct dirent *task; tasks && (task = readdir(tasks));)
		if (task->d_name[0] != '.')
			not_free += is_held(directory, task->d_name);
	if (tasks)
		closedir(tasks);
}

int main(int argc, char **argv)
{
	struct heapspy *heapspy = NULL;
	struct heapspy_error *error = heapspy_reach(argc == 3 ? atoi(argv[1]) : 0, true, &heapspy);
	if (error || (error = heapspy_sandbox_enter(&(struct heapspy_sandbox){.processes = true})) ||
	    (error = heapspy_recognise(heapspy, NULL)))
		give_up(error, "attaching");
	for (long i = 0; i < atol(argv[2]); i++) {
		if (i % 4) {
			struct heapspy_stack stack = {0};
			error = heapspy_stack_read(
				heapspy, &(struct heapspy_stack_options){.stop = true, .max_pause = 2},
				&stack);
			note("stack", error, stack.mode, stack.pause);
			one_instant += !error && stack.one_instant;
			heapspy_stack_fini(&stack);
		} else {
			struct heapspy_dump *dump = NULL;
			error = heapspy_dump(
				heapspy, &(struct heapspy_dump_options){.stop = true, .max_pause = 2},
				&dump);
			note("dump", error, dump ? dump->capture.mode : 0,
			     dump ? dump->capture.pause : 0);
			heapspy_dump_free(dump);
		}
		look_at_threads(argv[1]);
	}
	heapspy_detach(heapspy);
	printf("{\"stopped\": %lu, \"quiet\": %lu, \"running\": %lu, \"busy\": %lu, "
	       "\"incomplete\": %lu, \"not_free\": %lu, \"one_instant\": %lu, \"longest\": %f}\n",
	       modes[HEAPSPY_CAPTURE_STOPPED], modes[HEAPSPY_CAPTURE_QUIET],
	       modes[HEAPSPY_CAPTURE_RUNNING], busy, incomplete, not_free, one_instant, longest);
	return 0;
}
