/* SPDX-License-Identifier: MIT */
/* The notes of a snapshot: in the order of the kernel, which debuggers rely on. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "target/core/format.h"
#include "target/core/write_private.h"

static void put_note(FILE *stream, const char *owner, uint32_t type, const void *bytes,
		     size_t length)
{
	static const char zeros[4];
	Elf64_Nhdr header = {
		.n_namesz = (uint32_t)strlen(owner) + 1,
		.n_descsz = (uint32_t)length,
		.n_type = type,
	};
	fwrite(&header, sizeof(header), 1, stream);
	fwrite(owner, header.n_namesz, 1, stream);
	fwrite(zeros, note_align(header.n_namesz) - header.n_namesz, 1, stream);
	if (length)
		fwrite(bytes, length, 1, stream);
	fwrite(zeros, note_align(length) - length, 1, stream);
}

/* Where there is no memory for a text, the stream of the notes shows it. */
struct text {
	char *bytes;
	size_t length;
	FILE *stream;
};

static FILE *begin(struct text *text)
{
	text->stream = open_memstream(&text->bytes, &text->length);
	return text->stream;
}

static bool end(struct text *text)
{
	bool failed = !text->stream || ferror(text->stream);
	if (text->stream && fclose(text->stream) != 0)
		failed = true;
	text->stream = NULL;
	return !failed && text->length <= UINT32_MAX;
}

static bool put_files(FILE *stream, const struct maps *maps)
{
	struct core_file_header header = {.unit = 4096};
	struct text text = {0};
	if (!begin(&text))
		return false;
	for (size_t i = 0; i < maps->count; i++)
		header.count += mapping_is_file(&maps->items[i]);
	fwrite(&header, sizeof(header), 1, text.stream);
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];
		struct core_file_entry entry = {mapping->start, mapping->end,
						mapping->offset / header.unit};
		if (mapping_is_file(mapping))
			fwrite(&entry, sizeof(entry), 1, text.stream);
	}
	for (size_t i = 0; i < maps->count; i++)
		if (mapping_is_file(&maps->items[i]))
			fwrite(maps->items[i].path, strlen(maps->items[i].path) + 1, 1,
			       text.stream);
	bool good = end(&text);
	if (good)
		put_note(stream, CORE_NOTE_OWNER, NT_FILE, text.bytes, text.length);
	free(text.bytes);
	return good;
}

static char letter(const struct mapping *mapping, unsigned flag, char yes)
{
	return mapping->flags & flag ? yes : '-';
}

/* As the kernel prints it: show_map_vma() of fs/proc/task_mmu.c. */
static bool put_maps(FILE *stream, const struct maps *maps)
{
	struct text text = {0};
	if (!begin(&text))
		return false;
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];
		fprintf(text.stream,
			"%08" PRIx64 "-%08" PRIx64 " %c%c%c%c %08" PRIx64 " %02x:%02x %ju%s%s\n",
			mapping->start, mapping->end, letter(mapping, MAPPING_READ, 'r'),
			letter(mapping, MAPPING_WRITE, 'w'), letter(mapping, MAPPING_EXEC, 'x'),
			mapping->flags & MAPPING_SHARED ? 's' : 'p', mapping->offset,
			major(mapping->device), minor(mapping->device), (uintmax_t)mapping->inode,
			mapping->path[0] ? " " : "", mapping->path);
	}
	bool good = end(&text);
	if (good)
		put_note(stream, SNAPSHOT_NOTE_OWNER, SNAPSHOT_NOTE_MAPS, text.bytes, text.length);
	free(text.bytes);
	return good;
}

static bool put_all(FILE *stream, const struct core_process *process, const struct maps *maps,
		    const char *about)
{
	size_t first = process->thread_count ? 1 : 0;
	for (size_t i = 0; i < first; i++)
		put_note(stream, CORE_NOTE_OWNER, NT_PRSTATUS, &process->threads[i],
			 sizeof(*process->threads));
	if (process->has_psinfo)
		put_note(stream, CORE_NOTE_OWNER, NT_PRPSINFO, &process->psinfo,
			 sizeof(process->psinfo));
	if (process->auxv_count)
		put_note(stream, CORE_NOTE_OWNER, NT_AUXV, process->auxv, process->auxv_count * 16);
	if (!put_files(stream, maps))
		return false;
	put_note(stream, SNAPSHOT_NOTE_OWNER, SNAPSHOT_NOTE_ABOUT, about, strlen(about));
	if (!put_maps(stream, maps))
		return false;
	for (size_t i = first; i < process->thread_count; i++)
		put_note(stream, CORE_NOTE_OWNER, NT_PRSTATUS, &process->threads[i],
			 sizeof(*process->threads));
	return true;
}

uint8_t *core_format_notes(const struct core_process *process, const struct maps *maps,
			   const char *about, size_t *ret_length)
{
	struct text text = {0};
	bool good = begin(&text) && put_all(text.stream, process, maps, about);
	if (end(&text) && good) {
		*ret_length = text.length;
		return (uint8_t *)text.bytes;
	}
	free(text.bytes);
	return NULL;
}
