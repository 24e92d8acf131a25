/* SPDX-License-Identifier: MIT */
#include "heap/snapshot/about.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "target/process/proc.h"

#define SCHEMA "heapspy.snapshot/1"

/* The numbers of the memory account, by their names in JSON. */
static const struct {
	const char *name;
	size_t offset;
} numbers[] = {
	{"rss", offsetof(struct heapspy_memory, rss)},
	{"pss", offsetof(struct heapspy_memory, pss)},
	{"uss", offsetof(struct heapspy_memory, uss)},
	{"swap", offsetof(struct heapspy_memory, swap)},
	{"rss_peak", offsetof(struct heapspy_memory, rss_peak)},
	{"virtual", offsetof(struct heapspy_memory, virt)},
	{"limit", offsetof(struct heapspy_memory, limit)},
	{"headroom", offsetof(struct heapspy_memory, headroom)},
};

enum { NUMBERS = sizeof(numbers) / sizeof(*numbers) };

static uint64_t *number_of(struct heapspy_memory *memory, size_t i)
{
	return (void *)((char *)memory + numbers[i].offset);
}

/* ---- writing ------------------------------------------------------------- */

static json_t *format_memory(const struct heapspy_memory *memory)
{
	struct heapspy_memory copy = *memory;
	json_t *object = json_object();
	for (size_t i = 0; i < NUMBERS; i++)
		if (*number_of(&copy, i) <= INT64_MAX)
			json_object_set_new(object, numbers[i].name,
					    json_integer((json_int_t)*number_of(&copy, i)));
	if (!memory->has_account)
		return object;
	json_t *account = json_object();
	for (int i = 0; i < HEAPSPY_MEMORY_KIND_COUNT; i++)
		json_object_set_new(account, heapspy_memory_kind_name(i),
				    json_integer((json_int_t)memory->account[i]));
	json_object_set_new(object, "account", account);
	return object;
}

static json_t *format_command(char **command)
{
	json_t *array = json_array();
	for (; command && *command; command++)
		json_array_append_new(array, json_string(*command));
	return array;
}

char *snapshot_about_format(const struct snapshot_about *about)
{
	const struct heapspy_target_info *target = &about->target;
	json_auto_t *object = json_object();
	json_object_set_new(object, "schema", json_string(SCHEMA));
	json_object_set_new(object, "heapspy", json_string(HEAPSPY_VERSION));
	json_object_set_new(object, "time", json_real(about->time));
	json_object_set_new(object, "pid", json_integer(target->pid));
	json_object_set_new(object, "command", format_command(target->command));
	if (target->executable)
		json_object_set_new(object, "executable", json_string(target->executable));
	if (isfinite(target->uptime))
		json_object_set_new(object, "uptime", json_real(target->uptime));
	if (about->version)
		json_object_set_new(object, "python", json_string(about->version));
	json_object_set_new(object, "mode", json_string(heapspy_capture_mode_name(about->mode)));
	json_object_set_new(object, "pause", json_real(about->pause));
	json_object_set_new(object, "memory", format_memory(&about->memory));
	return object ? json_dumps(object, JSON_COMPACT) : NULL;
}

/* ---- reading ------------------------------------------------------------- */

/* Nothing here is beyond the year 5138, or negative. */
#define MAX_SECONDS 1e11

static void take_number(const json_t *object, const char *name, double *number)
{
	const json_t *value = json_object_get(object, name);
	if (json_is_number(value) && json_number_value(value) >= 0 &&
	    json_number_value(value) <= MAX_SECONDS)
		*number = json_number_value(value);
}

static void take_size(const json_t *object, const char *name, uint64_t *size)
{
	const json_t *value = json_object_get(object, name);
	if (json_is_integer(value) && json_integer_value(value) >= 0)
		*size = (uint64_t)json_integer_value(value);
}

static char *text_of(const json_t *value)
{
	return json_is_string(value)
		       ? text_from_bytes(json_string_value(value), json_string_length(value))
		       : NULL;
}

static void take_memory(const json_t *object, struct heapspy_memory *memory)
{
	for (size_t i = 0; i < NUMBERS; i++)
		take_size(object, numbers[i].name, number_of(memory, i));
	const json_t *account = json_object_get(object, "account");
	if (!json_is_object(account))
		return;
	memory->has_account = true;
	for (int i = 0; i < HEAPSPY_MEMORY_KIND_COUNT; i++) {
		memory->account[i] = 0;
		take_size(account, heapspy_memory_kind_name(i), &memory->account[i]);
	}
}

static void take_command(const json_t *array, struct heapspy_target_info *target)
{
	size_t count = json_array_size(array);
	char **command = json_is_array(array) ? calloc(count + 1, sizeof(*command)) : NULL;
	for (size_t i = 0; command && i < count; i++) {
		command[i] = text_of(json_array_get(array, i));
		if (!command[i]) {
			proc_command_free(command);
			return;
		}
	}
	if (!command)
		return;
	proc_command_free(target->command);
	target->command = command;
}

bool snapshot_about_parse(const char *text, size_t length, struct snapshot_about *about)
{
	json_auto_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	const char *schema = json_string_value(json_object_get(object, "schema"));
	if (!schema || strcmp(schema, SCHEMA) != 0)
		return false;
	struct heapspy_target_info *target = &about->target;
	double pid = target->pid;
	take_number(object, "time", &about->time);
	take_number(object, "uptime", &target->uptime);
	take_number(object, "pause", &about->pause);
	take_number(object, "pid", &pid);
	if (pid > 0 && pid <= INT32_MAX)
		target->pid = (pid_t)pid;
	take_command(json_object_get(object, "command"), target);
	char *executable = text_of(json_object_get(object, "executable"));
	if (executable) {
		free(target->executable);
		target->executable = executable;
	}
	take_memory(json_object_get(object, "memory"), &about->memory);
	return true;
}
