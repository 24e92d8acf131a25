/* SPDX-License-Identifier: MIT */
#include "elf/dynamic.h"

#include <string.h>

/* A libpython has 2,000 dynamic symbols and 60 KiB of names. */
#define MAX_ENTRIES 512
#define MAX_SYMBOLS (UINT64_C(1) << 18)
#define MAX_NAMES (UINT64_C(1) << 24)
#define MAX_NOTES 4096

struct dynamic {
	Elf64_Sym *symbols;
	size_t count;
	char *names; /* ends with a NUL of our own */
	size_t names_length;
};

/* Where a piece of the module is read from, and how far that may go. */
struct image {
	struct target *target;
	uint64_t bias, start, end;
};

static bool read_image(const struct image *image, uint64_t address, void *buffer, uint64_t length)
{
	return address >= image->start && address <= image->end && length <= image->end - address &&
	       target_read(image->target, address, buffer, length) == FAULT_NONE;
}

/* glibc adds the bias to the addresses of the dynamic section in place, musl
 * leaves them as they are in the file. */
static uint64_t relocated(const struct image *image, uint64_t address)
{
	return address >= image->start && address < image->end ? address : address + image->bias;
}

/* System V ABI, chapter 5: one chain entry for each symbol. */
static uint64_t count_by_hash(const struct image *image, uint64_t table)
{
	uint32_t words[2]; /* buckets, chain */
	return read_image(image, table, words, sizeof(words)) ? words[1] : 0;
}

/* The table has no count: the last symbol ends the chain that begins last. */
static uint64_t count_by_gnu_hash(const struct image *image, uint64_t table)
{
	struct {
		uint32_t buckets, first_symbol, bloom_words, bloom_shift;
	} header;
	if (!read_image(image, table, &header, sizeof(header)) || header.buckets > MAX_SYMBOLS ||
	    header.bloom_words > MAX_SYMBOLS)
		return 0;
	uint64_t at = table + sizeof(header) + header.bloom_words * sizeof(uint64_t);
	CLEANUP(freep) uint32_t *buckets = calloc(header.buckets + 1, sizeof(uint32_t));
	if (!buckets || !read_image(image, at, buckets, header.buckets * sizeof(uint32_t)))
		return 0;
	uint64_t last = 0;
	for (size_t i = 0; i < header.buckets; i++)
		last = buckets[i] > last ? buckets[i] : last;
	if (last < header.first_symbol)
		return header.first_symbol;
	at += header.buckets * sizeof(uint32_t);
	for (; last < MAX_SYMBOLS; last++) {
		uint32_t hash;
		if (!read_image(image, at + (last - header.first_symbol) * sizeof(hash), &hash,
				sizeof(hash)))
			return 0;
		if (hash & 1)
			return last + 1;
	}
	return 0;
}

static const Elf64_Phdr *segment_of_type(const struct segments *segments, uint32_t type)
{
	for (size_t i = 0; i < segments->count; i++) {
		if (segments->items[i].p_type == type)
			return &segments->items[i];
	}
	return NULL;
}

static bool fill(struct dynamic *dynamic, const struct image *image, const Elf64_Phdr *segment)
{
	uint64_t symbols = 0, names = 0, names_length = 0, hash = 0, gnu_hash = 0;
	uint64_t entries = segment->p_memsz / sizeof(Elf64_Dyn);
	for (uint64_t i = 0; i < entries && i < MAX_ENTRIES; i++) {
		Elf64_Dyn entry;
		if (!read_image(image, image->bias + segment->p_vaddr + i * sizeof(entry), &entry,
				sizeof(entry)) ||
		    entry.d_tag == DT_NULL)
			break;
		switch (entry.d_tag) {
		case DT_SYMTAB:
			symbols = relocated(image, entry.d_un.d_ptr);
			break;
		case DT_STRTAB:
			names = relocated(image, entry.d_un.d_ptr);
			break;
		case DT_STRSZ:
			names_length = entry.d_un.d_val;
			break;
		case DT_HASH:
			hash = relocated(image, entry.d_un.d_ptr);
			break;
		case DT_GNU_HASH:
			gnu_hash = relocated(image, entry.d_un.d_ptr);
			break;
		default:
			break;
		}
	}

	uint64_t count = hash ? count_by_hash(image, hash) : 0;
	if (count == 0 && gnu_hash)
		count = count_by_gnu_hash(image, gnu_hash);
	if (count == 0 || count > MAX_SYMBOLS || names_length == 0 || names_length > MAX_NAMES)
		return false;
	dynamic->symbols = calloc(count, sizeof(Elf64_Sym));
	dynamic->names = calloc(1, names_length + 1);
	dynamic->count = count;
	dynamic->names_length = names_length;
	return dynamic->symbols && dynamic->names &&
	       read_image(image, symbols, dynamic->symbols, count * sizeof(Elf64_Sym)) &&
	       read_image(image, names, dynamic->names, names_length);
}

struct dynamic *dynamic_new(struct target *target, const struct segments *segments, uint64_t bias,
			    uint64_t start, uint64_t end)
{
	const Elf64_Phdr *segment = segment_of_type(segments, PT_DYNAMIC);
	CLEANUP(dynamic_freep)
	struct dynamic *dynamic = segment ? calloc(1, sizeof(*dynamic)) : NULL;
	struct image image = {target, bias, start, end};
	return dynamic && fill(dynamic, &image, segment) ? take_pointer(dynamic) : NULL;
}

void dynamic_free(struct dynamic *dynamic)
{
	if (!dynamic)
		return;
	free(dynamic->symbols);
	free(dynamic->names);
	free(dynamic);
}

void dynamic_symbols(const struct dynamic *dynamic, elf_symbol_visitor *visit, void *context)
{
	for (size_t i = 0; i < dynamic->count; i++) {
		const Elf64_Sym *symbol = &dynamic->symbols[i];
		if (symbol->st_shndx == SHN_UNDEF || symbol->st_name >= dynamic->names_length)
			continue;
		if (visit(dynamic->names + symbol->st_name, symbol, context))
			return;
	}
}

void dynamic_build_id(struct target *target, const struct segments *segments, uint64_t bias,
		      char ret_build_id[static ELF_BUILD_ID_SIZE])
{
	ret_build_id[0] = 0;
	for (size_t i = 0; i < segments->count && !ret_build_id[0]; i++) {
		const Elf64_Phdr *segment = &segments->items[i];
		char notes[MAX_NOTES];
		if (segment->p_type != PT_NOTE || segment->p_memsz > sizeof(notes))
			continue;
		if (target_read(target, bias + segment->p_vaddr, notes, segment->p_memsz) !=
		    FAULT_NONE)
			continue;
		Elf_Data data = {
		    .d_buf = notes,
		    .d_type = segment->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR,
		    .d_version = EV_CURRENT,
		    .d_size = segment->p_memsz,
		};
		elf_build_id_from_notes(&data, ret_build_id);
	}
}
