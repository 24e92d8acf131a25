/* SPDX-License-Identifier: MIT */
#include "heap/doctor/diagnose.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "target/process/proc.h"
#include "target/target.h"

void heapspy_diagnosis_fini(struct heapspy_diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->check_count; i++)
		free(diagnosis->checks[i].detail);
	free(diagnosis->checks);
	free(diagnosis->offsets);
	heapspy_error_free(diagnosis->error);
	*diagnosis = (struct heapspy_diagnosis){0};
}

static void take_error(struct heapspy_diagnosis *diagnosis, struct heapspy_error *error)
{
	if (diagnosis->error)
		heapspy_error_free(error);
	else
		diagnosis->error = error;
}

void diagnosis_add(struct heapspy_diagnosis *diagnosis, const char *name, bool passed,
		   const char *detail, ...)
{
	va_list arguments;
	va_start(arguments, detail);
	char *text = text_format(detail, arguments);
	va_end(arguments);

	struct heapspy_check *checks =
		realloc(diagnosis->checks, (diagnosis->check_count + 1) * sizeof(*checks));
	if (checks)
		diagnosis->checks = checks;
	if (!checks || !text) {
		free(text);
		take_error(diagnosis, error_no_memory());
		return;
	}
	checks[diagnosis->check_count++] = (struct heapspy_check){name, passed, text};
}

static const char *state_name(char state)
{
	static const struct {
		char letter;
		const char *name;
	} names[] = {
		{'R', "running"},  {'S', "sleeping"}, {'D', "in uninterruptible sleep"},
		{'T', "stopped"},  {'t', "stopped by its tracer"}, {'Z', "first thread ended"},
		{'I', "idle"},
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].letter == state)
			return names[i].name;
	return "in an unknown state";
}

static void describe_process(struct heapspy_diagnosis *diagnosis, struct target *target)
{
	int proc = target_proc_directory(target);
	struct proc_stat stat;
	struct proc_status status;
	CLEANUP(freep) char *command = proc_read_command_line(proc);
	if (!command || !proc_read_stat(proc, "stat", &stat) ||
	    !proc_read_status(proc, "status", &status)) {
		diagnosis_add(diagnosis, "process", true, "it exists");
		return;
	}
	char tracer[64] = "";
	if (status.tracer)
		snprintf(tracer, sizeof(tracer), ", traced by process %d", status.tracer);
	diagnosis_add(diagnosis, "process", true, "%s (%s%s, up %.0f s)", command,
		      state_name(stat.state), tracer, proc_uptime(stat.start_time));
}

static void describe_failure(struct heapspy_diagnosis *diagnosis)
{
	const struct heapspy_error *error = diagnosis->error;
	const char *why = error->why ?: error->what;
	bool exists = error->code == HEAPSPY_PERMISSION || error->code == HEAPSPY_LIMIT;
	diagnosis_add(diagnosis, "process", exists, "%s", exists ? "it exists" : why);
	if (exists)
		diagnosis_add(diagnosis, "permission", false, "%s", why);
}

struct heapspy_error *heapspy_diagnose(pid_t pid, bool with_offsets,
				       struct heapspy_diagnosis *ret_diagnosis)
{
	struct heapspy_diagnosis diagnosis = {0};
	CLEANUP(target_freep) struct target *target = NULL;
	if (pid != 0)
		diagnosis.error = target_open_process(pid, &target);
	diagnose_machine(&diagnosis, target != NULL);
	if (target) {
		describe_process(&diagnosis, target);
		diagnosis_add(&diagnosis, "permission", true, "its memory can be read");
		diagnose_python(&diagnosis, target, with_offsets);
	} else if (pid != 0) {
		describe_failure(&diagnosis);
	}
	if (diagnosis.error == error_no_memory()) {
		heapspy_diagnosis_fini(&diagnosis);
		return error_no_memory();
	}
	*ret_diagnosis = diagnosis;
	return NULL;
}
