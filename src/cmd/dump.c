/* SPDX-License-Identifier: MIT */
#include "output/dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <heapspy/dump.h>
#include <heapspy/instances.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/shell.h"
#include "cmd/command.h"
#include "cmd/page.h"
#include "cmd/progress.h"
#include "cmd/target.h"
#include "output/instances.h"

DEFINE_CLEANUP(struct heapspy *, heapspy_detach)
DEFINE_CLEANUP(struct heapspy_dump *, heapspy_dump_free)
DEFINE_CLEANUP(struct heapspy_instances *, heapspy_instances_free)

enum { ROWS_OF_A_TABLE = 20, INSTANCES = 10, PREVIEW = 200 };

static struct heapspy_error *read_heap(const struct options *options, struct heapspy **heapspy,
				       struct heapspy_dump **ret_dump)
{
	struct heapspy_dump_options how = {
		.stop = options->stop,
		.max_pause = options->max_pause,
		.tracemalloc = options->tracemalloc,
	};
	char text[256], what[300];
	snprintf(what, sizeof(what), "reading %s", target_text(options, text, sizeof(text)));
	struct progress *progress = progress_begin(options, what);
	struct heapspy_error *error = target_attach(options, heapspy);
	if (!error)
		error = heapspy_dump(*heapspy, &how, ret_dump);
	progress_end(progress);
	return error;
}

static struct heapspy_error *incomplete(const struct options *options, const char **reasons,
					size_t count)
{
	if (count == 0)
		return NULL;
	char text[256];
	struct heapspy_error *error =
		error_new(HEAPSPY_INCOMPLETE, "the dump of %s is not complete",
			  target_text(options, text, sizeof(text)));
	error_why(error, "%s", reasons[0]);
	for (size_t i = 1; i < count; i++)
		error_why(error, "%s; %s", error->why, reasons[i]);
	return error;
}

/* ---- objects of one type ------------------------------------------------------ */

/* "0x7f...", NULL and 0: it is a name. */
static uint64_t address_of(const char *text)
{
	char *end;
	if (strncmp(text, "0x", 2) != 0)
		return 0;
	uint64_t address = strtoull(text, &end, 16);
	return *end ? 0 : address;
}

static struct heapspy_error *no_such_type(const struct options *options)
{
	const char *dot = strrchr(options->instances, '.');
	char text[256], pattern[200];
	snprintf(pattern, sizeof(pattern), "*%.190s*", dot && dot[1] ? dot + 1 : options->instances);
	CLEANUP(freep) char *word = NULL;
	size_t size;
	FILE *stream = open_memstream(&word, &size);
	if (stream) {
		shell_word(stream, pattern);
		fclose(stream);
	}
	struct heapspy_error *error =
		error_new(HEAPSPY_USAGE, "%s has no objects of type '%s'",
			  target_text(options, text, sizeof(text)), options->instances);
	error_why(error, "a type is called as dump calls it, by module and qualified name");
	return error_remedy(error, "heapspy dump %s --filter %s",
			    options->file ?: (snprintf(text, sizeof(text), "%d", (int)options->pid), text),
			    word ?: "'*'");
}

static struct heapspy_error *show_instances(const struct options *options)
{
	if (options_given(options, OPTION(SORT) | OPTION(FILTER)))
		return error_why(error_new(HEAPSPY_USAGE, "--sort and --filter are of types"),
				 "--instances shows objects of one");
	if (options->tracemalloc)
		return error_why(error_new(HEAPSPY_USAGE, "--tracemalloc is of the whole heap"),
				 "--instances shows objects of one type");
	size_t wanted = options_given(options, OPTION(LIMIT)) ? options->limit : INSTANCES;
	struct heapspy_instances_options how = {
		.type = address_of(options->instances),
		.name = options->instances,
		.largest = wanted ?: SIZE_MAX,
		.sample = wanted,
		.preview = PREVIEW,
		.without_text = options->without_text,
		.stop = options->stop,
		.max_pause = options->max_pause,
	};
	CLEANUP(page_fini) struct page page = {0};
	struct heapspy_error *error = page_open(options, "largest", false, &page);
	if (error || (!options->without_text && (error = output_make_private(&page.output))))
		return error;
	char text[256], what[300];
	snprintf(what, sizeof(what), "reading %s", target_text(options, text, sizeof(text)));
	CLEANUP(heapspy_detachp) struct heapspy *heapspy = NULL;
	CLEANUP(heapspy_instances_freep) struct heapspy_instances *instances = NULL;
	if ((error = target_lock_in(options, &heapspy)))
		return error;
	struct progress *progress = progress_begin(options, what);
	error = target_attach(options, &heapspy);
	if (!error)
		error = heapspy_instances_read(heapspy, &how, &instances);
	progress_end(progress);
	if (error)
		return error;
	if (!instances->objects)
		return no_such_type(options);
	struct instances_view view = {.type = options->instances, .addresses = options->verbose};
	output_instances(page.emitter, heapspy_target_info(heapspy), heapspy_python_info(heapspy),
			 instances, &view);
	error = page_finish(&page);
	return error ? error
		     : incomplete(options, instances->incomplete, instances->incomplete_count);
}

/* ---- the whole heap ----------------------------------------------------------- */

static struct heapspy_error *run(const struct options *options)
{
	if (options_given(options, OPTION(MAX_PAUSE)) && !options->stop)
		return error_why(error_new(HEAPSPY_USAGE, "--max-pause is of no use alone"),
				 "nothing is stopped without --stop");
	if (options->instances)
		return show_instances(options);
	CLEANUP(page_fini) struct page page = {0};
	struct heapspy_error *error = page_open(options, "types", false, &page);
	if (error)
		return error;
	CLEANUP(heapspy_detachp) struct heapspy *heapspy = NULL;
	CLEANUP(heapspy_dump_freep) struct heapspy_dump *dump = NULL;
	if ((error = target_lock_in(options, &heapspy)))
		return error;
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
	return error ? error : incomplete(options, dump->incomplete, dump->incomplete_count);
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
		"of the collector (GC) are those that gc.get_objects() lists.\n\n"
		"With --instances it shows objects of one type instead: the largest, and some "
		"drawn by lot, with what they look like; a file that they are written to is for its "
		"owner alone.",
	.options = OPTION(PID) | OPTION(LAYOUT) | OPTION(STOP) | OPTION(MAX_PAUSE) |
		   OPTION(INSTANCES) | OPTION(TRACEMALLOC) | OPTION(STRINGS) | OPTIONS_ROWS | OPTIONS_OUTPUT,
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
			{"dump 4711 --instances app.cache.Entry",
			 "objects of one type, and what they look like"},
			{"dump 4711 --stop --max-pause 1s", "of one instant"},
			{0},
		},
	.run = run,
};
