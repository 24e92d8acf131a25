/* SPDX-License-Identifier: MIT */
#include "heap/recording/private.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#include <heapspy/memory.h>

/* Sums whose parts can have any sign. */
enum moved { MOVED_GROWTH, MOVED_RSS, MOVED_ARENAS, MOVED_YOUNG };

static const int64_t zero = 0, none = -1;

/* A change, and the sum of all of its kind stays a number that can be. */
static int64_t take_change(struct recording_loader *loader, const json_t *line, const char *name,
			   enum moved kind, const int64_t *fallback)
{
	int64_t change = take_integer(loader, line, name, -MOST_NUMBER, fallback);
	loader->moved[kind] += change < 0 ? -(uint64_t)change : (uint64_t)change;
	if (loader->moved[kind] > (uint64_t)MOST_NUMBER) {
		loader_refuse(loader, "'%s' adds up to more than there can be", name);
		loader->moved[kind] = 0;
	}
	return change;
}

static double take_time(struct recording_loader *loader, const json_t *line)
{
	double time = take_seconds(loader, line, "time", NULL);
	if (time > loader->recording->duration)
		loader->recording->duration = time;
	return time;
}

/* ---- definitions --------------------------------------------------------------- */

/* Ids count up from 0, in the order of their lines. */
static bool take_id(struct recording_loader *loader, const json_t *line, uint32_t **ids,
		    size_t count, size_t *space, size_t most, const char *what)
{
	int64_t id = take_integer(loader, line, "id", 0, NULL);
	if (!loader->error && (uint64_t)id != count)
		loader_refuse(loader, "%s %lld, where %zu would be next", what, (long long)id,
			      count);
	return !loader->error &&
	       loader_room(loader, ids, sizeof(**ids), count, space, most, what);
}

/* "libfoo.so+0x1234" */
static const char *take_unnamed(struct recording_loader *loader, const char *module, int64_t offset)
{
	const char *slash = module ? strrchr(module, '/') : NULL;
	CLEANUP(freep) char *text = NULL;
	if (!module || !offset)
		return loader_text(loader, "?", 1);
	if (asprintf(&text, "%s+0x%" PRIx64, slash ? slash + 1 : module, (uint64_t)offset) >= 0)
		return loader_text(loader, text, strlen(text));
	text = NULL;
	loader_no_memory(loader);
	return NULL;
}

static void take_frame(struct recording_loader *loader, const json_t *line)
{
	static const int64_t no_line = HEAPSPY_NO_LINE;
	struct heapspy_frame frame = {
		.native = take_flag(loader, line, "native"),
		.function = take_text(loader, line, "function", !take_flag(loader, line, "native")),
		.file = take_text(loader, line, "file", false),
		.module = take_text(loader, line, "module", false),
	};
	int64_t offset = take_integer(loader, line, "offset", 0, &zero);
	if (!frame.function) /* of a frame of C that has no symbol */
		frame.function = take_unnamed(loader, frame.module, offset);
	int64_t number = take_integer(loader, line, "line", HEAPSPY_NO_LINE, &no_line);
	frame.line = number <= INT32_MAX ? (int32_t)number : HEAPSPY_NO_LINE;
	if (!take_id(loader, line, &loader->frame_ids, loader->frame_id_count,
		     &loader->frame_id_space, MOST_FRAMES, "frame"))
		return;
	uint32_t index = loader_frame(loader, &frame);
	if (index != UINT32_MAX)
		loader->frame_ids[loader->frame_id_count++] = index;
}

static void take_stack(struct recording_loader *loader, const json_t *line)
{
	const json_t *array = take_member(loader, line, "frames", JSON_ARRAY);
	size_t count = json_array_size(array);
	if (!array)
		loader_refuse(loader, "it has no 'frames'");
	if (!take_id(loader, line, &loader->stack_ids, loader->stack_id_count,
		     &loader->stack_id_space, MOST_STACKS, "stack"))
		return;
	CLEANUP(freep) uint32_t *frames = calloc(count + 1, sizeof(*frames));
	if (!frames) {
		loader_no_memory(loader);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(array, i);
		int64_t id = json_is_integer(item) ? json_integer_value(item) : -1;
		if (id < 0 || (uint64_t)id >= loader->frame_id_count) {
			loader_refuse(loader, "a stack of a frame that has not been defined");
			return;
		}
		frames[i] = loader->frame_ids[id];
	}
	struct heapspy_recorded_stack stack = {
		.frames = frames, .count = count, .cut = take_flag(loader, line, "cut")};
	if (loader->error)
		return;
	uint32_t index = loader_stack(loader, &stack);
	if (index != UINT32_MAX)
		loader->stack_ids[loader->stack_id_count++] = index;
}

/* ---- events ---------------------------------------------------------------------- */

static uint32_t take_stack_id(struct recording_loader *loader, const json_t *line,
			      const char *name, const int64_t *fallback)
{
	int64_t id = take_integer(loader, line, name, 0, fallback);
	if (id < 0 || loader->error)
		return HEAPSPY_NO_STACK;
	if ((uint64_t)id < loader->stack_id_count)
		return loader->stack_ids[id];
	loader_refuse(loader, "stack %lld has not been defined", (long long)id);
	return HEAPSPY_NO_STACK;
}

