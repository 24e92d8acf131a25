/* SPDX-License-Identifier: MIT */
/* A recording of several processes, as one of all of them or of one. */
#include "heap/recording/private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "target/process/proc.h"

/* ---- one ------------------------------------------------------------------------------- */

static bool is_of(const struct heapspy_recording *recording, uint32_t process, pid_t pid)
{
	return recording->processes[process].pid == pid;
}

#define KEEP(items, count, wanted)                                                  \
	do {                                                                        \
		size_t kept = 0;                                                    \
		for (size_t i = 0; i < recording->count; i++)                       \
			if (wanted)                                                 \
				recording->items[kept++] = recording->items[i];     \
		recording->count = kept;                                            \
	} while (0)

/* Censuses of others have types to be given back. */
static void keep_censuses(struct heapspy_recording *recording, pid_t pid, bool first)
{
	size_t kept = 0;
	for (size_t i = 0; i < recording->census_count; i++) {
		struct heapspy_recorded_census census = recording->censuses[i];
		if (first ? census.process == 0 : is_of(recording, census.process, pid))
			recording->censuses[kept++] = census;
		else
			free(census.types);
	}
	recording->census_count = kept;
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

/* Whose recording it is from now on. */
static bool become(struct heapspy_recording *recording, const struct heapspy_recorded_process *process)
{
	struct heapspy_target_info *target = &recording->target;
	size_t count = 0;
	while (process->command[count])
		count++;
	char **command = calloc(count + 1, sizeof(*command));
	for (size_t i = 0; i < count && command; i++) {
		command[i] = copy(process->command[i]);
		if (!command[i]) {
			proc_command_free(command);
			return false;
		}
	}
	if (!command)
		return false;
	if (process != recording->processes) {
		free(target->executable);
		target->executable = NULL;
		target->uptime = NAN;
	}
	proc_command_free(target->command);
	target->command = command;
	target->pid = process->pid;
	recording->python = process->python;
	recording->sources[HEAPSPY_SOURCE_GROWTH].why = process->why;
	return true;
}

static struct heapspy_error *choose_one(struct heapspy_recording *recording, pid_t pid)
{
	const struct heapspy_recorded_process *process = NULL;
	for (size_t i = 0; i < recording->process_count && !process; i++)
		if (recording->processes[i].pid == pid)
			process = &recording->processes[i];
	if (!process)
		return error_why(error_new(HEAPSPY_NO_PROCESS, "process %d is not in the recording %s",
					   (int)pid, recording->path),
				 "without a PID the report begins with a list of those that are");
	if (!become(recording, process))
		return error_no_memory();
	KEEP(growth, growth_count, is_of(recording, recording->growth[i].process, pid));
	KEEP(samples, sample_count, is_of(recording, recording->samples[i].process, pid));
	KEEP(timeline, timeline_count, is_of(recording, recording->timeline[i].process, pid));
	keep_censuses(recording, pid, false);
	recording->chosen = pid;
	return NULL;
}

/* ---- all ------------------------------------------------------------------------------- */

enum { SUMMED = 4 + HEAPSPY_MOST_COLLECTIONS };

/* Numbers of a point, in an order. */
static uint64_t *number_of(struct heapspy_timeline_point *point, unsigned which)
{
	uint64_t *const numbers[] = {&point->rss, &point->heap, &point->live, &point->objects};
	return which < 4 ? numbers[which] : &point->collections[which - 4];
}

struct ending {
	double time;
	uint32_t process;
};

static int compare_endings(const void *a, const void *b)
{
	const struct ending *left = a, *right = b;
	return (left->time > right->time) - (left->time < right->time);
}

/* What each process was last known to have, as long as it is there, added up at every
 * point. Collections that were made stay made. */
static struct heapspy_error *add_up(struct heapspy_recording *recording)
{
	size_t count = recording->process_count, ending_count = 0, ending = 0;
	CLEANUP(freep) uint64_t *latest = calloc(count, SUMMED * sizeof(*latest));
	CLEANUP(freep) struct ending *endings = calloc(count, sizeof(*endings));
	uint64_t sums[SUMMED] = {0};
	bool known[SUMMED] = {false};
	if (!latest || !endings)
		return error_no_memory();
	for (size_t i = 0; i < count; i++)
		if (isfinite(recording->processes[i].ended))
			endings[ending_count++] =
				(struct ending){recording->processes[i].ended, (uint32_t)i};
	qsort(endings, ending_count, sizeof(*endings), compare_endings);
	for (size_t i = 0; i < recording->timeline_count; i++) {
		struct heapspy_timeline_point *point = &recording->timeline[i];
		for (; ending < ending_count && endings[ending].time <= point->time; ending++)
			for (unsigned j = 0; j < 4; j++) {
				uint64_t *one = &latest[endings[ending].process * SUMMED + j];
				sums[j] -= *one;
				*one = 0;
			}
		for (unsigned j = 0; j < SUMMED; j++) {
			uint64_t *one = &latest[point->process * SUMMED + j];
			uint64_t *number = number_of(point, j);
			/* Live bytes and objects are told with a census alone. */
			bool tells = *number != UINT64_MAX;
			if (tells) {
				sums[j] += *number - *one;
				*one = *number;
				known[j] = true;
			}
			bool is_shown = known[j] && (tells || (j != 2 && j != 3));
			*number = is_shown ? sums[j] : UINT64_MAX;
		}
	}
	return NULL;
}

struct heapspy_error *heapspy_recording_choose(struct heapspy_recording *recording, pid_t pid)
{
	if (pid)
		return choose_one(recording, pid);
	if (recording->process_count < 2)
		return NULL;
	keep_censuses(recording, 0, true);
	return add_up(recording);
}
