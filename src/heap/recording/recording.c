/* SPDX-License-Identifier: MIT */
#include "heap/recording/private.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/line_reader.h"
#include "base/text.h"
#include "base/timestamp.h"

#define SCHEMA "heapspy.record/1"
#define SCHEMA_OF_ANY_VERSION "heapspy.record/"

const char *heapspy_source_name(enum heapspy_recording_source source)
{
	static const char *const names[] = {
#define X(name, json_name) json_name,
		HEAPSPY_RECORDING_SOURCES(X)
#undef X
	};
	return names[source];
}

const char *heapspy_counter_name(enum heapspy_counter counter)
{
	static const char *const names[] = {
#define X(name, json_name) json_name,
		HEAPSPY_COUNTERS(X)
#undef X
	};
	return names[counter];
}

/* ---- the first line -------------------------------------------------------------- */

/* The target has texts of its own, as it has everywhere. */
static char *copy(struct recording_loader *loader, const char *text)
{
	char *copied = text ? strdup(text) : NULL;
	if (text && !copied)
		loader_no_memory(loader);
	return copied;
}

static void take_command(struct recording_loader *loader, const json_t *target, char **ret_command)
{
	const json_t *array = take_member(loader, target, "command", JSON_ARRAY);
	for (size_t i = 0; i < json_array_size(array) && !loader->error; i++) {
		const json_t *word = json_array_get(array, i);
		if (!json_is_string(word))
			loader_refuse(loader, "'command' is no array of texts");
		else
			ret_command[i] = copy(loader, loader_text(loader, json_string_value(word),
								  json_string_length(word)));
	}
}

static void take_target(struct recording_loader *loader, const json_t *target)
{
	static const int64_t no_pid = 0;
	static const double unknown = NAN;
	struct heapspy_target_info *info = &loader->recording->target;
	const json_t *command = take_member(loader, target, "command", JSON_ARRAY);
	const char *kind = take_text(loader, target, "kind", false);
	for (int i = HEAPSPY_TARGET_PROCESS; i <= HEAPSPY_TARGET_SNAPSHOT; i++)
		if (kind && strcmp(kind, heapspy_target_kind_name(i)) == 0)
			info->kind = i;
	int64_t pid = take_integer(loader, target, "pid", 0, &no_pid);
	info->pid = pid <= INT32_MAX ? (pid_t)pid : 0;
	info->uptime = take_seconds(loader, target, "uptime", &unknown);
	info->path = copy(loader, take_text(loader, target, "path", false));
	info->executable = copy(loader, take_text(loader, target, "executable", false));
	info->command = calloc(json_array_size(command) + 1, sizeof(*info->command));
	if (!info->command)
		loader_no_memory(loader);
	else
		take_command(loader, target, info->command);
}

static void take_sources(struct recording_loader *loader, const json_t *sources)
{
	for (size_t i = 0; i < json_array_size(sources) && !loader->error; i++) {
		const json_t *row = json_array_get(sources, i);
		const char *name = take_text(loader, row, "source", true);
		struct heapspy_recorded_source source = {
			.named = true,
			.available = take_flag(loader, row, "available"),
			.why = take_text(loader, row, "why", false),
		};
		for (int j = 0; j < HEAPSPY_SOURCE_COUNT && name; j++)
			if (strcmp(name, heapspy_source_name(j)) == 0)
				loader->recording->sources[j] = source;
	}
}

static void take_options(struct recording_loader *loader, const json_t *options)
{
	static const double unknown = NAN;
	struct heapspy_recording *recording = loader->recording;
	recording->rate = take_seconds(loader, options, "rate", &unknown);
	recording->census_interval = take_seconds(loader, options, "census", &unknown);
	recording->asked = take_seconds(loader, options, "duration", &unknown);
	recording->native = take_flag(loader, options, "native");
}

static void take_first_line(struct recording_loader *loader, const json_t *line)
{
	struct heapspy_recording *recording = loader->recording;
	const char *type = take_text(loader, line, "type", false);
	const char *schema = take_text(loader, line, "schema", false);
	if (schema && strncmp(schema, SCHEMA_OF_ANY_VERSION, strlen(SCHEMA_OF_ANY_VERSION)) != 0)
		loader_refuse(loader, "it is %s, no recording: heapspy record writes %s", schema,
			      SCHEMA);
	else if (!type || strcmp(type, "recording") != 0 || !schema)
		loader_refuse(loader, "it does not begin a recording of heapspy record");
	else if (strcmp(schema, SCHEMA) != 0)
		loader_refuse(loader, "it is %s, written by another heapspy: this one reads %s",
			      schema, SCHEMA);
	recording->heapspy = take_text(loader, line, "heapspy", false);
	const char *started = take_text(loader, line, "started_at", false);
	recording->started_at = NAN;
	if (started && !timestamp_parse(started, &recording->started_at))
		loader_refuse(loader, "'started_at' is no time in UTC");
	take_target(loader, take_member(loader, line, "target", JSON_OBJECT));
	const json_t *python = take_member(loader, line, "python", JSON_OBJECT);
	recording->python = take_text(loader, python, "version", false);
	take_options(loader, take_member(loader, line, "options", JSON_OBJECT));
	take_sources(loader, take_member(loader, line, "sources", JSON_ARRAY));
	struct heapspy_recorded_process first = {
		.pid = recording->target.pid,
		.command = loader_command(loader, take_member(loader, take_member(loader, line,
						"target", JSON_OBJECT), "command", JSON_ARRAY)),
		.python = recording->python,
		.begun = NAN,
		.ended = NAN,
		.why = recording->sources[HEAPSPY_SOURCE_GROWTH].why,
	};
	if (loader->error || !loader_add_process(loader, &first))
		free(first.command);
	loader->begun = true;
}

