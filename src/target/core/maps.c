/* SPDX-License-Identifier: MIT */
/*
 * The address space of the process of a core.
 *
 * A snapshot says it as it was. Other cores have the memory (PT_LOAD) and the
 * files (NT_FILE), which overlap in part: gcore leaves out what it does not dump,
 * NT_FILE what is no file. Neither tells anonymous from shared memory, nor files
 * of one path apart; a path is a file here, its number the inode.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "target/core/private.h"
#include "target/maps_parse.h"

struct mapped {
	uint64_t start, end, offset;
	const char *path;
	ino_t inode;
};

static int by_address(const void *a, const void *b)
{
	const struct mapped *left = a, *right = b;
	return left->start < right->start ? -1 : left->start > right->start;
}

static int by_path(const void *a, const void *b)
{
	return strcmp((*(const struct mapped *const *)a)->path,
		      (*(const struct mapped *const *)b)->path);
}

static bool number_files(struct mapped *files, size_t count)
{
	struct mapped **sorted = calloc(count + 1, sizeof(struct mapped *));
	if (!sorted)
		return false;
	for (size_t i = 0; i < count; i++)
		sorted[i] = &files[i];
	qsort(sorted, count, sizeof(*sorted), by_path);
	ino_t number = 1;
	for (size_t i = 0; i < count; i++) {
		number += i && strcmp(sorted[i]->path, sorted[i - 1]->path) != 0;
		sorted[i]->inode = number;
	}
	free(sorted);
	return true;
}

/* Entries that make no sense are left out, and of two that overlap the latter. */
static size_t drop_nonsense(struct mapped *files, size_t count)
{
	size_t kept = 0;
	qsort(files, count, sizeof(*files), by_address);
	for (size_t i = 0; i < count; i++)
		if (files[i].start < files[i].end && files[i].path[0] &&
		    (!kept || files[i].start >= files[kept - 1].end))
			files[kept++] = files[i];
	return kept;
}

static struct heapspy_error *parse_files(const struct core_target *core,
					 const struct core_notes *notes, struct mapped **ret_files,
					 size_t *ret_count)
{
	struct core_file_header header;
	uint64_t length = notes->files_length;
	if (length < sizeof(header))
		return core_bad(core, notes->files_offset,
				"the list of mapped files has %" PRIu64 " bytes", length);
	memcpy(&header, notes->files, sizeof(header));
	length -= sizeof(header);
	if (header.count > length / (sizeof(struct core_file_entry) + 1))
		return core_bad(core, notes->files_offset,
				"the list of mapped files cannot hold %" PRIu64 " files",
				header.count);
	CLEANUP(freep) struct mapped *files = calloc(header.count + 1, sizeof(*files));
	if (!files)
		return error_no_memory();
	const uint8_t *entries = notes->files + sizeof(header);
	const char *path = (const char *)entries + header.count * sizeof(struct core_file_entry);
	const char *end = (const char *)notes->files + notes->files_length; /* a NUL stands there */
	for (uint64_t i = 0; i < header.count; i++) {
		struct core_file_entry entry;
		memcpy(&entry, entries + i * sizeof(entry), sizeof(entry));
		if (path >= end)
			return core_bad(
				core, notes->files_offset,
				"the list of mapped files ends before the path of file %" PRIu64,
				i + 1);
		files[i] = (struct mapped){.start = entry.start, .end = entry.end, .path = path};
		/* An offset that overflows is that of no file. */
		if (__builtin_mul_overflow(entry.offset, header.unit, &files[i].offset))
			files[i].end = files[i].start;
		path += strlen(path) + 1;
	}
	*ret_count = drop_nonsense(files, header.count);
	if (!number_files(files, *ret_count))
		return error_no_memory();
	*ret_files = take_pointer(files);
	return NULL;
}

