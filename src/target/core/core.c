/* SPDX-License-Identifier: MIT */
#include "target/core/core.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "target/core/private.h"

/* ---- errors --------------------------------------------------------------- */

static struct heapspy_error *cannot_read(const char *path, enum heapspy_code code)
{
	CLEANUP(freep) char *safe = text_from_bytes(path, strlen(path));
	return error_new(code, "cannot read %s", safe ?: "the core");
}

struct heapspy_error *core_refuse(const struct core_target *core, const char *why, ...)
{
	va_list arguments;
	va_start(arguments, why);
	CLEANUP(freep) char *text = text_format(why, arguments);
	va_end(arguments);
	return error_why(cannot_read(core->path, HEAPSPY_BAD_FILE), "%s", text ?: "it is damaged");
}

struct heapspy_error *core_bad(const struct core_target *core, uint64_t offset, const char *why,
			       ...)
{
	va_list arguments;
	va_start(arguments, why);
	CLEANUP(freep) char *text = text_format(why, arguments);
	va_end(arguments);
	return core_refuse(core, "at offset %#" PRIx64 ": %s", offset, text ?: "it is damaged");
}

/* ---- the target ------------------------------------------------------------ */

static void core_free(struct target *target)
{
	struct core_target *core = (struct core_target *)target;
	core_close_files(core);
	core_headers_fini(&core->headers);
	core_process_fini(&core->facts.process);
	maps_fini(&core->base.maps);
	closep(&core->fd);
	free(core->about);
	free(core->path);
	free(core);
}

static struct heapspy_error *core_refresh(struct target *target)
{
	(void)target;
	return NULL;
}

static enum fault core_verify(struct target *target)
{
	(void)target;
	return FAULT_NONE;
}

/* A snapshot of ours has zeros where it did not know: the flags of a processor never
 * are. */
static bool core_registers(struct target *target, pid_t tid, struct registers *ret_registers)
{
	const struct core_target *core = (struct core_target *)target;
	const struct core_process *process = &core->facts.process;
	for (size_t i = 0; i < process->thread_count; i++) {
		const struct elf_prstatus *status = &process->threads[i];
		struct user_regs_struct user;
		_Static_assert(sizeof(status->pr_reg) == sizeof(user),
			       "two names of the same registers");
		memcpy(&user, &status->pr_reg, sizeof(user));
		if (status->pr_pid != tid || !user.rsp || !user.rip)
			continue;
		*ret_registers = user.eflags ? registers_from_user(&user)
					     : registers_of_sleeper(user.rsp, user.rip);
		return true;
	}
	return false;
}

static const struct target_ops core_ops = {
	.free = core_free,
	.read_piece = core_read_piece,
	.read_many = core_read_many,
	.refresh = core_refresh,
	.verify = core_verify,
	.open_mapped_file = core_open_mapped_file,
	.registers = core_registers,
	.next_data = core_next_data,
};

static struct core_target *core_of(const struct target *target)
{
	return target->ops == &core_ops ? (struct core_target *)target : NULL;
}

const struct core_facts *target_core_facts(const struct target *target)
{
	const struct core_target *core = core_of(target);
	return core ? &core->facts : NULL;
}

const char *target_core_executable(const struct target *target)
{
	const struct core_target *core = core_of(target);
	uint64_t entry = core ? core_process_auxv(&core->facts.process, AT_ENTRY) : 0;
	const struct mapping *mapping = entry ? maps_find(&core->base.maps, entry) : NULL;
	return mapping && mapping_is_file(mapping) ? mapping->path : NULL;
}

const char *target_core_missing(struct target *target, const struct mapping *mapping)
{
	struct core_target *core = core_of(target);
	const char *reason = NULL;
	if (core && mapping_is_file(mapping))
		core_mapped_file(core, mapping, &reason);
	return reason;
}

/* ---- opening --------------------------------------------------------------- */

