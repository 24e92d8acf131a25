/* SPDX-License-Identifier: MIT */
#include "heap/attach.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "heap/account/account.h"
#include "python/allocator.h"
#include "target/process/proc.h"

void heapspy_detach(struct heapspy *heapspy)
{
	if (!heapspy)
		return;
	proc_command_free(heapspy->target_info.command);
	free(heapspy->target_info.executable);
	free(heapspy->target_info.path);
	python_free(heapspy->python);
	target_free(heapspy->target);
	free(heapspy);
}
DEFINE_CLEANUP(struct heapspy *, heapspy_detach)

static struct heapspy_error *fill_target_info(struct heapspy *heapspy)
{
	struct heapspy_target_info *info = &heapspy->target_info;
	int proc = target_proc_directory(heapspy->target);
	struct proc_stat stat;
	info->pid = target_pid(heapspy->target);
	info->command = proc_read_command(proc);
	if (!info->command)
		return error_no_memory();
	info->executable = proc_read_executable(proc);
	info->uptime = proc_read_stat(proc, "stat", &stat) ? proc_uptime(stat.start_time) : NAN;
	return NULL;
}

/* "3.14.0rc2": PY_VERSION of Include/patchlevel.h from PY_VERSION_HEX. */
static void format_version(uint32_t hexversion, char *buffer, size_t size)
{
	unsigned level = hexversion >> 4 & 0xf, serial = hexversion & 0xf;
	int length = snprintf(buffer, size, "%u.%u.%u", hexversion >> 24, hexversion >> 16 & 0xff,
			      hexversion >> 8 & 0xff);
	if (level != 0xf)
		snprintf(buffer + length, size - (size_t)length, "%s%u",
			 level == 0xa ? "a" : level == 0xb ? "b" : "rc", serial);
}

static void fill_python_info(struct heapspy *heapspy)
{
	struct python *python = heapspy->python;
	struct heapspy_python_info *info = &heapspy->python_info;
	format_version(python->hexversion, info->version, sizeof(info->version));
	info->hexversion = python->hexversion;
	info->debug = python->debug;
	info->free_threaded = false; /* refused so far */
	info->allocator = allocator_name(python);
	info->layout_id = python->layout.id;
	info->layout_source = python->layout_source;
}

struct heapspy_error *attach_python(struct heapspy *heapspy,
				    const struct heapspy_attach_options *options)
{
	enum heapspy_layout_source source = options ? options->layout : HEAPSPY_LAYOUT_AUTO;
	struct heapspy_error *error = python_open(heapspy->target, source, &heapspy->python);
	if (!error)
		fill_python_info(heapspy);
	return error;
}

struct heapspy_error *heapspy_reach(pid_t pid, bool will_stop, struct heapspy **ret_heapspy)
{
	CLEANUP(heapspy_detachp) struct heapspy *heapspy = calloc(1, sizeof(*heapspy));
	if (!heapspy)
		return error_no_memory();
	struct heapspy_error *error = target_open_process(pid, &heapspy->target);
	if (!error)
		error = fill_target_info(heapspy);
	if (!error && will_stop)
		error = target_prepare_stop(heapspy->target);
	if (error)
		return error;
	*ret_heapspy = take_pointer(heapspy);
	return NULL;
}

struct heapspy_error *heapspy_recognise(struct heapspy *heapspy,
					const struct heapspy_attach_options *options)
{
	struct heapspy_error *error = attach_python(heapspy, options);
	return error ? attach_explain(heapspy, error) : NULL;
}

struct heapspy_error *heapspy_attach(pid_t pid, const struct heapspy_attach_options *options,
				     struct heapspy **ret_heapspy)
{
	CLEANUP(heapspy_detachp) struct heapspy *heapspy = NULL;
	struct heapspy_error *error = heapspy_reach(pid, false, &heapspy);
	if (error || (error = heapspy_recognise(heapspy, options)))
		return error;
	*ret_heapspy = take_pointer(heapspy);
	return NULL;
}

void heapspy_cancel(struct heapspy *heapspy)
{
	target_cancel(heapspy->target);
}

const struct heapspy_target_info *heapspy_target_info(const struct heapspy *heapspy)
{
	return &heapspy->target_info;
}

const struct heapspy_python_info *heapspy_python_info(const struct heapspy *heapspy)
{
	return &heapspy->python_info;
}

struct heapspy_error *attach_refresh(struct heapspy *heapspy)
{
	struct python *python = heapspy->python;
	struct heapspy_error *error = target_refresh(heapspy->target);
	if (error)
		return error;
	peek_forget(python->peek);
	python->name_reads = 0;
	enum fault fault = python_list_interpreters(python);
	if (fault == FAULT_NONE)
		return NULL;
	return error_from_fault(fault, python->address, "cannot list the interpreters of %s",
				target_name(heapspy->target));
}

struct heapspy_error *attach_verify(struct heapspy *heapspy)
{
	enum fault fault = target_verify(heapspy->target);
	if (fault == FAULT_NONE)
		return NULL;
	return error_from_fault(fault, 0, "%s is no longer the one that was attached",
				target_name(heapspy->target));
}

struct heapspy_error *attach_explain(struct heapspy *heapspy, struct heapspy_error *error)
{
	struct heapspy_error *gone = attach_verify(heapspy);
	if (!gone)
		return error;
	heapspy_error_free(error);
	return gone;
}

double attach_time(const struct heapspy *heapspy)
{
	return attach_is_file(heapspy) ? heapspy->time : clock_now();
}

struct heapspy_error *attach_memory(struct heapspy *heapspy, const struct census *census,
				    struct heapspy_memory *ret_memory,
				    struct heapspy_mappings *ret_mappings)
{
	if (!attach_is_file(heapspy))
		return account_read(heapspy->target, census, ret_memory, ret_mappings);
	*ret_memory = heapspy->memory;
	return NULL;
}