/* ---- lines ------------------------------------------------------------------------ */

static void refuse_json(struct recording_loader *loader, const json_error_t *where)
{
	if (json_error_code(where) == json_error_out_of_memory) {
		loader_no_memory(loader);
		return;
	}
	CLEANUP(freep) char *why = text_from_bytes(where->text, strlen(where->text));
	if (!loader->begun && loader->line == 1)
		loader_refuse(loader, "it does not begin a recording of heapspy record: %s",
			      why ?: "it is no JSON");
	else
		loader_refuse(loader, "column %d: %s", where->column, why ?: "it is no JSON");
}

/* jansson takes DEL for a character that can be shown. It stands only in texts. */
static int put_shown(const char *bytes, size_t length, void *stream)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] == 0x7f)
			fputs("\\u007f", stream);
		else
			putc(bytes[i], stream);
	return 0;
}

/* `whole`: a line that is not whole may be anything, and is then the last. */
static void take_line(struct recording_loader *loader, const char *text, size_t length, bool whole,
		      FILE *lines)
{
	json_error_t where;
	/* Of a want of memory jansson says now this, now that. */
	errno = 0;
	json_auto_t *line = json_loadb(text, length, JSON_REJECT_DUPLICATES, &where);
	if (!line && errno == ENOMEM) {
		loader_no_memory(loader);
		return;
	}
	if (!line && !whole && loader->begun)
		return;
	if (!line) {
		refuse_json(loader, &where);
		return;
	}
	if (!json_is_object(line))
		loader_refuse(loader, "it is no object");
	else if (loader->begun)
		loader_take_line(loader, line);
	else
		take_first_line(loader, line);
	if (loader->error || !lines)
		return;
	if (json_dump_callback(line, put_shown, lines, JSON_COMPACT | JSON_ENSURE_ASCII) == 0)
		putc('\n', lines);
	else
		loader_no_memory(loader);
}

static void take_lines(struct recording_loader *loader, int fd, FILE *lines)
{
	CLEANUP(line_reader_fini) struct line_reader reader = {.fd = fd, .longest = LONGEST_LINE};
	enum line_kind kind = LINE_WHOLE;
	while (!loader->error && kind == LINE_WHOLE) {
		const char *text = NULL;
		size_t length = 0;
		kind = line_reader_next(&reader, &text, &length);
		loader->line++;
		if (kind == LINE_WHOLE || kind == LINE_REST)
			take_line(loader, text, length, kind == LINE_WHOLE, lines);
		else if (kind == LINE_TOO_LONG)
			loader_refuse(loader, "it has more than %d MiB", LONGEST_LINE >> 20);
		else if (kind == LINE_ERROR && errno == ENOMEM)
			loader_no_memory(loader);
		else if (kind == LINE_ERROR)
			loader->error = error_errno(HEAPSPY_BAD_FILE, errno,
						    "cannot read the recording %s",
						    loader->recording->path);
	}
	if (!loader->begun) {
		loader->line = 0;
		loader_refuse(loader, "it is empty");
	}
}

struct heapspy_error *heapspy_recording_load(const char *path, FILE *lines,
					     struct heapspy_recording **ret_recording)
{
	CLEANUP(loader_fini) struct recording_loader loader = {
		.store = calloc(1, sizeof(struct recording_store)),
	};
	if (!loader.store)
		return error_no_memory();
	loader.recording = &loader.store->recording;
	loader.recording->path = text_from_bytes(path, strlen(path));
	if (!loader.recording->path)
		return error_no_memory();
	CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_errno(errno == EACCES ? HEAPSPY_PERMISSION : HEAPSPY_BAD_FILE, errno,
				   "cannot read the recording %s", loader.recording->path);
	take_lines(&loader, fd, lines);
	if (!loader.error)
		loader_settle(&loader);
	if (loader.error)
		return loader.error;
	*ret_recording = &loader.store->recording;
	loader.store = NULL;
	return NULL;
}
