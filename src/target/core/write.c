/* SPDX-License-Identifier: MIT */
#include "target/core/write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "target/core/format.h"
#include "target/core/write_private.h"

enum {
	PAGE = 4096,
	CHUNK = 1 << 20,
	PIECE = 1 << 14, /* what is skipped never ends within one: a pool of pymalloc */
	PAGES = CHUNK / PAGE,
};

/* Room for segments that gaps in the memory cut into pieces; not used, it is a
 * hole. Where there are more gaps, the rest of a mapping is missing. */
#define SPARE_SEGMENTS 16384

/* The file: header, a section header that only counts the segments, segments,
 * notes, memory. */
struct writer {
	struct target *source;
	const struct core_writing *writing;
	size_t next_left_out;
	int fd;
	int errnum;        /* the first error of writing */
	uint64_t position; /* of fd */
	uint64_t end;      /* of what is laid out, a whole number of pages */
	Elf64_Phdr *segments;
	size_t count, capacity;
	uint64_t notes_length;
	uint8_t *buffer;
	struct target_read reads[PAGES];
	struct core_written written;
};

static uint64_t page_ceiling(uint64_t size)
{
	return (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static void put(struct writer *writer, uint64_t offset, const void *bytes, size_t length)
{
	if (writer->errnum)
		return;
	if (writer->position != offset && lseek(writer->fd, (off_t)offset, SEEK_SET) < 0) {
		writer->errnum = errno;
		return;
	}
	for (size_t done = 0; done < length;) {
		ssize_t wrote = write(writer->fd, (const char *)bytes + done, length - done);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0) {
			writer->errnum = wrote < 0 ? errno : ENOSPC;
			return;
		}
		done += (size_t)wrote;
	}
	writer->position = offset + length;
	writer->written.stored += length;
}

/* ---- segments --------------------------------------------------------------- */

static Elf64_Phdr *begin_segment(struct writer *writer, const struct mapping *mapping,
				 uint64_t address)
{
	Elf64_Phdr *segment = &writer->segments[writer->count++];
	*segment = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = (mapping->flags & MAPPING_READ ? PF_R : 0) |
			   (mapping->flags & MAPPING_WRITE ? PF_W : 0) |
			   (mapping->flags & MAPPING_EXEC ? PF_X : 0),
		.p_offset = writer->end,
		.p_vaddr = address,
		.p_align = PAGE,
	};
	return segment;
}

/* Memory that is not written: the tail of the last segment. */
static void leave_out(struct writer *writer, uint64_t length)
{
	writer->segments[writer->count - 1].p_memsz += length;
}

/* Memory that is: gives the offset in the file, 0 where no segment is left for it. */
static uint64_t take_in(struct writer *writer, const struct mapping *mapping, uint64_t address,
			uint64_t length)
{
	Elf64_Phdr *segment = &writer->segments[writer->count - 1];
	if (segment->p_filesz < segment->p_memsz) {
		if (writer->count == writer->capacity) {
			leave_out(writer, length);
			return 0;
		}
		segment = begin_segment(writer, mapping, address);
	}
	uint64_t offset = segment->p_offset + segment->p_filesz;
	segment->p_filesz += length;
	segment->p_memsz += length;
	writer->end = page_ceiling(segment->p_offset + segment->p_filesz);
	return offset;
}

/* ---- memory ------------------------------------------------------------------- */

