/* SPDX-License-Identifier: MIT */
#include "core_maker.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "unit.h"

#include "target/core/core.h"

void core_add_memory(struct core_maker *maker, uint64_t address, const void *contents,
		     uint64_t filesz, uint64_t memsz, uint32_t flags)
{
	assert_true(maker->segment_count < CORE_MOST_SEGMENTS);
	maker->contents[maker->segment_count] = contents;
	maker->segments[maker->segment_count++] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = flags,
		.p_vaddr = address,
		.p_filesz = filesz,
		.p_memsz = memsz,
		.p_align = 4096,
	};
}

static void append(struct core_maker *maker, const void *bytes, size_t length)
{
	static const char zeros[4];
	size_t padding = -length & 3;
	assert_true(maker->notes_length + length + padding <= sizeof(maker->notes));
	if (length)
		memcpy(maker->notes + maker->notes_length, bytes, length);
	memcpy(maker->notes + maker->notes_length + length, zeros, padding);
	maker->notes_length += length + padding;
}

void core_add_note(struct core_maker *maker, const char *owner, uint32_t type, const void *bytes,
		   size_t length)
{
	Elf64_Nhdr header = {(uint32_t)strlen(owner) + 1, (uint32_t)length, type};
	append(maker, &header, sizeof(header));
	append(maker, owner, header.n_namesz);
	append(maker, bytes, length);
}

void core_add_files(struct core_maker *maker, const struct core_maker_file *files, size_t count)
{
	uint8_t note[4096];
	uint64_t words[2] = {count, 4096};
	size_t length = 0;
	memcpy(note, words, sizeof(words));
	length += sizeof(words);
	for (size_t i = 0; i < count; i++) {
		uint64_t entry[3] = {files[i].start, files[i].end, files[i].page};
		memcpy(note + length, entry, sizeof(entry));
		length += sizeof(entry);
	}
	for (size_t i = 0; i < count; i++) {
		strcpy((char *)note + length, files[i].path);
		length += strlen(files[i].path) + 1;
	}
	core_add_note(maker, "CORE", NT_FILE, note, length);
}

void core_add_process(struct core_maker *maker, int pid)
{
	struct elf_prpsinfo psinfo = {.pr_pid = pid, .pr_psargs = "python3 app.py "};
	struct elf_prstatus status = {.pr_pid = pid};
	core_add_note(maker, "CORE", NT_PRSTATUS, &status, sizeof(status));
	core_add_note(maker, "CORE", NT_PRPSINFO, &psinfo, sizeof(psinfo));
}

Elf64_Ehdr *core_header(struct core_maker *maker)
{
	return (void *)maker->bytes;
}

Elf64_Phdr *core_program_header(struct core_maker *maker, size_t index)
{
	return (Elf64_Phdr *)(void *)(maker->bytes + sizeof(Elf64_Ehdr)) + index;
}

void core_finish(struct core_maker *maker)
{
	Elf64_Phdr headers[CORE_MOST_SEGMENTS + 1] = {{.p_type = PT_NOTE, .p_align = 4}};
	size_t count = maker->segment_count + 1;
	size_t at = sizeof(Elf64_Ehdr) + count * sizeof(Elf64_Phdr);
	headers[0].p_offset = at;
	headers[0].p_filesz = maker->notes_length;
	memset(maker->bytes, 0, sizeof(maker->bytes));
	memcpy(maker->bytes + at, maker->notes, maker->notes_length);
	at += maker->notes_length;
	for (size_t i = 0; i < maker->segment_count; i++) {
		headers[i + 1] = maker->segments[i];
		headers[i + 1].p_offset = at;
		assert_true(at + maker->segments[i].p_filesz <= sizeof(maker->bytes));
		if (maker->contents[i])
			memcpy(maker->bytes + at, maker->contents[i], maker->segments[i].p_filesz);
		at += maker->segments[i].p_filesz;
	}
	maker->length = at;
	*core_header(maker) = (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (uint16_t)count,
	};
	memcpy(core_program_header(maker, 0), headers, count * sizeof(*headers));
}

struct heapspy_error *core_open_bytes(const void *bytes, size_t length, struct target **ret_target)
{
	int fd = memfd_create("core", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(length == 0 || write(fd, bytes, length) == (ssize_t)length);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct heapspy_error *error = target_open_core(path, ret_target);
	close(fd);
	return error;
}