/* ---- memory and files together ------------------------------------------ */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Each stretch of addresses that is in the same segment and the same file. */
static size_t join(const struct core_headers *headers, const struct mapped *files,
		   size_t file_count, struct mapping *items)
{
	static const struct core_segment no_segment = {.start = UINT64_MAX, .end = UINT64_MAX};
	static const struct mapped no_file = {.start = UINT64_MAX, .end = UINT64_MAX};
	const struct core_segment *segments = headers->segments;
	size_t count = 0, s = 0, f = 0;
	uint64_t at = 0;
	while (s < headers->segment_count || f < file_count) {
		const struct core_segment *segment =
			s < headers->segment_count ? &segments[s] : &no_segment;
		const struct mapped *file = f < file_count ? &files[f] : &no_file;
		uint64_t start = least(segment->start, file->start);
		if (start < at)
			start = at;
		bool in_segment = segment->start <= start, in_file = file->start <= start;
		uint64_t end = least(in_segment ? segment->end : segment->start,
				     in_file ? file->end : file->start);
		items[count++] = (struct mapping){
			.start = start,
			.end = end,
			.offset = in_file ? file->offset + (start - file->start) : 0,
			.flags = in_segment ? segment->flags : MAPPING_READ,
			.inode = in_file ? file->inode : 0,
			.path = in_file ? file->path : "",
		};
		at = end;
		s += segment->end <= at && s < headers->segment_count;
		f += file->end <= at && f < file_count;
	}
	return count;
}

/* The kernel's own names, as far as the auxiliary vector gives them away. */
static void name_special(const struct core_process *process, struct maps *maps)
{
	static const struct {
		uint64_t type;
		const char *name;
	} names[] = {
		{AT_SYSINFO_EHDR, "[vdso]"},
		{AT_RANDOM, "[stack]"}, /* sixteen bytes right there: create_elf_tables() */
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		uint64_t address = core_process_auxv(process, names[i].type);
		const struct mapping *mapping = address ? maps_find(maps, address) : NULL;
		if (mapping && !mapping_is_file(mapping))
			maps->items[mapping - maps->items].path = names[i].name;
	}
}

/* How far the heap may begin behind the program: the kernel puts it up to 1 GiB
 * away. arch_randomize_brk() in arch/x86/kernel/process.c. */
#define HEAP_DISTANCE (UINT64_C(2) << 30)

/* The heap that brk(2) moves follows the program: the first memory behind it that is
 * not the program's .bss, which adjoins its file. */
static void name_heap(const struct core_process *process, struct maps *maps)
{
	uint64_t entry = core_process_auxv(process, AT_ENTRY);
	const struct mapping *program = entry ? maps_find(maps, entry) : NULL;
	if (!program || !mapping_is_file(program))
		return;
	uint64_t end = program->end;
	for (size_t i = (size_t)(program - maps->items) + 1; i < maps->count; i++) {
		struct mapping *mapping = &maps->items[i];
		bool adjoins = mapping->start == end;
		if (mapping_is_file(mapping) && !mapping_same_file(mapping, program))
			return;
		if (!mapping_is_file(mapping) && !adjoins) {
			if (mapping->flags & MAPPING_WRITE && !mapping->path[0] &&
			    mapping->start - end <= HEAP_DISTANCE)
				mapping->path = "[heap]";
			return;
		}
		end = mapping->end;
	}
}

struct heapspy_error *core_make_maps(const struct core_target *core, struct core_notes *notes,
				     struct maps *ret_maps)
{
	if (notes->maps) {
		int errnum = maps_parse(take_pointer(notes->maps), notes->maps_length, ret_maps);
		return errnum ? error_no_memory() : NULL;
	}
	CLEANUP(freep) struct mapped *files = NULL;
	size_t file_count = 0;
	struct heapspy_error *error = NULL;
	if (notes->files && (error = parse_files(core, notes, &files, &file_count)))
		return error;
	/* A stretch begins or ends where one of them does. */
	size_t most = 2 * (core->headers.segment_count + file_count) + 1;
	struct maps maps = {.items = calloc(most, sizeof(*maps.items))};
	if (!maps.items)
		return error_no_memory();
	maps.count = join(&core->headers, files, file_count, maps.items);
	maps.names = (char *)take_pointer(notes->files);
	name_special(&notes->process, &maps);
	name_heap(&notes->process, &maps);
	*ret_maps = maps;
	return NULL;
}
