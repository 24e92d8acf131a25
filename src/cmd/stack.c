/* SPDX-License-Identifier: MIT */
#include "output/stack.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "cmd/command.h"
#include "cmd/page.h"
#include "cmd/target.h"

DEFINE_CLEANUP(struct heapspy *, heapspy_detach)

enum { LINES_OF_A_TABLE = 20 };

static struct heapspy_error *run(const struct options *options)
{
	if (options_given(options, OPTION(MAX_PAUSE)) && !options->stop && !options->native)
		return error_why(error_new(HEAPSPY_USAGE, "--max-pause is of no use alone"),
				 "nothing is stopped without --stop or --native");
	CLEANUP(page_fini) struct page page = {0};
	struct heapspy_error *error = page_open(options, NULL, false, &page);
	if (error)
		return error;
	struct heapspy_stack_options how = {
		.stop = options->stop,
		.max_pause = options->max_pause,
		.native = options->native,
		.tracemalloc = options->tracemalloc,
	};
	CLEANUP(heapspy_detachp) struct heapspy *heapspy = NULL;
	CLEANUP(heapspy_stack_fini) struct heapspy_stack stack = {0};
	if ((error = target_lock_in(options, &heapspy)) ||
	    (error = target_attach(options, &heapspy)) ||
	    (error = heapspy_stack_read(heapspy, &how, &stack)))
		return error;
	output_stack(page.emitter, heapspy_target_info(heapspy), heapspy_python_info(heapspy),
		     &stack, options->format == FORMAT_TABLE ? LINES_OF_A_TABLE : 0);
	return page_finish(&page);
}

const struct command command_stack = {
	.name = "stack",
	.operands = "PID|FILE",
	.summary = "show what the threads of a process are doing",
	.description =
		"The stack of each thread, newest frame first: function, file and line, as "
		"traceback prints them. With it what the thread is called, what the kernel says it "
		"does, which one holds the GIL, and whether the garbage collector is at work.\n\n"
		"The process is not stopped. A stack that changes while it is read is read again; "
		"where it never stays the same for long enough it is marked as torn. With --stop "
		"all stacks are of one instant. With --native the frames of C stand between "
		"those of Python, and threads that Python does not know are shown too: a thread that "
		"waits is not disturbed; another one is held while its stack is copied, by itself and "
		"no longer than --max-pause.",
	.options = OPTION(PID) | OPTION(LAYOUT) | OPTION(STOP) | OPTION(NATIVE) |
		   OPTION(MAX_PAUSE) | OPTION(TRACEMALLOC) | OPTIONS_OUTPUT,
	.takes = {OPTION_PID},
	.take_count = 1,
	.need = 1,
	.takes_file = true,
	.examples =
		(const struct example[]){
			{"stack 4711", "where process 4711 is now"},
			{"stack 4711 --stop --json", "all threads at one instant, for a program"},
			{"stack 4711 --native", "with what its libraries are doing"},
			{"stack heap.core", "where it was when the file was made"},
			{0},
		},
	.run = run,
};
