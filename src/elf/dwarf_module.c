/* SPDX-License-Identifier: MIT */
/* From a module of a target to its debug information. */
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "elf/dwarf_private.h"
#include "elf/module_private.h"

struct heapspy_error *dwarf_open_module(struct elf_module *module, struct dwarf **ret_dwarf)
{
	CLEANUP(freep) char *name = text_from_bytes(module->path, strlen(module->path));
	if (!name)
		return error_no_memory();

	if (module->file && dwarf_is_in(module->file)) {
		/* A handle of its own: the module may be closed first. */
		int proc = target_proc_directory(module->target);
		CLEANUP(closep)
		int root = proc >= 0 ? openat(proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
		int fd = fcntl(module->file->fd, F_DUPFD_CLOEXEC, 0);
		struct elf_file *file;
		struct heapspy_error *error = elf_file_open(fd, name, &file);
		return error ?: dwarf_open_found(file, root, module->directory, name, ret_dwarf);
	}

	CLEANUP(closep) int root = -1;
	CLEANUP(freep) char *directory = NULL;
	struct elf_file *file = elf_module_open_debug_file(module, &root, &directory);
	if (file)
		return dwarf_open_found(file, root, directory, name, ret_dwarf);
	return error_why(error_new(HEAPSPY_REFUSED, "no structure layouts from %s", name),
			 "it has no debug information, and there is no separate file of it");
}