static bool is_zero(const uint8_t *bytes, size_t length)
{
	return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

/* All but pages of zeros, neighbours in one call. */
static void put_pages(struct writer *writer, uint64_t offset, const uint8_t *bytes, size_t length)
{
	size_t run = 0;
	for (size_t at = 0; at < length; at += PAGE) {
		size_t page = length - at < PAGE ? length - at : PAGE;
		if (!is_zero(bytes + at, page))
			continue;
		if (run < at)
			put(writer, offset + run, bytes + run, at - run);
		run = at + page;
	}
	if (run < length)
		put(writer, offset + run, bytes + run, length - run);
}

static void store(struct writer *writer, const struct mapping *mapping, uint64_t address,
		  const uint8_t *bytes, size_t length)
{
	uint64_t offset = take_in(writer, mapping, address, length);
	if (offset)
		put_pages(writer, offset, bytes, length);
	else
		writer->written.missing += length;
}

static void filter(struct writer *writer, const struct mapping *mapping, uint64_t address,
		   size_t length)
{
	if (writer->writing->filter && !mapping_is_file(mapping))
		writer->writing->filter(writer->writing->context, address, writer->buffer, length);
}

/* A chunk in which something is missing: page by page. */
static void store_in_part(struct writer *writer, const struct mapping *mapping, uint64_t address,
			  size_t length)
{
	size_t count = 0, run = 0, at = 0;
	for (; at < length; at += PAGE)
		writer->reads[count++] = (struct target_read){
			.address = address + at,
			.buffer = writer->buffer + at,
			.length = length - at < PAGE ? (uint32_t)(length - at) : PAGE,
		};
	target_read_many(writer->source, writer->reads, count);
	filter(writer, mapping, address, length);
	at = 0;
	for (size_t i = 0; i < count; at += writer->reads[i++].length) {
		if (writer->reads[i].fault == FAULT_NONE)
			continue;
		if (run < at)
			store(writer, mapping, address + run, writer->buffer + run, at - run);
		leave_out(writer, writer->reads[i].length);
		/* Of what is not there, as behind the end of a mapped file, nothing is missing. */
		if (writer->reads[i].fault != FAULT_UNMAPPED)
			writer->written.missing += writer->reads[i].length;
		run = at + writer->reads[i].length;
	}
	if (run < at)
		store(writer, mapping, address + run, writer->buffer + run, at - run);
}

/* The range to be left out that ends behind `address`; NULL if there is none. */
static const struct address_range *left_out_after(struct writer *writer, uint64_t address)
{
	const struct core_writing *writing = writer->writing;
	while (writer->next_left_out < writing->left_out_count &&
	       writing->left_out[writer->next_left_out].end <= address)
		writer->next_left_out++;
	return writer->next_left_out < writing->left_out_count
		       ? &writing->left_out[writer->next_left_out]
		       : NULL;
}

static enum fault put_mapping(struct writer *writer, const struct mapping *mapping, uint64_t length)
{
	uint64_t end = mapping->start + length;
	begin_segment(writer, mapping, mapping->start);
	for (uint64_t at = mapping->start; at < end && !writer->errnum;) {
		const struct address_range *unwanted = left_out_after(writer, at);
		uint64_t stop = unwanted && unwanted->start < end ? unwanted->start : end;
		if (stop <= at) {
			uint64_t rest = (unwanted->end < end ? unwanted->end : end) - at;
			leave_out(writer, rest);
			at += rest;
			continue;
		}
		uint64_t next = target_next_data(writer->source, at, stop) & ~(uint64_t)(PIECE - 1);
		next = next > at ? next : at;
		writer->written.memory += next - at;
		if (next > at) { /* zeros: a hole */
			if (!take_in(writer, mapping, at, next - at))
				writer->written.missing += next - at;
			at = next;
			continue;
		}
		size_t whole = CHUNK - at % CHUNK, covered = 0;
		size_t part = stop - at < whole ? stop - at : whole;
		writer->written.memory += part;
		enum fault fault =
			target_read_some(writer->source, at, writer->buffer, part, &covered);
		if (fault == FAULT_GONE)
			return fault;
		if (fault == FAULT_NONE && covered == part) {
			filter(writer, mapping, at, part);
			store(writer, mapping, at, writer->buffer, part);
		} else {
			store_in_part(writer, mapping, at, part);
		}
		at += part;
	}
	leave_out(writer, mapping->end - end);
	return FAULT_NONE;
}

/* ---- the whole ------------------------------------------------------------------ */

static uint64_t segments_offset(void)
{
	return sizeof(Elf64_Ehdr) + sizeof(Elf64_Shdr);
}

static void put_headers(struct writer *writer)
{
	bool many = writer->count >= PN_XNUM;
	Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = segments_offset(),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = many ? PN_XNUM : (uint16_t)writer->count,
	};
	Elf64_Shdr section = {.sh_info = (uint32_t)writer->count};
	if (many) {
		header.e_shoff = sizeof(header);
		header.e_shentsize = sizeof(section);
		header.e_shnum = 1;
	}
	put(writer, 0, &header, sizeof(header));
	put(writer, sizeof(header), &section, sizeof(section));
	put(writer, segments_offset(), writer->segments, writer->count * sizeof(Elf64_Phdr));
}

