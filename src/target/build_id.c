/* SPDX-License-Identifier: MIT */
#include "target/build_id.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define MAX_HEADERS 64
#define MAX_NOTES (1u << 14)

static uint64_t align(uint64_t size, uint64_t alignment)
{
	return (size + alignment - 1) & ~(alignment - 1);
}

static bool find_in_notes(const uint8_t *notes, uint64_t length, uint64_t alignment,
			  struct build_id *build_id)
{
	uint64_t at = 0;
	while (at + sizeof(Elf64_Nhdr) <= length) {
		Elf64_Nhdr note;
		memcpy(&note, notes + at, sizeof(note));
		uint64_t name = at + sizeof(note);
		uint64_t text = align(name + note.n_namesz, alignment);
		at = align(text + note.n_descsz, alignment);
		if (text + note.n_descsz > length)
			return false;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(ELF_NOTE_GNU) &&
		    memcmp(notes + name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0 &&
		    note.n_descsz > 0 && note.n_descsz <= sizeof(build_id->bytes)) {
			memcpy(build_id->bytes, notes + text, note.n_descsz);
			build_id->length = note.n_descsz;
			return true;
		}
	}
	return false;
}

static bool find_in_segment(build_id_reader *read, void *context, const Elf64_Phdr *segment,
			    struct build_id *build_id)
{
	if (segment->p_type != PT_NOTE || segment->p_filesz > MAX_NOTES)
		return false;
	CLEANUP(freep) uint8_t *notes = malloc(segment->p_filesz + 1);
	return notes && read(context, segment->p_offset, notes, segment->p_filesz) &&
	       find_in_notes(notes, segment->p_filesz, segment->p_align == 8 ? 8 : 4, build_id);
}

bool build_id_find(build_id_reader *read, void *context, struct build_id *ret_build_id)
{
	Elf64_Ehdr header;
	Elf64_Phdr segments[MAX_HEADERS];
	if (!read(context, 0, &header, sizeof(header)) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(*segments) ||
	    header.e_phnum > MAX_HEADERS ||
	    !read(context, header.e_phoff, segments, header.e_phnum * sizeof(*segments)))
		return false;
	for (size_t i = 0; i < header.e_phnum; i++)
		if (find_in_segment(read, context, &segments[i], ret_build_id))
			return true;
	return false;
}

bool build_id_equal(const struct build_id *a, const struct build_id *b)
{
	return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}
