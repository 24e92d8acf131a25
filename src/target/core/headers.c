/* SPDX-License-Identifier: MIT */
/* The program headers of a core: which memory is where in the file. */
#include <inttypes.h>
#include <string.h>

#include "base/bisect.h"
#include "base/error.h"
#include "base/io.h"
#include "target/core/private.h"

/* Processes of the largest databases have a few 100,000 mappings. */
#define MAX_HEADERS (UINT64_C(1) << 20)

void core_headers_fini(struct core_headers *headers)
{
	free(headers->segments);
	free(headers->notes);
	*headers = (struct core_headers){0};
}

const struct core_segment *core_segment_after(const struct core_headers *headers, uint64_t address)
{
	size_t low = BISECT(headers->segment_count, at, headers->segments[at].end <= address);
	return low == headers->segment_count ? NULL : &headers->segments[low];
}

/* 65,535 and more are counted in the first section header, which the kernel writes
 * at the end of the file. Where that was cut off, the first header tells: it is of
 * the notes, which lie behind the last. */
static struct heapspy_error *count_many(const struct core_target *core, const Elf64_Ehdr *header,
					uint64_t *ret_count)
{
	Elf64_Shdr section;
	Elf64_Phdr first;
	if (header->e_shoff && header->e_shoff <= INT64_MAX &&
	    header->e_shentsize == sizeof(section) &&
	    io_pread_all(core->fd, &section, sizeof(section), (off_t)header->e_shoff) ==
		    sizeof(section)) {
		*ret_count = section.sh_info;
		return NULL;
	}
	if (header->e_phoff <= INT64_MAX &&
	    io_pread_all(core->fd, &first, sizeof(first), (off_t)header->e_phoff) ==
		    sizeof(first) &&
	    first.p_offset > header->e_phoff) {
		*ret_count = (first.p_offset - header->e_phoff) / sizeof(first);
		return NULL;
	}
	return core_bad(core, header->e_shoff, "the number of its program headers is not there");
}

static struct heapspy_error *count_headers(const struct core_target *core, const Elf64_Ehdr *header,
					   uint64_t *ret_count)
{
	uint64_t count = header->e_phnum;
	struct heapspy_error *error = NULL;
	if (count == PN_XNUM && (error = count_many(core, header, &count)))
		return error;
	if (count == 0)
		return core_bad(core, offsetof(Elf64_Ehdr, e_phnum), "it has no program headers");
	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return core_bad(core, offsetof(Elf64_Ehdr, e_phentsize),
				"program headers of %u bytes, not %zu", header->e_phentsize,
				sizeof(Elf64_Phdr));
	if (header->e_phoff >= core->facts.size)
		return core_bad(core, offsetof(Elf64_Ehdr, e_phoff),
				"program headers beyond its end: at %#" PRIx64, header->e_phoff);
	if (count > MAX_HEADERS)
		return core_bad(core, header->e_phoff, "%" PRIu64 " program headers are too many",
				count);
	if (count > (core->facts.size - header->e_phoff) / sizeof(Elf64_Phdr))
		return core_refuse(
			core, "it is cut off after %" PRIu64 " bytes, within its program headers",
			core->facts.size);
	*ret_count = count;
	return NULL;
}

static unsigned flags_of(const Elf64_Phdr *header)
{
	return (header->p_flags & PF_R ? MAPPING_READ : 0) |
	       (header->p_flags & PF_W ? MAPPING_WRITE : 0) |
	       (header->p_flags & PF_X ? MAPPING_EXEC : 0);
}

