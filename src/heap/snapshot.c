/* SPDX-License-Identifier: MIT */
#include <heapspy/snapshot.h>

#include <heapspy/dump.h>

#include "base/clock.h"
#include "base/error.h"
#include "heap/attach.h"
#include "heap/snapshot_about.h"
#include "target/core_write.h"

DEFINE_CLEANUP(struct heapspy_dump *, heapspy_dump_free)

/* The account of memory cannot be made from the file: it comes along. */
static struct heapspy_error *describe(struct heapspy *heapspy, char **ret_about)
{
	CLEANUP(heapspy_dump_freep) struct heapspy_dump *dump = NULL;
	struct heapspy_error *error = heapspy_dump(heapspy, NULL, &dump);
	if (error)
		return error;
	struct snapshot_about about = {
		.time = dump->capture.time,
		.pause = dump->capture.pause,
		.stopped = dump->capture.pause > 0,
		.target = heapspy->target_info,
		.version = heapspy->python_info.version,
		.memory = dump->memory,
	};
	*ret_about = snapshot_about_format(&about);
	return *ret_about ? NULL : error_no_memory();
}

struct heapspy_error *heapspy_snapshot_write(struct heapspy *heapspy, int fd,
					     struct heapspy_snapshot *ret_snapshot)
{
	double start = clock_monotonic();
	struct heapspy_snapshot snapshot = {.time = attach_time(heapspy)};
	struct core_written written;
	CLEANUP(freep) char *about = NULL;
	struct heapspy_error *error = describe(heapspy, &about);
	if (!error)
		error = core_write(heapspy->target, fd, about, &written);
	if (error)
		return error;
	if ((error = attach_verify(heapspy)))
		return error;
	snapshot.duration = clock_monotonic() - start;
	snapshot.size = written.size;
	snapshot.stored = written.stored;
	snapshot.memory = written.memory;
	snapshot.missing = written.missing;
	*ret_snapshot = snapshot;
	return NULL;
}