static struct heapspy_error *open_error(const char *path, int errnum)
{
	enum heapspy_code code = HEAPSPY_BAD_FILE;
	if (errnum == EACCES || errnum == EPERM)
		code = HEAPSPY_PERMISSION;
	else if (errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM)
		code = HEAPSPY_LIMIT;
	struct heapspy_error *error = cannot_read(path, code);
	error_why(error, "%s", strerrordesc_np(errnum) ?: "unknown error");
	return error;
}

static const char *kind_of(mode_t mode)
{
	return S_ISDIR(mode) ? "it is a directory"
	       : S_ISFIFO(mode)
		       ? "it is a pipe: a core must be a file, which can be read in any order"
	       : S_ISSOCK(mode) ? "it is a socket"
				: "it is a device";
}

/* First a look at what it is: opening a device or a FIFO for real has effects. */
static struct heapspy_error *open_file(struct core_target *core)
{
	CLEANUP(closep) int named = open(core->path, O_PATH | O_CLOEXEC);
	struct stat stat;
	if (named < 0 || fstat(named, &stat) < 0)
		return open_error(core->path, errno);
	if (!S_ISREG(stat.st_mode))
		return core_refuse(core, "%s", kind_of(stat.st_mode));
	char name[40];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", named);
	core->fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (core->fd < 0 || fstat(core->fd, &stat) < 0)
		return open_error(core->path, errno);
	core->facts.path = core->path;
	core->facts.size = (uint64_t)stat.st_size;
	core->facts.time = (double)stat.st_mtim.tv_sec + (double)stat.st_mtim.tv_nsec / 1e9;
	return NULL;
}

/* The whole path, or where that is too long its last part. */
static void name_it(struct core_target *core)
{
	const char *slash = strrchr(core->path, '/');
	CLEANUP(freep) char *path = text_from_bytes(core->path, strlen(core->path));
	CLEANUP(freep) char *base = slash ? text_from_bytes(slash + 1, strlen(slash + 1)) : NULL;
	int length = snprintf(core->base.name, sizeof(core->base.name), "the process of %s",
			      path ?: "a core");
	if (length >= (int)sizeof(core->base.name) && base)
		length = snprintf(core->base.name, sizeof(core->base.name), "the process of %s",
				  base);
	if (length >= (int)sizeof(core->base.name))
		strcpy(core->base.name, "the process of the core");
}

static void learn_process(struct core_target *core, struct core_notes *notes)
{
	core->facts.process = notes->process;
	notes->process = (struct core_process){0};
	core->facts.about = core->about = take_pointer(notes->about);
	core->facts.about_length = notes->about_length;
	core->facts.cut_off = core->headers.cut_off;
	const struct core_process *process = &core->facts.process;
	if (process->has_psinfo)
		core->base.pid = process->psinfo.pr_pid;
	else if (process->thread_count)
		core->base.pid = process->threads[0].pr_pid;
}

static struct heapspy_error *read_notes(struct core_target *core)
{
	struct core_notes notes;
	struct heapspy_error *error = core_read_notes(core, &notes);
	if (error)
		return error;
	error = core_make_maps(core, &notes, &core->base.maps);
	if (!error)
		learn_process(core, &notes);
	core_notes_fini(&notes);
	return error;
}

struct heapspy_error *target_open_core(const char *path, struct target **ret_target)
{
	struct core_target *core = calloc(1, sizeof(*core));
	if (!core)
		return error_no_memory();
	core->base.ops = &core_ops;
	core->base.proc_directory = -1;
	core->fd = -1;
	for (size_t i = 0; i < CORE_FILES; i++)
		core->files[i].fd = -1;
	CLEANUP(target_freep) struct target *target = &core->base;
	core->path = strdup(path);
	if (!core->path)
		return error_no_memory();

	name_it(core);

	Elf64_Ehdr header;
	struct heapspy_error *error;
	if ((error = open_file(core)) || (error = core_check_kind(core, &header)) ||
	    (error = core_read_headers(core, &header, &core->headers)) ||
	    (error = read_notes(core)))
		return error;
	*ret_target = take_pointer(target);
	return NULL;
}
