/* SPDX-License-Identifier: MIT */
/*
 * A program file put together again from the memory of a process: where the file itself
 * is gone, or where there never was one (the vDSO). What is written to or executed is
 * left out: for symbols and call frame information the rest is enough.
 */
#include <string.h>
#include <sys/mman.h>

#include "elf/module_private.h"

/* The largest libraries have less of it; what a hostile one says is cut there. */
#define MAX_IMAGE (UINT64_C(256) << 20)
#define PIECE (UINT64_C(1) << 20)

static bool copy_piece(int fd, struct target *target, uint64_t address, uint64_t offset,
		       uint64_t length)
{
	CLEANUP(freep) char *buffer = malloc(PIECE);
	for (uint64_t at = 0; buffer && at < length; at += PIECE) {
		size_t covered, part = length - at < PIECE ? length - at : PIECE;
		if (target_read_some(target, address + at, buffer, part, &covered) != FAULT_NONE ||
		    pwrite(fd, buffer, part, (off_t)(offset + at)) != (ssize_t)part)
			return false;
	}
	return buffer != NULL;
}

/* Sections are named by a table at the end of the file, which seldom is in memory. */
static bool drop_sections(int fd, uint64_t size)
{
	Elf64_Ehdr header;
	if (pread(fd, &header, sizeof(header), 0) != sizeof(header))
		return false;
	uint64_t length = (uint64_t)header.e_shnum * header.e_shentsize;
	if (header.e_shoff && header.e_shoff < size && length <= size - header.e_shoff)
		return true;
	header.e_shoff = 0;
	header.e_shnum = header.e_shstrndx = 0;
	return pwrite(fd, &header, sizeof(header), 0) == sizeof(header);
}

struct elf_file *image_from_memory(struct target *target, const struct segments *segments,
				   uint64_t bias)
{
	CLEANUP(closep) int fd = memfd_create("heapspy", MFD_CLOEXEC);
	uint64_t size = 0;
	for (size_t i = 0; fd >= 0 && i < segments->count; i++) {
		const Elf64_Phdr *segment = &segments->items[i];
		uint64_t length = segment->p_filesz;
		bool code_alone = segment->p_flags & PF_X && segment->p_offset != 0;
		if (segment->p_type != PT_LOAD || segment->p_flags & PF_W || code_alone)
			continue;
		if (segment->p_offset > MAX_IMAGE || length > MAX_IMAGE - segment->p_offset)
			return NULL;
		if (!copy_piece(fd, target, bias + segment->p_vaddr, segment->p_offset, length))
			return NULL;
		if (segment->p_offset + length > size)
			size = segment->p_offset + length;
	}
	if (size == 0 || !drop_sections(fd, size))
		return NULL;
	struct elf_file *file = NULL;
	heapspy_error_free(elf_file_open(take_fd(&fd), "memory", &file));
	return file;
}