/* The file is as long as its headers say, also if it ends with zeros. */
static void put_end(struct writer *writer, uint64_t last_stored)
{
	uint64_t end = 0;
	for (size_t i = 0; i < writer->count; i++) {
		const Elf64_Phdr *segment = &writer->segments[i];
		if (segment->p_filesz && segment->p_offset + segment->p_filesz > end)
			end = segment->p_offset + segment->p_filesz;
	}
	writer->written.size = end;
	if (end > last_stored)
		put(writer, end - 1, "", 1);
}

static enum fault put_memory(struct writer *writer, const uint64_t *sizes)
{
	const struct maps *maps = target_maps(writer->source);
	for (size_t i = 0; i < maps->count && !writer->errnum; i++) {
		writer->capacity++; /* each mapping to come has a segment of its own */
		enum fault fault = put_mapping(writer, &maps->items[i], sizes[i]);
		if (fault != FAULT_NONE)
			return fault;
	}
	return FAULT_NONE;
}

static struct heapspy_error *write_all(struct writer *writer, const uint64_t *sizes,
				       const uint8_t *notes, size_t notes_length)
{
	const struct maps *maps = target_maps(writer->source);
	uint64_t notes_offset =
		segments_offset() + (maps->count + 1 + SPARE_SEGMENTS) * sizeof(Elf64_Phdr);
	writer->segments[writer->count++] = (Elf64_Phdr){
		.p_type = PT_NOTE,
		.p_offset = notes_offset,
		.p_filesz = notes_length,
		.p_align = 4,
	};
	put(writer, notes_offset, notes, notes_length);
	writer->end = page_ceiling(notes_offset + notes_length);
	enum fault fault = put_memory(writer, sizes);
	if (fault != FAULT_NONE)
		return error_from_fault(fault, 0, "cannot read %s", target_name(writer->source));
	put_end(writer, writer->position);
	put_headers(writer);
	if (writer->errnum)
		return error_errno(HEAPSPY_OUTPUT, writer->errnum, "cannot write the snapshot");
	return NULL;
}

/* The name of the program stays. */
static void drop_arguments(struct core_process *process)
{
	char *text = process->psinfo.pr_psargs;
	size_t size = sizeof(process->psinfo.pr_psargs), length = strnlen(text, size);
	char *blank = memchr(text, ' ', length);
	if (blank)
		memset(blank, 0, (size_t)(text + size - blank));
}

struct heapspy_error *core_write(struct target *source, int fd, const struct core_writing *writing,
				 struct core_written *ret_written)
{
	const struct maps *maps = target_maps(source);
	struct core_process process = {0};
	size_t notes_length = 0;
	if (!core_process_learn(source, &process))
		return error_no_memory();
	if (writing->without_arguments)
		drop_arguments(&process);
	CLEANUP(freep) uint8_t *notes =
		core_format_notes(&process, maps, writing->about, &notes_length);
	core_process_fini(&process);
	CLEANUP(freep) uint64_t *sizes = core_choose(source);
	CLEANUP(freep) struct writer *writer = calloc(1, sizeof(*writer));
	if (!notes || !sizes || !writer)
		return error_no_memory();
	writer->source = source;
	writer->writing = writing;
	writer->fd = fd;
	writer->capacity = 1 + SPARE_SEGMENTS;
	CLEANUP(freep) Elf64_Phdr *segments =
		calloc(maps->count + 1 + SPARE_SEGMENTS, sizeof(*writer->segments));
	CLEANUP(freep) uint8_t *buffer = malloc(CHUNK);
	if (!segments || !buffer)
		return error_no_memory();
	writer->segments = segments;
	writer->buffer = buffer;
	struct heapspy_error *error = write_all(writer, sizes, notes, notes_length);
	if (!error)
		*ret_written = writer->written;
	return error;
}
