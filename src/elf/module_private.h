/* SPDX-License-Identifier: MIT */
/* What the files of module.h and the way from a module to its DWARF share. */
#ifndef ELF_MODULE_PRIVATE_H
#define ELF_MODULE_PRIVATE_H

#include "elf/dynamic.h"
#include "elf/file.h"
#include "elf/module.h"
#include "elf/segments.h"

struct elf_module {
	struct target *target;
	char *path;
	char *directory; /* that the file lies in, as the target sees it */
	uint64_t bias, start, end;
	struct segments segments;
	char build_id[ELF_BUILD_ID_SIZE];
	struct elf_file *file;	 /* NULL: cannot be had */
	struct dynamic *dynamic; /* instead of it */
	struct elf_file *debug;	 /* the separate debug file, when one was looked for */
	bool debug_sought;
	struct elf_file *image;	 /* put together from memory, when one was asked for */
	bool image_sought;
};

/* The file, or what can be had of it from memory; NULL: nothing. */
const struct elf_file *elf_module_image(struct elf_module *module);

/* The separate debug file; NULL: there is none. */
const struct elf_file *elf_module_debug_file(struct elf_module *module);

/* image.c: NULL where its memory cannot be had, or makes no sense. */
struct elf_file *image_from_memory(struct target *target, const struct segments *segments,
				   uint64_t bias);

/* A fresh handle of the separate debug file; NULL if there is none. What it was
 * found under: *ret_root is to be closed, *ret_directory to be freed. */
struct elf_file *elf_module_open_debug_file(const struct elf_module *module, int *ret_root,
					    char **ret_directory);

#endif
