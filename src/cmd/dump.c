/* SPDX-License-Identifier: MIT */
#include "output/dump.h"

#include <stdio.h>

#include <heapspy/dump.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cmd/command.h"
#include "cmd/page.h"
#include "cmd/progress.h"
#include "cmd/target.h"

DEFINE_CLEANUP(struct heapspy *, heapspy_detach)
DEFINE_CLEANUP(struct heapspy_dump *, heapspy_dump_free)

enum { ROWS_OF_A_TABLE = 20 };

static struct heapspy_error *read_heap(const struct options *options, struct heapspy **ret_heapspy,
				       struct heapspy_dump **ret_dump)
{
	struct heapspy_dump_options how = {.stop = options->stop, .max_pause = options->max_pause};
	char text[256], what[300];
	snprintf(what, sizeof(what), "reading %s", target_text(options, text, sizeof(text)));
	struct progress *progress = progress_begin(options, what);
	struct heapspy_error *error = target_attach(options, ret_heapspy);
	if (!error)
		error = heapspy_dump(*ret_heapspy, &how, ret_dump);
	progress_end(progress);
	return error;
}

static struct heapspy_error *incomplete(const struct options *options,
					const struct heapspy_dump *dump)
{
	if (dump->incomplete_count == 0)
		return NULL;
	char text[256];
	struct heapspy_error *error =
		error_new(HEAPSPY_INCOMPLETE, "the dump of %s is not complete",
			  target_text(options, text, sizeof(text)));
	error_why(error, "%s", dump->incomplete[0]);
	for (size_t i = 1; i < dump->incomplete_count; i++)
		error_why(error, "%s; %s", error->why, dump->incomplete[i]);
	return error;
}

static struct heapspy_error *run(const struct options *options)
{
	if (options_given(options, OPTION(MAX_PAUSE)) && !options->stop)
		return error_why(error_new(HEAPSPY_USAGE, "--max-pause is of no use alone"),
				 "nothing is stopped without --stop");
	CLEANUP(page_fini) struct page page = {0};
	struct heapspy_error *error = page_open(options, "types", false, &page);
	if (error)
		return error;
	CLEANUP(heapspy_detachp) struct heapspy *heapspy = NULL;
	CLEANUP(heapspy_dump_freep) struct heapspy_dump *dump = NULL;
	error = read_heap(options, &heapspy, &dump);
	if (error)
		return error;

	bool table = options->format == FORMAT_TABLE;
	bool limited = options_given(options, OPTION(LIMIT));
	struct dump_view view = {
		.sort = options->sort,
		.limit = limited ? options->limit : table ? ROWS_OF_A_TABLE : 0,
		.filter = options->filter,
		.addresses = options->verbose,
	};
	error = output_dump(page.emitter, heapspy_target_info(heapspy),
			    heapspy_python_info(heapspy), dump, &view);
	if (!error)
		error = page_finish(&page);
	return error ? error : incomplete(options, dump);
}

const struct command command_dump = {
	.name = "dump",
	.operands = "PID|FILE",
	.summary = "summarise the heap of a process, or of a core file",
	.description =
		"Reads the process once, while it runs, or a core file or snapshot, and says where "
		"its memory is, how its garbage collector stands and which types its objects are "
		"of.\n\n"
		"Sizes are what sys.getsizeof() returns for the same objects, summed up; objects "
		"of the collector (GC) are those that gc.get_objects() lists.",
	.options = OPTION(PID) | OPTION(LAYOUT) | OPTION(STOP) | OPTION(MAX_PAUSE) | OPTIONS_ROWS |
		   OPTIONS_OUTPUT,
	.sort = dump_columns,
	.takes = {OPTION_PID},
	.take_count = 1,
	.need = 1,
	.takes_file = true,
	.examples =
		(const struct example[]){
			{"dump 4711", "the heap of process 4711, its largest 20 types"},
			{"dump 4711 --filter 'app.*' --sort objects",
			 "the types of one package, the most numerous first"},
			{"dump 4711 --json -o before.json", "all of it, for a program"},
			{"dump 4711 --stop --max-pause 1s", "of one instant"},
			{0},
		},
	.run = run,
};