static uint32_t take_thread(struct recording_loader *loader, const json_t *line)
{
	int64_t tid = take_integer(loader, line, "tid", 0, &zero);
	const char *name = take_text(loader, line, "thread", false);
	return loader->error ? 0 : loader_thread(loader, tid, name);
}

static pid_t take_pid(struct recording_loader *loader, const json_t *line, const char *name)
{
	int64_t pid = take_integer(loader, line, name, 0, &zero);
	return pid <= INT32_MAX ? (pid_t)pid : 0;
}

/* Whose event it is: the first process, where it does not say. */
static uint32_t take_process_of(struct recording_loader *loader, const json_t *line)
{
	pid_t pid = take_pid(loader, line, "pid");
	uint32_t process = pid ? loader_process(loader, pid) : 0;
	if (process != UINT32_MAX)
		return process;
	loader_refuse(loader, "process %d has not begun", (int)pid);
	return 0;
}

static enum heapspy_counter counter_of(const char *name)
{
	int counter = 0;
	while (counter < HEAPSPY_COUNTER_OTHER &&
	       (!name || strcmp(name, heapspy_counter_name(counter)) != 0))
		counter++;
	return counter;
}

static void take_growth(struct recording_loader *loader, const json_t *line)
{
	struct heapspy_recording *recording = loader->recording;
	struct heapspy_recorded_growth growth = {
		.time = take_time(loader, line),
		.bytes = take_change(loader, line, "bytes", MOVED_GROWTH, NULL),
		.stack = take_stack_id(loader, line, "stack", NULL),
		.of = take_stack_id(loader, line, "of", &none),
		.thread = take_thread(loader, line),
		.counter = counter_of(take_text(loader, line, "counter", true)),
		.process = take_process_of(loader, line),
	};
	if (!loader->error &&
	    loader_room(loader, &recording->growth, sizeof(growth), recording->growth_count,
			&loader->growth_space, MOST_EVENTS, "growth events"))
		recording->growth[recording->growth_count++] = growth;
}

static void take_sample(struct recording_loader *loader, const json_t *line)
{
	struct heapspy_recording *recording = loader->recording;
	struct heapspy_recorded_sample sample = {
		.time = take_time(loader, line),
		.rss = take_change(loader, line, "rss", MOVED_RSS, &zero),
		.arenas = take_change(loader, line, "arenas", MOVED_ARENAS, &zero),
		.young = take_change(loader, line, "young", MOVED_YOUNG, &zero),
		.stack = take_stack_id(loader, line, "stack", NULL),
		.thread = take_thread(loader, line),
		.process = take_process_of(loader, line),
		.gil = take_flag(loader, line, "gil"),
	};
	if (!loader->error &&
	    loader_room(loader, &recording->samples, sizeof(sample), recording->sample_count,
			&loader->sample_space, MOST_EVENTS, "samples"))
		recording->samples[recording->sample_count++] = sample;
}

static void take_census(struct recording_loader *loader, const json_t *line)
{
	struct heapspy_recording *recording = loader->recording;
	const json_t *array = take_member(loader, line, "types", JSON_ARRAY);
	size_t count = json_array_size(array);
	struct heapspy_recorded_census census = {
		.time = take_time(loader, line),
		.objects = (uint64_t)take_integer(loader, line, "objects", 0, NULL),
		.bytes = (uint64_t)take_integer(loader, line, "bytes", 0, NULL),
		.process = take_process_of(loader, line),
	};
	loader->census_rows += count;
	if (loader->census_rows > MOST_CENSUS_ROWS)
		loader_refuse_limit(loader, "rows of censuses", MOST_CENSUS_ROWS);
	if (loader->error)
		return;
	CLEANUP(freep) struct heapspy_recorded_type *types = calloc(count + 1, sizeof(*types));
	if (!types) {
		loader_no_memory(loader);
		return;
	}
	for (size_t i = 0; i < count && !loader->error; i++) {
		const json_t *row = json_array_get(array, i);
		const char *name = take_text(loader, row, "type", true);
		types[i] = (struct heapspy_recorded_type){
			.type = loader->error ? 0 : loader_type(loader, name),
			.objects = (uint64_t)take_integer(loader, row, "objects", 0, NULL),
			.bytes = (uint64_t)take_integer(loader, row, "bytes", 0, NULL),
		};
	}
	if (loader->error ||
	    !loader_room(loader, &recording->censuses, sizeof(census), recording->census_count,
			 &loader->census_space, MOST_EVENTS, "censuses"))
		return;
	census.type_count = count;
	census.types = take_pointer(types);
	recording->censuses[recording->census_count++] = census;
}

