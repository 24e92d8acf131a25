/* SPDX-License-Identifier: MIT */
/* Which memory a snapshot has: the idea is in core_write.h. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "target/core/write_private.h"

enum { PAGE = 4096 };

/* Read-only data of one mapping: libraries of more are tables (ICU, CUDA), which
 * have no symbols or types in them. */
#define MOST_CONSTANTS (UINT64_C(32) << 20)

/* Mappings of one file follow each other; so many are looked at to find the first. */
#define FAR 64

static uint64_t size_of(const struct mapping *mapping)
{
	return mapping->end - mapping->start;
}

static bool begins_like_elf(struct target *source, const struct mapping *mapping)
{
	char magic[SELFMAG];
	return mapping->offset == 0 &&
	       target_read(source, mapping->start, magic, SELFMAG) == FAULT_NONE &&
	       memcmp(magic, ELFMAG, SELFMAG) == 0;
}

/* Is a mapping of a program or library? `elf` says so of the mappings of offset 0. */
static bool is_program(const struct maps *maps, const bool *elf, size_t index)
{
	const struct mapping *mapping = &maps->items[index];
	for (size_t i = index + 1; i-- > 0 && index - i < FAR;)
		if (elf[i] && mapping_same_file(&maps->items[i], mapping))
			return true;
	return false;
}

/* Constants with addresses in them were written by the loader before they became
 * read-only (PT_GNU_RELRO): the beginning of the writable data. */
static bool is_relocated(const struct maps *maps, size_t index)
{
	return maps->items[index].offset != 0 && index + 1 < maps->count &&
	       maps->items[index + 1].start == maps->items[index].end &&
	       maps->items[index + 1].flags & MAPPING_WRITE;
}

static uint64_t of_program(const struct maps *maps, size_t index)
{
	const struct mapping *mapping = &maps->items[index];
	uint64_t head = mapping->offset == 0 ? PAGE : 0, size = size_of(mapping);
	if (mapping->flags & MAPPING_WRITE || is_relocated(maps, index))
		return size;
	/* Code, unless it is of a linker that puts symbols and constants beside it. */
	if (mapping->flags & MAPPING_EXEC && mapping->offset != 0)
		return 0;
	return size <= MOST_CONSTANTS ? size : head;
}

static uint64_t of_anonymous(const struct mapping *mapping)
{
	/* The kernel's own: [vdso], [vvar], [vsyscall]. */
	if (strncmp(mapping->path, "[v", 2) == 0)
		return 0;
	/* What can be executed and not written is generated code. */
	if (mapping->flags & MAPPING_EXEC && !(mapping->flags & MAPPING_WRITE))
		return 0;
	return size_of(mapping);
}

uint64_t *core_choose(struct target *source)
{
	const struct maps *maps = target_maps(source);
	uint64_t *sizes = calloc(maps->count + 1, sizeof(*sizes));
	CLEANUP(freep) bool *elf = calloc(maps->count + 1, sizeof(*elf));
	if (!sizes || !elf) {
		free(sizes);
		return NULL;
	}
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];
		elf[i] = mapping_is_file(mapping) && begins_like_elf(source, mapping);
		if (mapping->flags & MAPPING_SHARED || !(mapping->flags & MAPPING_READ))
			continue;
		if (!mapping_is_file(mapping))
			sizes[i] = of_anonymous(mapping);
		else if (is_program(maps, elf, i))
			sizes[i] = of_program(maps, i);
		if (sizes[i] > size_of(mapping))
			sizes[i] = size_of(mapping);
	}
	return sizes;
}
