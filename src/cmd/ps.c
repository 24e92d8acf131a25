/* SPDX-License-Identifier: MIT */
#include "output/processes.h"

#include "base/cleanup.h"
#include "cmd/command.h"
#include "cmd/page.h"
#include "cmd/sandbox.h"
#include "cmd/say.h"

static struct heapspy_error *run(const struct options *options)
{
	CLEANUP(page_fini) struct page page = {0};
	struct heapspy_error *error = page_open(options, "processes", false, &page);
	if (error)
		return error;
	sandbox_enter(options, &(struct heapspy_sandbox){.processes = true});
	CLEANUP(heapspy_processes_fini) struct heapspy_processes processes = {0};
	error = heapspy_processes_list(&processes);
	if (error)
		return error;
	struct processes_view view = {
		.sort = options->sort,
		.limit = options->limit,
		.filter = options->filter,
	};
	output_processes(page.emitter, &processes, &view);
	error = page_finish(&page);
	if (!error && processes.count == 0)
		say_remark(options, "no Python process can be seen");
	return error;
}

const struct command command_ps = {
	.name = "ps",
	.operands = "",
	.summary = "list the Python processes of this machine",
	.description = "Each with its version, its resident memory and whether it can be read; "
		       "if not, what stands in the way.",
	.options = OPTIONS_ROWS | OPTIONS_OUTPUT,
	.sort = process_columns,
	.examples =
		(const struct example[]){
			{"ps --sort rss --limit 5", "the five largest"},
			{0},
		},
	.run = run,
};