static void take_timeline(struct recording_loader *loader, const json_t *line)
{
	struct heapspy_recording *recording = loader->recording;
	const json_t *collections = take_member(loader, line, "collections", JSON_ARRAY);
	struct heapspy_timeline_point point = {
		.time = take_time(loader, line),
		/* -1 becomes HEAPSPY_UNKNOWN. */
		.rss = (uint64_t)take_integer(loader, line, "rss", 0, &none),
		.heap = (uint64_t)take_integer(loader, line, "heap", 0, &none),
		.live = (uint64_t)take_integer(loader, line, "live", 0, &none),
		.objects = (uint64_t)take_integer(loader, line, "objects", 0, &none),
		.process = take_process_of(loader, line),
	};
	for (size_t i = 0; i < HEAPSPY_MOST_COLLECTIONS; i++) {
		const json_t *number = json_array_get(collections, i);
		if (number && (!json_is_integer(number) || json_integer_value(number) < 0))
			loader_refuse(loader, "'collections' are no numbers");
		point.collections[i] =
			number ? (uint64_t)json_integer_value(number) : HEAPSPY_UNKNOWN;
	}
	if (!loader->error &&
	    loader_room(loader, &recording->timeline, sizeof(point), recording->timeline_count,
			&loader->timeline_space, MOST_EVENTS, "points of its timeline"))
		recording->timeline[recording->timeline_count++] = point;
}

static void take_event(struct recording_loader *loader, const json_t *line)
{
	struct heapspy_recording *recording = loader->recording;
	const char *event = take_text(loader, line, "event", false);
	struct heapspy_skipped_process skipped = {
		.time = take_time(loader, line),
		.pid = take_pid(loader, line, "pid"),
		.command = take_text(loader, line, "command", false),
		.why = take_text(loader, line, "why", false),
	};
	recording->event_count++;
	if (!loader->error && event && strcmp(event, "skipped") == 0 &&
	    loader_room(loader, &recording->skipped, sizeof(skipped), recording->skipped_count,
			&loader->skipped_space, MOST_PROCESSES, "processes that were skipped"))
		recording->skipped[recording->skipped_count++] = skipped;
}

/* Why a process has no growth events, or not all. */
static const char *take_growth_why(struct recording_loader *loader, const json_t *line)
{
	const json_t *sources = take_member(loader, line, "sources", JSON_ARRAY);
	for (size_t i = 0; i < json_array_size(sources) && !loader->error; i++) {
		const json_t *row = json_array_get(sources, i);
		const char *name = take_text(loader, row, "source", true);
		if (name && strcmp(name, heapspy_source_name(HEAPSPY_SOURCE_GROWTH)) == 0)
			return take_text(loader, row, "why", false);
	}
	return NULL;
}

static void take_process(struct recording_loader *loader, const json_t *line)
{
	const json_t *target = take_member(loader, line, "target", JSON_OBJECT);
	const json_t *python = take_member(loader, line, "python", JSON_OBJECT);
	struct heapspy_recorded_process process = {
		.pid = take_pid(loader, line, "pid"),
		.parent = take_pid(loader, line, "parent"),
		.python = take_text(loader, python, "version", false),
		.begun = take_time(loader, line),
		.ended = NAN,
		.why = take_growth_why(loader, line),
		.command = loader_command(loader,
					  take_member(loader, target, "command", JSON_ARRAY)),
	};
	if (!loader->error && !process.pid)
		loader_refuse(loader, "it has no 'pid'");
	if (loader->error || !loader_add_process(loader, &process))
		free(process.command);
}

static void take_process_end(struct recording_loader *loader, const json_t *line)
{
	double time = take_time(loader, line);
	uint32_t process = take_process_of(loader, line);
	const char *reason = take_text(loader, line, "reason", false);
	int64_t lost = take_integer(loader, line, "lost", 0, &zero);
	if (loader->error)
		return;
	struct heapspy_recorded_process *one = &loader->recording->processes[process];
	one->ended = time;
	one->reason = reason;
	one->lost = (uint64_t)lost;
}

static void take_end(struct recording_loader *loader, const json_t *line)
{
	struct heapspy_recording *recording = loader->recording;
	take_time(loader, line);
	recording->ended = take_text(loader, line, "reason", true);
	recording->lost = (uint64_t)take_integer(loader, line, "lost", 0, &zero);
	recording->error = take_text(loader, line, "error", false);
	loader->ended = true;
}

void loader_take_line(struct recording_loader *loader, const json_t *line)
{
	static const struct {
		const char *type;
		void (*take)(struct recording_loader *loader, const json_t *line);
	} kinds[] = {
		{"frame", take_frame},       {"stack", take_stack},   {"growth", take_growth},
		{"sample", take_sample},     {"census", take_census}, {"timeline", take_timeline},
		{"event", take_event},       {"process", take_process},
		{"process_end", take_process_end}, {"end", take_end},
	};
	const json_t *type = take_member(loader, line, "type", JSON_STRING);
	if (!type)
		loader_refuse(loader, "it has no 'type'");
	if (loader->ended)
		loader_refuse(loader, "there is something behind the end");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds) && !loader->error; i++) {
		if (strcmp(json_string_value(type), kinds[i].type) == 0) {
			kinds[i].take(loader, line);
			return;
		}
	}
	if (!loader->error && strcmp(json_string_value(type), "recording") == 0)
		loader_refuse(loader, "a second recording begins");
}
