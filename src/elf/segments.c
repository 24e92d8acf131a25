/* SPDX-License-Identifier: MIT */
#include "elf/segments.h"

#include <string.h>

/* Segments are mapped by pages of the kernel, at least so large. */
#define PAGE UINT64_C(4096)

/* User addresses are lower, and so is anything in a sane file: sums do not wrap. */
#define MAX_ADDRESS (UINT64_C(1) << 56)

static uint64_t page_floor(uint64_t address)
{
	return address & ~(PAGE - 1);
}

static uint64_t page_ceiling(uint64_t address)
{
	return page_floor(address + PAGE - 1);
}

static void add(struct segments *segments, const Elf64_Phdr *header)
{
	if (segments->count == MAX_SEGMENTS)
		return;
	if (header->p_vaddr > MAX_ADDRESS || header->p_memsz > MAX_ADDRESS ||
	    header->p_offset > MAX_ADDRESS || header->p_filesz > MAX_ADDRESS)
		return;
	if (header->p_type == PT_LOAD && (header->p_vaddr % PAGE != header->p_offset % PAGE ||
					  header->p_filesz > header->p_memsz))
		return;
	segments->items[segments->count++] = *header;
}

static bool any_load(const struct segments *segments)
{
	for (size_t i = 0; i < segments->count; i++) {
		if (segments->items[i].p_type == PT_LOAD)
			return true;
	}
	return false;
}

bool segments_from_file(const struct elf_file *file, struct segments *ret_segments)
{
	size_t count;
	if (elf_getphdrnum(file->elf, &count) != 0)
		return false;
	struct segments segments = {.count = 0};
	for (size_t i = 0; i < count && segments.count < MAX_SEGMENTS; i++) {
		GElf_Phdr header;
		if (!gelf_getphdr(file->elf, (int)i, &header))
			return false;
		add(&segments, &header);
	}
	if (!any_load(&segments))
		return false;
	*ret_segments = segments;
	return true;
}

bool segments_from_memory(struct target *target, uint64_t header, struct segments *ret_segments)
{
	Elf64_Ehdr elf;
	if (target_read(target, header, &elf, sizeof(elf)) != FAULT_NONE ||
	    memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_ident[EI_CLASS] != ELFCLASS64 ||
	    elf.e_ident[EI_DATA] != ELFDATA2LSB || elf.e_phentsize != sizeof(Elf64_Phdr) ||
	    elf.e_phnum > MAX_SEGMENTS || elf.e_phoff > MAX_ADDRESS)
		return false;
	Elf64_Phdr headers[MAX_SEGMENTS];
	if (target_read(target, header + elf.e_phoff, headers, elf.e_phnum * sizeof(headers[0])) !=
	    FAULT_NONE)
		return false;
	struct segments segments = {.count = 0};
	for (size_t i = 0; i < elf.e_phnum; i++)
		add(&segments, &headers[i]);
	if (!any_load(&segments))
		return false;
	*ret_segments = segments;
	return true;
}

/* The bias at which a segment is what a mapping shows of the file. */
static bool bias_from(const Elf64_Phdr *segment, const struct mapping *mapping, uint64_t *ret_bias)
{
	uint64_t first = page_floor(segment->p_offset);
	uint64_t last = page_ceiling(segment->p_offset + segment->p_filesz);
	if (segment->p_type != PT_LOAD || mapping->offset < first || mapping->offset >= last)
		return false;
	*ret_bias = mapping->start - (page_floor(segment->p_vaddr) + (mapping->offset - first));
	return true;
}

/* How many mappings of the file lie where the bias puts them. A page that two
 * segments share is mapped twice, so each mapping may fit two segments. */
static size_t agreeing(const struct segments *segments, const struct maps *maps,
		       const struct mapping *mapping, uint64_t bias)
{
	size_t count = 0;
	for (size_t m = 0; m < maps->count; m++) {
		if (!mapping_same_file(&maps->items[m], mapping))
			continue;
		for (size_t s = 0; s < segments->count; s++) {
			uint64_t its;
			if (bias_from(&segments->items[s], &maps->items[m], &its) && its == bias) {
				count++;
				break;
			}
		}
	}
	return count;
}

bool segments_bias(const struct segments *segments, const struct maps *maps,
		   const struct mapping *mapping, uint64_t *ret_bias)
{
	size_t best = 0;
	for (size_t s = 0; s < segments->count; s++) {
		uint64_t bias;
		if (!bias_from(&segments->items[s], mapping, &bias))
			continue;
		size_t count = agreeing(segments, maps, mapping, bias);
		if (count > best) {
			best = count;
			*ret_bias = bias;
		}
	}
	return best > 0;
}

void segments_range(const struct segments *segments, uint64_t *ret_start, uint64_t *ret_end)
{
	uint64_t start = UINT64_MAX, end = 0;
	for (size_t i = 0; i < segments->count; i++) {
		const Elf64_Phdr *segment = &segments->items[i];
		if (segment->p_type != PT_LOAD)
			continue;
		uint64_t first = page_floor(segment->p_vaddr);
		uint64_t last = page_ceiling(segment->p_vaddr + segment->p_memsz);
		start = first < start ? first : start;
		end = last > end ? last : end;
	}
	*ret_start = start;
	*ret_end = end;
}

const Elf64_Phdr *segments_find(const struct segments *segments, uint64_t address)
{
	for (size_t i = 0; i < segments->count; i++) {
		const Elf64_Phdr *segment = &segments->items[i];
		if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
		    address - segment->p_vaddr < segment->p_memsz)
			return segment;
	}
	return NULL;
}
