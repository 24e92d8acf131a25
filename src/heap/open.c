/* SPDX-License-Identifier: MIT */
/* heapspy_open(): what heapspy_attach() is to a process, to a core file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "heap/account/account.h"
#include "heap/attach.h"
#include "heap/snapshot/about.h"
#include "target/core/core.h"

DEFINE_CLEANUP(struct heapspy *, heapspy_detach)

static bool may_hold_python(const struct mapping *mapping, const char *executable)
{
	const char *slash = strrchr(mapping->path, '/');
	return mapping_is_file(mapping) &&
	       (strstr(slash ?: mapping->path, "python") ||
		(executable && strcmp(mapping->path, executable) == 0));
}

/* The first file that looks like the interpreter, and why it is not at hand. */
static const char *missing_interpreter(struct target *target, const char **ret_path)
{
	const struct maps *maps = target_maps(target);
	const char *executable = target_core_executable(target);
	for (size_t i = 0; i < maps->count; i++) {
		if (!may_hold_python(&maps->items[i], executable))
			continue;
		const char *reason = target_core_missing(target, &maps->items[i]);
		if (reason) {
			*ret_path = maps->items[i].path;
			return reason;
		}
	}
	return NULL;
}

/* What python_open() could not find, or not read, may be what the core lacks. What
 * it recommends is for live processes. */
static struct heapspy_error *explain(struct heapspy *heapspy, struct heapspy_error *error)
{
	struct target *target = heapspy->target;
	const struct core_facts *facts = target_core_facts(target);
	const char *path = NULL, *reason = missing_interpreter(target, &path);
	bool any_file = false;
	for (size_t i = 0; i < target_maps(target)->count; i++)
		any_file |= mapping_is_file(&target_maps(target)->items[i]);
	if (error->code == HEAPSPY_LIMIT)
		return error;
	free(error->remedy);
	error->remedy = NULL;
	if (!any_file) {
		heapspy_error_free(error);
		error = error_new(HEAPSPY_BAD_FILE, "cannot read %s", target_name(target));
		return error_why(error, "%s", facts->cut_off
			? "it is cut off, and the list of the files that were mapped with it"
			: "it does not say which files were mapped (it has no NT_FILE note)");
	}
	if (facts->cut_off) {
		heapspy_error_free(error);
		error = error_new(HEAPSPY_INCOMPLETE, "cannot read %s", target_name(target));
		return error_why(error,
				 "it is cut off: %.1f MiB of memory are missing, among them what "
				 "is needed to find the heap",
				 (double)facts->cut_off / (1 << 20));
	}
	if (reason && (facts->files_absent || error->code == HEAPSPY_NOT_PYTHON)) {
		CLEANUP(freep) char *safe = text_from_bytes(path, strlen(path));
		heapspy_error_free(error);
		error = error_new(HEAPSPY_INCOMPLETE, "cannot read %s", target_name(target));
		return error_why(error, "it leaves out the pages of %s: %s",
				 safe ?: "its interpreter", reason);
	}
	return error;
}

static struct heapspy_error *fill_target_info(struct heapspy *heapspy, const char *path)
{
	struct heapspy_target_info *info = &heapspy->target_info;
	const struct core_facts *facts = target_core_facts(heapspy->target);
	const char *executable = target_core_executable(heapspy->target);
	info->pid = target_pid(heapspy->target);
	info->uptime = NAN;
	info->path = text_from_bytes(path, strlen(path));
	info->command = target_core_command(heapspy->target);
	info->executable = executable ? text_from_bytes(executable, strlen(executable)) : NULL;
	if (!info->path || !info->command || (executable && !info->executable))
		return error_no_memory();

	struct snapshot_about about = {
		.time = facts->time, .target = *info, .memory = heapspy->memory};
	if (facts->about && snapshot_about_parse(facts->about, facts->about_length, &about)) {
		*info = about.target;
		info->kind = HEAPSPY_TARGET_SNAPSHOT;
	}
	heapspy->time = about.time;
	heapspy->pause = about.pause;
	heapspy->memory = about.memory;
	return NULL;
}

struct heapspy_error *heapspy_open(const char *path, const struct heapspy_attach_options *options,
				   struct heapspy **ret_heapspy)
{
	CLEANUP(heapspy_detachp) struct heapspy *heapspy = calloc(1, sizeof(*heapspy));
	if (!heapspy)
		return error_no_memory();
	heapspy->target_info.kind = HEAPSPY_TARGET_CORE;
	struct heapspy_error *error = target_open_core(path, &heapspy->target);
	if (error)
		return error;
	/* All unknown: no process is asked. */
	if ((error = account_read(heapspy->target, NULL, &heapspy->memory, NULL)) ||
	    (error = fill_target_info(heapspy, path)))
		return error;
	if ((error = attach_python(heapspy, options)))
		return explain(heapspy, error);
	*ret_heapspy = take_pointer(heapspy);
	return NULL;
}
