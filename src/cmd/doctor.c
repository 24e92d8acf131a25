/* SPDX-License-Identifier: MIT */
#include <heapspy/doctor.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cmd/command.h"
#include "cmd/page.h"
#include "cmd/progress.h"
#include "cmd/sandbox.h"
#include "output/diagnosis.h"

/* What the diagnosis found, as an error: the one cause, or that there are some. */
static struct heapspy_error *verdict(struct heapspy_diagnosis *diagnosis)
{
	if (diagnosis->error)
		return take_pointer(diagnosis->error);
	for (size_t i = 0; i < diagnosis->check_count; i++) {
		const struct heapspy_check *check = &diagnosis->checks[i];
		if (check->passed)
			continue;
		struct heapspy_error *error =
			error_new(HEAPSPY_FINDING, "check failed: %s", check->name);
		return error_why(error, "%s", check->detail);
	}
	return NULL;
}

static struct heapspy_error *run(const struct options *options)
{
	CLEANUP(page_fini) struct page page = {0};
	const char *csv = options->verbose ? "offsets" : "checks";
	struct heapspy_error *error = page_open(options, csv, false, &page);
	if (error)
		return error;
	sandbox_enter(options, &(struct heapspy_sandbox){.processes = true});
	CLEANUP(heapspy_diagnosis_fini) struct heapspy_diagnosis diagnosis = {0};
	struct progress *progress = progress_begin(options, "looking");
	error = heapspy_diagnose(options->pid, options->verbose, &diagnosis);
	progress_end(progress);
	if (error)
		return error;
	output_diagnosis(page.emitter, options->pid, &diagnosis);
	error = page_finish(&page);
	return error ? error : verdict(&diagnosis);
}

const struct command command_doctor = {
	.name = "doctor",
	.operands = "[PID]",
	.summary = "say whether a process can be read, and what to do if not",
	.description =
		"Without a PID it looks at this machine alone. The exit status is that of the one "
		"cause it finds.\n\n"
		"With -v it lists every offset it reads with, where that comes from and what each "
		"source says about it.",
	.options = OPTION(PID) | OPTIONS_OUTPUT,
	.takes = {OPTION_PID},
	.take_count = 1,
	.examples =
		(const struct example[]){
			{"doctor 4711", "why can 4711 not be read?"},
			{"doctor -v 4711", "where does each offset come from?"},
			{0},
		},
	.run = run,
};
