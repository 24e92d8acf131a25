/* SPDX-License-Identifier: MIT */
#include <heapspy/snapshot.h>

#include <heapspy/dump.h>

#include "base/clock.h"
#include "base/error.h"
#include "heap/attach.h"
#include "heap/snapshot/about.h"
#include "heap/snapshot/censor.h"
#include "heap/instant.h"
#include "heap/stop_plan.h"
#include "target/core/write.h"

DEFINE_CLEANUP(struct heapspy_dump *, heapspy_dump_free)

/* The account of memory cannot be made from the file: it comes along. */
static struct heapspy_error *describe(struct heapspy *heapspy,
				      const struct heapspy_snapshot *snapshot, bool without_text,
				      char **ret_about)
{
	CLEANUP(heapspy_dump_freep) struct heapspy_dump *dump = NULL;
	struct heapspy_error *error = heapspy_dump(heapspy, NULL, &dump);
	if (error)
		return error;
	struct snapshot_about about = {
		.time = snapshot->time,
		.pause = snapshot->pause,
		.mode = snapshot->mode,
		.target = heapspy->target_info,
		.version = heapspy->python_info.version,
		.memory = dump->memory,
	};
	char *program[] = {about.target.command[0], NULL};
	if (without_text)
		about.target.command = program;
	*ret_about = snapshot_about_format(&about);
	return *ret_about ? NULL : error_no_memory();
}

static struct heapspy_error *take(struct heapspy *heapspy, int fd, const char *about,
				  bool without_text, struct core_written *ret_written)
{
	CLEANUP(censor_freep) struct censor *censor = NULL;
	struct heapspy_error *error = without_text ? censor_new(heapspy->python, &censor) : NULL;
	struct left_out left_out;
	if (error || (error = stop_plan_make(heapspy->python, &left_out)))
		return error;
	struct core_writing writing = {
		.about = about,
		.left_out = left_out.items,
		.left_out_count = left_out.count,
		.filter = censor ? censor_piece : NULL,
		.context = censor,
		.without_arguments = without_text,
	};
	error = core_write(heapspy->target, fd, &writing, ret_written);
	left_out_fini(&left_out);
	return error;
}

static struct heapspy_error *describe_and_take(struct heapspy *heapspy, int fd, bool without_text,
					       struct heapspy_snapshot *snapshot)
{
	CLEANUP(freep) char *about = NULL;
	struct core_written written;
	struct heapspy_error *error = describe(heapspy, snapshot, without_text, &about);
	if (error || (error = take(heapspy, fd, about, without_text, &written)))
		return error;
	snapshot->size = written.size;
	snapshot->stored = written.stored;
	snapshot->memory = written.memory;
	snapshot->missing = written.missing;
	return attach_verify(heapspy);
}

static struct heapspy_error *take_at_once(struct heapspy *heapspy,
					  const struct heapspy_snapshot_options *options, int fd,
					  struct heapspy_snapshot *snapshot)
{
	struct instant instant;
	struct heapspy_error *error = instant_begin(heapspy, options->max_pause, &instant);
	if (error)
		return error;
	snapshot->mode = instant_mode(&instant);
	snapshot->time = instant.time;
	snapshot->pause = instant.report.pause;
	snapshot->one_instant = instant.report.one_instant;
	error = describe_and_take(heapspy, fd, options->without_text, snapshot);
	instant_end(&instant);
	return error;
}

struct heapspy_error *heapspy_snapshot_write(struct heapspy *heapspy,
					     const struct heapspy_snapshot_options *options, int fd,
					     struct heapspy_snapshot *ret_snapshot)
{
	double start = clock_monotonic();
	struct heapspy_snapshot snapshot = {
		.mode = attach_mode(heapspy),
		.time = attach_time(heapspy),
		.pause = heapspy->pause,
		.one_instant = attach_is_file(heapspy),
	};
	static const struct heapspy_snapshot_options plain;
	options = options ?: &plain;
	struct heapspy_error *error =
		options->stop && !attach_is_file(heapspy)
			? take_at_once(heapspy, options, fd, &snapshot)
			: describe_and_take(heapspy, fd, options->without_text, &snapshot);
	if (error)
		return attach_explain(heapspy, error);
	snapshot.duration = clock_monotonic() - start;
	*ret_snapshot = snapshot;
	return NULL;
}