/* `at`: where the header is. */
static struct heapspy_error *add(const struct core_target *core, const Elf64_Phdr *header,
				 uint64_t at, struct core_headers *headers)
{
	if (header->p_type != PT_LOAD && header->p_type != PT_NOTE)
		return NULL;
	if (header->p_offset > INT64_MAX || header->p_filesz > INT64_MAX - header->p_offset)
		return core_bad(core, at,
				"a segment of %#" PRIx64 " bytes at %#" PRIx64
				" of the file, which no file can have",
				header->p_filesz, header->p_offset);
	if (header->p_type == PT_NOTE) {
		headers->notes[headers->note_count++] =
			(struct core_range){header->p_offset, header->p_filesz};
		return NULL;
	}
	if (header->p_memsz == 0)
		return NULL;
	if (header->p_filesz > header->p_memsz)
		return core_bad(core, at,
				"a segment of %#" PRIx64 " bytes in the file and %#" PRIx64
				" in memory",
				header->p_filesz, header->p_memsz);
	struct core_segment segment = {
		.start = header->p_vaddr,
		.offset = header->p_offset,
		.length = header->p_filesz,
		.flags = flags_of(header),
	};
	if (__builtin_add_overflow(header->p_vaddr, header->p_memsz, &segment.end))
		return core_bad(core, at, "a segment of %#" PRIx64 " bytes at address %#" PRIx64
				" goes round the address space", header->p_memsz, header->p_vaddr);
	uint64_t end = segment.offset + segment.length, size = core->facts.size;
	if (end > size)
		headers->cut_off += segment.offset >= size ? segment.length : end - size;
	headers->segments[headers->segment_count++] = segment;
	return NULL;
}

static int compare_segments(const void *a, const void *b)
{
	const struct core_segment *left = a, *right = b;
	return left->start < right->start ? -1 : left->start > right->start;
}

static struct heapspy_error *sort(const struct core_target *core, struct core_headers *headers)
{
	struct core_segment *segments = headers->segments;
	qsort(segments, headers->segment_count, sizeof(*segments), compare_segments);
	for (size_t i = 1; i < headers->segment_count; i++)
		if (segments[i].start < segments[i - 1].end)
			return core_bad(core, segments[i].offset,
					"two segments of the same address %#" PRIx64
					", the other one at %#" PRIx64,
					segments[i].start, segments[i - 1].offset);
	return NULL;
}

static struct heapspy_error *check_cut(const struct core_target *core,
				       const struct core_headers *headers)
{
	uint64_t promised = 0;
	for (size_t i = 0; i < headers->segment_count; i++)
		promised += headers->segments[i].length;
	if (promised == 0)
		return core_refuse(core, "it holds no memory at all");
	if (headers->cut_off == promised)
		return core_refuse(core, "it is cut off after %" PRIu64
				   " bytes: nothing of the memory of its process is left",
				   core->facts.size);
	return NULL;
}

static struct heapspy_error *read_all(const struct core_target *core, const Elf64_Ehdr *header,
				      struct core_headers *headers)
{
	uint64_t count = 0;
	struct heapspy_error *error = count_headers(core, header, &count);
	if (error)
		return error;
	size_t length = count * sizeof(Elf64_Phdr);
	CLEANUP(freep) Elf64_Phdr *table = malloc(length);
	headers->segments = calloc(count, sizeof(*headers->segments));
	headers->notes = calloc(count, sizeof(*headers->notes));
	if (!table || !headers->segments || !headers->notes)
		return error_no_memory();
	ssize_t got = io_pread_all(core->fd, table, length, (off_t)header->e_phoff);
	if (got < 0 || (size_t)got != length)
		return core_bad(core, header->e_phoff, "its program headers cannot be read");
	for (uint64_t i = 0; i < count; i++)
		if ((error = add(core, &table[i], header->e_phoff + i * sizeof(Elf64_Phdr),
				 headers)))
			return error;
	if ((error = sort(core, headers)))
		return error;
	return check_cut(core, headers);
}

struct heapspy_error *core_read_headers(const struct core_target *core, const Elf64_Ehdr *header,
					struct core_headers *ret_headers)
{
	struct core_headers headers = {0};
	struct heapspy_error *error = read_all(core, header, &headers);
	if (error)
		core_headers_fini(&headers);
	else
		*ret_headers = headers;
	return error;
}
