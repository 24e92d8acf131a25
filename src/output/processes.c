/* SPDX-License-Identifier: MIT */
#include "output/processes.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include <heapspy/memory.h>

#include "base/clock.h"
#include "output/parts.h"

static int by_pid(const void *a, const void *b)
{
	const struct heapspy_process *left = a, *right = b;
	return (left->pid > right->pid) - (left->pid < right->pid);
}

static int by_uid(const void *a, const void *b)
{
	const struct heapspy_process *left = a, *right = b;
	return (left->uid > right->uid) - (left->uid < right->uid) ?: by_pid(a, b);
}

static int by_rss(const void *a, const void *b)
{
	const struct heapspy_process *left = a, *right = b;
	return SORT_LARGER_FIRST(left->rss, right->rss, HEAPSPY_UNKNOWN) ?: by_pid(a, b);
}

static int by_version(const void *a, const void *b)
{
	const struct heapspy_process *left = a, *right = b;
	return strverscmp(left->version ?: "", right->version ?: "") ?: by_pid(a, b);
}

static int by_command(const void *a, const void *b)
{
	const struct heapspy_process *left = a, *right = b;
	return strcmp(left->command, right->command) ?: by_pid(a, b);
}

const struct sort_column process_columns[] = {
	{"pid", by_pid},         {"rss", by_rss},         {"uid", by_uid},
	{"version", by_version}, {"command", by_command}, {0},
};

static void emit_process(struct emitter *emitter, const struct heapspy_process *process)
{
	emit_row(emitter);
	emit_id(emitter, "pid", "pid", process->pid);
	emit_id(emitter, "uid", "uid", process->uid);
	emit_text(emitter, "version", "version", process->version);
	emit_bytes(emitter, "rss", "rss", process->rss);
	emit_flag(emitter, "readable", NULL, !process->obstacle, "", "");
	emit_text(emitter, "obstacle", NULL, process->obstacle);
	emit_text(emitter, NULL, "readable", process->obstacle ?: "yes");
	emit_text(emitter, "command", "command", process->command);
	emit_end(emitter);
}

void output_processes(struct emitter *emitter, struct heapspy_processes *processes,
		      const struct processes_view *view)
{
	if (processes->count)
		qsort(processes->items, processes->count, sizeof(*processes->items),
		      view->sort ? view->sort->compare : by_pid);
	emit_document_of(emitter, "heapspy.ps/1", clock_now());
	emit_table(emitter, "processes", "");
	size_t shown = 0;
	for (size_t i = 0; i < processes->count; i++) {
		const struct heapspy_process *process = &processes->items[i];
		if (view->filter && fnmatch(view->filter, process->command, 0) != 0)
			continue;
		if (view->limit && shown++ == view->limit)
			break;
		emit_process(emitter, process);
	}
	emit_end(emitter);
	emit_end(emitter);
}
