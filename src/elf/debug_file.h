/* SPDX-License-Identifier: MIT */
/*
 * Debug information kept apart from its program: where distributions put it,
 * under a root directory of the machine or of the target.
 *
 * A name below the root never leads above it: a hostile target chooses the
 * links in its own root. What is found is the right file or none: its build id,
 * or where there is none its checksum, must agree.
 */
#ifndef ELF_DEBUG_FILE_H
#define ELF_DEBUG_FILE_H

#include "elf/file.h"

/* Open the separate debug file of `file`, which lies in `directory` (absolute,
 * as seen below the root): by build id, then by .gnu_debuglink. NULL if there is
 * none. *ret_directory is the directory it lies in, to be freed. `root` is the
 * descriptor of a directory. */
struct elf_file *debug_file_open(const struct elf_file *file, int root, const char *directory,
				 char **ret_directory);

/* By the build id alone ("": NULL). */
struct elf_file *debug_file_open_by_build_id(const char *build_id, int root, char **ret_directory);

/* The same for what dwz(1) moved out of `file` into one shared by several.
 * False if `file` needs one and it is not there. */
bool debug_file_open_alternate(const struct elf_file *file, int root, const char *directory,
			       struct elf_file **ret_alternate);

/* Whether debug_file_open_alternate() would have something to look for. */
bool debug_file_needs_alternate(const struct elf_file *file);

#endif
