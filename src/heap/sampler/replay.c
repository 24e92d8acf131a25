/* SPDX-License-Identifier: MIT */
#include <heapspy/replay.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "heap/sampler/sample_json.h"
#include "target/process/proc.h"

#define SCHEMA "heapspy.samples/1"

enum { LONGEST_LINE = 64 << 20, MOST_PROCESSES = 4096, MOST_WORDS = 4096 };

/* One process of the file. Its pointer stays the same. */
struct process {
	struct heapspy_target_info target;
	struct heapspy_python_info python;
	char *texts[3]; /* that `python` points to */
	pid_t parent;
	double interval;
	bool listed;
	struct heapspy_sample *last;
};

struct heapspy_replay {
	FILE *file;
	char *line;
	size_t capacity;
	uint64_t number; /* of the line */
	struct process **processes;
	size_t count;
	char trouble[128];
};

/* ---- writing ------------------------------------------------------------------------- */

/* Takes the object. */
static char *line_of(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	size_t length = text ? strlen(text) : 0;
	char *line = text ? realloc(text, length + 2) : NULL;
	json_decref(object);
	if (!line) {
		free(text);
		return NULL;
	}
	memcpy(line + length, "\n", 2);
	return line;
}

char *heapspy_replay_process_line(const struct heapspy_target_info *target,
				  const struct heapspy_python_info *python, pid_t parent,
				  double interval, bool listed)
{
	json_t *words = json_array();
	for (char **word = target->command; word && *word; word++)
		json_array_append_new(words, json_string(*word));
	json_t *object = json_pack(
	    "{s:s, s:s, s:i, s:i, s:f, s:o, s:s*, s:s, s:I, s:b, s:b, s:b, s:s*, s:s*, s:s*}",
	    "schema", SCHEMA, "heapspy", HEAPSPY_VERSION, "process", (int)target->pid, "parent",
	    (int)parent, "interval", interval, "command", words, "executable",
	    target->executable, "version", python->version, "hexversion",
	    (json_int_t)python->hexversion, "debug", python->debug, "free_threaded",
	    python->free_threaded, "listed", listed, "allocator", python->allocator, "layout", python->layout_id,
	    "source", python->layout_source);
	if (object && isfinite(target->uptime))
		json_object_set_new(object, "uptime", json_real(target->uptime));
	return line_of(object);
}

char *heapspy_replay_sample_line(pid_t pid, const struct heapspy_sample *sample,
				 const struct heapspy_census *written)
{
	json_t *object = sample_to_json(sample, written);
	if (object)
		json_object_set_new(object, "process", json_integer(pid));
	return line_of(object);
}

/* ---- processes ------------------------------------------------------------------------ */

static void process_free(struct process *process)
{
	if (!process)
		return;
	heapspy_sample_drop(process->last);
	proc_command_free(process->target.command);
	free(process->target.executable);
	for (size_t i = 0; i < sizeof(process->texts) / sizeof(*process->texts); i++)
		free(process->texts[i]);
	free(process);
}
DEFINE_CLEANUP(struct process *, process_free)

static bool fill_command(struct process *process, const json_t *words)
{
	size_t count = json_array_size(words);
	if (count > MOST_WORDS)
		return false;
	process->target.command = calloc(count + 1, sizeof(char *));
	for (size_t i = 0; process->target.command && i < count; i++) {
		const json_t *word = json_array_get(words, i);
		const char *text = json_string_value(word);
		process->target.command[i] =
		    text ? text_from_bytes(text, json_string_length(word)) : NULL;
		if (!process->target.command[i])
			return false;
	}
	return process->target.command != NULL;
}

static struct process *new_process(const json_t *object, pid_t pid)
{
	CLEANUP(process_freep) struct process *process = calloc(1, sizeof(*process));
	CLEANUP(freep) char *version = json_text(object, "version");
	const json_t *uptime = json_object_get(object, "uptime");
	if (!process || !version || !fill_command(process, json_object_get(object, "command")))
		return NULL;
	struct heapspy_python_info *python = &process->python;
	process->target.pid = pid;
	process->target.executable = json_text(object, "executable");
	process->target.uptime = json_is_number(uptime) ? json_number_value(uptime) : NAN;
	process->parent = (pid_t)json_integer_value(json_object_get(object, "parent"));
	process->interval = json_number_value(json_object_get(object, "interval"));
	process->listed = json_is_true(json_object_get(object, "listed"));
	if (!(process->interval > 0))
		process->interval = 1;
	snprintf(python->version, sizeof(python->version), "%s", version);
	python->hexversion = (uint32_t)json_integer_value(json_object_get(object, "hexversion"));
	python->debug = json_is_true(json_object_get(object, "debug"));
	python->free_threaded = json_is_true(json_object_get(object, "free_threaded"));
	python->allocator = process->texts[0] = json_text(object, "allocator");
	python->layout_id = process->texts[1] = json_text(object, "layout");
	python->layout_source = process->texts[2] = json_text(object, "source");
	return take_pointer(process);
}

static struct process *find_process(const struct heapspy_replay *replay, pid_t pid)
{
	/* The last one: a PID may have been given away again. */
	for (size_t i = replay->count; i-- > 0;)
		if (replay->processes[i]->target.pid == pid)
			return replay->processes[i];
	return NULL;
}

