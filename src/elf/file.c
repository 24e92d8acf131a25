/* SPDX-License-Identifier: MIT */
#include "elf/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <zlib.h>

#include "base/error.h"
#include "elf/error.h"

/* A file of more bytes than this is no interpreter. */
#define MAX_FILE_SIZE (UINT64_C(16) << 30)

/* libelf reads a section whole, and a file with holes can have one of any size.
 * The symbols of the largest programs take some hundred MiB. */
#define MAX_SECTION_SIZE (UINT64_C(1) << 29)
#define MAX_NOTE_SIZE (UINT64_C(1) << 20)

void elf_build_id_format(const uint8_t *bytes, size_t length,
			 char ret_build_id[static ELF_BUILD_ID_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	size_t i = 0;
	for (; i < length && 2 * i + 2 < ELF_BUILD_ID_SIZE; i++) {
		ret_build_id[2 * i] = digits[bytes[i] >> 4];
		ret_build_id[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_build_id[2 * i] = 0;
}

void elf_build_id_from_notes(const Elf_Data *notes, char ret_build_id[static ELF_BUILD_ID_SIZE])
{
	GElf_Nhdr note;
	size_t at = 0, name, description;
	while ((at = gelf_getnote((Elf_Data *)notes, at, &note, &name, &description)) > 0) {
		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof("GNU") ||
		    memcmp((const char *)notes->d_buf + name, "GNU", sizeof("GNU")) != 0)
			continue;
		if (note.n_descsz >= 2 && note.n_descsz < ELF_BUILD_ID_SIZE / 2) {
			elf_build_id_format((const uint8_t *)notes->d_buf + description,
					    note.n_descsz, ret_build_id);
			return;
		}
	}
}

/* By section, as a separate debug file has it; by segment where the section
 * headers are gone. */
static void find_build_id(struct elf_file *file)
{
	Elf_Scn *section = NULL;
	while ((section = elf_nextscn(file->elf, section)) && !file->build_id[0]) {
		GElf_Shdr header;
		Elf_Data *notes;
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_NOTE &&
		    header.sh_size <= MAX_NOTE_SIZE && (notes = elf_getdata(section, NULL)) &&
		    notes->d_buf)
			elf_build_id_from_notes(notes, file->build_id);
	}
	size_t count;
	if (file->build_id[0] || elf_getphdrnum(file->elf, &count) != 0)
		return;
	for (size_t i = 0; i < count && !file->build_id[0]; i++) {
		GElf_Phdr header;
		if (!gelf_getphdr(file->elf, (int)i, &header))
			return;
		if (header.p_type != PT_NOTE || header.p_filesz > MAX_NOTE_SIZE ||
		    header.p_offset > file->size || header.p_filesz > file->size - header.p_offset)
			continue;
		Elf_Data *notes =
		    elf_getdata_rawchunk(file->elf, (int64_t)header.p_offset, header.p_filesz,
					 header.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
		if (notes && notes->d_buf)
			elf_build_id_from_notes(notes, file->build_id);
	}
}

static struct heapspy_error *open_it(struct elf_file *file, const char *name)
{
	struct stat status;
	if (fstat(file->fd, &status) != 0)
		return error_errno(HEAPSPY_BAD_FILE, errno, "cannot read %s", name);
	if (!S_ISREG(status.st_mode))
		return error_why(error_new(HEAPSPY_BAD_FILE, "cannot read %s", name),
				 "not a regular file");
	file->size = (uint64_t)status.st_size;
	if (file->size > MAX_FILE_SIZE)
		return error_why(error_new(HEAPSPY_BAD_FILE, "cannot read %s", name),
				 "it is too large");

	/* More than 65,279 sections are for object files only; of a program it is a
	 * way to make libelf reserve any amount of memory. */
	Elf64_Ehdr raw;
	if (pread(file->fd, &raw, sizeof(raw), 0) != sizeof(raw) ||
	    memcmp(raw.e_ident, ELFMAG, SELFMAG) != 0 || (raw.e_shnum == 0 && raw.e_shoff != 0))
		return error_why(error_new(HEAPSPY_BAD_FILE, "cannot read %s", name),
				 "not an ELF file");

	if (elf_version(EV_CURRENT) == EV_NONE)
		return error_from_libelf(HEAPSPY_BUG,
					 "libelf of another version than it was built for");
	file->elf = elf_begin(file->fd, ELF_C_READ, NULL);
	if (!file->elf)
		return error_from_libelf(HEAPSPY_BAD_FILE, "cannot read %s", name);
	if (elf_kind(file->elf) != ELF_K_ELF || !gelf_getehdr(file->elf, &file->header))
		return error_why(error_new(HEAPSPY_BAD_FILE, "cannot read %s", name),
				 "not an ELF file");
	if (file->header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    file->header.e_ident[EI_DATA] != ELFDATA2LSB)
		return error_why(error_new(HEAPSPY_REFUSED, "cannot read %s", name),
				 "not a 64-bit little-endian program");
	find_build_id(file);
	return NULL;
}

struct heapspy_error *elf_file_open(int fd, const char *name, struct elf_file **ret_file)
{
	CLEANUP(elf_file_freep) struct elf_file *file = calloc(1, sizeof(*file));
	if (!file) {
		close(fd);
		return error_no_memory();
	}
	file->fd = fd;
	struct heapspy_error *error = open_it(file, name);
	if (!error)
		*ret_file = take_pointer(file);
	return error;
}

void elf_file_free(struct elf_file *file)
{
	if (!file)
		return;
	elf_end(file->elf);
	if (file->fd >= 0)
		close(file->fd);
	free(file);
}

/* Whether the names in a section may be asked for. */
static bool is_string_section(const struct elf_file *file, size_t index)
{
	GElf_Shdr header;
	Elf_Scn *section = elf_getscn(file->elf, index);
	return section && gelf_getshdr(section, &header) && header.sh_type == SHT_STRTAB &&
	       header.sh_size <= MAX_SECTION_SIZE;
}

bool elf_file_section_names(const struct elf_file *file, size_t *ret_index)
{
	return elf_getshdrstrndx(file->elf, ret_index) == 0 && is_string_section(file, *ret_index);
}

Elf_Scn *elf_file_section(const struct elf_file *file, const char *name, GElf_Shdr *ret_header)
{
	size_t strings;
	if (!elf_file_section_names(file, &strings))
		return NULL;
	Elf_Scn *section = NULL;
	while ((section = elf_nextscn(file->elf, section))) {
		GElf_Shdr header;
		if (!gelf_getshdr(section, &header))
			continue;
		const char *its = elf_strptr(file->elf, strings, header.sh_name);
		if (its && strcmp(its, name) == 0) {
			*ret_header = header;
			return section;
		}
	}
	return NULL;
}

const void *elf_file_contents(const struct elf_file *file, const char *name, size_t *ret_length)
{
	GElf_Shdr header;
	Elf_Scn *section = elf_file_section(file, name, &header);
	if (!section || header.sh_type == SHT_NOBITS || header.sh_size > MAX_SECTION_SIZE)
		return NULL;
	Elf_Data *data = elf_rawdata(section, NULL);
	if (!data || !data->d_buf)
		return NULL;
	*ret_length = data->d_size;
	return data->d_buf;
}

bool elf_file_symbols(const struct elf_file *file, uint32_t section_type, elf_symbol_visitor *visit,
		      void *context)
{
	Elf_Scn *section = NULL;
	while ((section = elf_nextscn(file->elf, section))) {
		GElf_Shdr header;
		if (!gelf_getshdr(section, &header) || header.sh_type != section_type ||
		    header.sh_size > MAX_SECTION_SIZE || !is_string_section(file, header.sh_link))
			continue;
		Elf_Data *data = elf_getdata(section, NULL);
		if (!data || !data->d_buf)
			continue;
		size_t count = data->d_size / sizeof(Elf64_Sym);
		for (size_t i = 0; i < count && i <= INT32_MAX; i++) {
			GElf_Sym symbol;
			if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF)
				continue;
			const char *name = elf_strptr(file->elf, header.sh_link, symbol.st_name);
			if (name && visit(name, &symbol, context))
				return true;
		}
	}
	return false;
}

bool elf_file_has_checksum(const struct elf_file *file, uint32_t crc)
{
	static const size_t piece = 1 << 18;
	CLEANUP(freep) uint8_t *buffer = malloc(piece);
	if (!buffer)
		return false;
	uLong sum = crc32(0, NULL, 0);
	for (uint64_t at = 0; at < file->size;) {
		ssize_t got = pread(file->fd, buffer, piece, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		sum = crc32(sum, buffer, (uInt)got);
		at += (uint64_t)got;
	}
	return (uint32_t)sum == crc;
}