static struct process *add_process(struct heapspy_replay *replay, const json_t *object, pid_t pid)
{
	const char *schema = json_string_value(json_object_get(object, "schema"));
	if (!schema || strcmp(schema, SCHEMA) != 0 || replay->count == MOST_PROCESSES)
		return NULL;
	void *processes =
	    realloc(replay->processes, (replay->count + 1) * sizeof(*replay->processes));
	if (!processes)
		return NULL;
	replay->processes = processes;
	struct process *process = new_process(object, pid);
	if (process)
		replay->processes[replay->count++] = process;
	return process;
}

/* ---- lines ---------------------------------------------------------------------------- */

static void trouble(struct heapspy_replay *replay, const char *what)
{
	snprintf(replay->trouble, sizeof(replay->trouble), "line %llu %s",
		 (unsigned long long)replay->number, what);
}

/* False: there is no more whole one. */
static bool read_line(struct heapspy_replay *replay, size_t *ret_length)
{
	size_t length = 0;
	replay->number++;
	for (int byte; (byte = getc_unlocked(replay->file)) != EOF; length++) {
		if (byte == '\n') {
			*ret_length = length;
			return true;
		}
		if (length == LONGEST_LINE) {
			trouble(replay, "is too long");
			return false;
		}
		if (length == replay->capacity) {
			size_t capacity = replay->capacity ? 2 * replay->capacity : 4096;
			char *line = realloc(replay->line, capacity);
			if (!line) {
				trouble(replay, "does not fit into memory");
				return false;
			}
			replay->line = line;
			replay->capacity = capacity;
		}
		replay->line[length] = (char)byte;
	}
	if (length > 0)
		trouble(replay, "is cut off");
	return false;
}

static bool take_line(struct heapspy_replay *replay, const json_t *object,
		      struct heapspy_replayed *ret_replayed)
{
	const json_t *number = json_object_get(object, "process");
	int64_t pid = json_is_integer(number) ? json_integer_value(number) : 0;
	bool news = json_object_get(object, "schema") != NULL;
	if (pid < 1 || pid > INT32_MAX)
		return false;
	struct process *process =
	    news ? add_process(replay, object, (pid_t)pid) : find_process(replay, (pid_t)pid);
	struct heapspy_sample *sample = NULL;
	if (!process || (!news && !sample_from_json(object, process->last, &sample)))
		return false;
	if (sample) {
		heapspy_sample_drop(process->last);
		process->last = heapspy_sample_keep(sample);
	}
	*ret_replayed = (struct heapspy_replayed){
	    .pid = (pid_t)pid,
	    .parent = process->parent,
	    .target = &process->target,
	    .python = &process->python,
	    .interval = process->interval,
	    .listed = process->listed,
	    .sample = sample,
	};
	return true;
}

bool heapspy_replay_next(struct heapspy_replay *replay, struct heapspy_replayed *ret_replayed)
{
	size_t length;
	if (replay->trouble[0] || !read_line(replay, &length))
		return false;
	json_error_t problem;
	/* Of a want of memory jansson says now this, now that. */
	errno = 0;
	json_t *object = json_loadb(replay->line, length, JSON_REJECT_DUPLICATES, &problem);
	bool no_memory = !object && errno == ENOMEM;
	bool good = object && take_line(replay, object, ret_replayed);
	json_decref(object);
	if (!good)
		trouble(replay, no_memory ? "does not fit into memory" : "is damaged");
	return good;
}

const char *heapspy_replay_trouble(const struct heapspy_replay *replay)
{
	return replay->trouble[0] ? replay->trouble : NULL;
}

/* ---- life ------------------------------------------------------------------------------ */

void heapspy_replay_rewind(struct heapspy_replay *replay)
{
	rewind(replay->file);
	replay->number = 0;
	replay->trouble[0] = 0;
	for (size_t i = 0; i < replay->count; i++)
		process_free(replay->processes[i]);
	replay->count = 0;
}

void heapspy_replay_free(struct heapspy_replay *replay)
{
	if (!replay)
		return;
	if (replay->file) {
		heapspy_replay_rewind(replay);
		fclose(replay->file);
	}
	free(replay->processes);
	free(replay->line);
	free(replay);
}

static struct heapspy_error *refuse(const char *path, const char *why)
{
	CLEANUP(freep) char *safe = text_from_bytes(path, strlen(path));
	struct heapspy_error *error =
	    error_new(HEAPSPY_BAD_FILE, "cannot replay %s", safe ?: "the file");
	return error_why(error, "%s", why);
}

/* The first line says what it is. */
static struct heapspy_error *check(struct heapspy_replay *replay, const char *path)
{
	struct heapspy_replayed first;
	struct stat file;
	if (fstat(fileno(replay->file), &file) < 0 || !S_ISREG(file.st_mode))
		return refuse(path, "it is no regular file");
	if (!heapspy_replay_next(replay, &first))
		return refuse(path, "its first line is not one that heapspy top --record writes");
	heapspy_sample_drop(first.sample);
	heapspy_replay_rewind(replay);
	return NULL;
}

struct heapspy_error *heapspy_replay_open(const char *path, struct heapspy_replay **ret_replay)
{
	struct heapspy_replay *replay = calloc(1, sizeof(*replay));
	if (!replay)
		return error_no_memory();
	replay->file = fopen(path, "re");
	struct heapspy_error *error =
	    replay->file ? check(replay, path) : refuse(path, strerror(errno));
	if (error) {
		heapspy_replay_free(replay);
		return error;
	}
	*ret_replay = replay;
	return NULL;
}
