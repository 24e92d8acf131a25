/* SPDX-License-Identifier: MIT */
#include "elf/dwarf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/error.h"
#include "elf/debug_file.h"
#include "elf/dwarf_private.h"
#include "elf/error.h"

/* All that libdw reads, unpacked: it does that in memory, and a few bytes of a
 * hostile file may promise any amount. */
#define MAX_DEBUG_SIZE (UINT64_C(2) << 30)

bool dwarf_is_in(const struct elf_file *file)
{
	GElf_Shdr header;
	return elf_file_section(file, ".debug_info", &header) && header.sh_type != SHT_NOBITS;
}

static bool is_debug_section(const struct elf_file *file, size_t names, const GElf_Shdr *header)
{
	const char *name = elf_strptr(file->elf, names, header->sh_name);
	return name && header->sh_type != SHT_NOBITS &&
	       (strncmp(name, ".debug_", 7) == 0 || strncmp(name, ".zdebug_", 8) == 0 ||
		strncmp(name, ".gnu_debug", 10) == 0);
}

/* Why libdw is not to be let near it; NULL if it may. */
static const char *find_fault(const struct elf_file *file)
{
	static const char too_large[] = "its debug information is too large";
	size_t names;
	if (!elf_file_section_names(file, &names))
		return "its sections have no names";
	uint64_t total = 0;
	Elf_Scn *section = NULL;
	while ((section = elf_nextscn(file->elf, section))) {
		GElf_Shdr header;
		GElf_Chdr packed;
		if (!gelf_getshdr(section, &header) || !is_debug_section(file, names, &header))
			continue;
		if (elf_strptr(file->elf, names, header.sh_name)[1] == 'z')
			return "its debug information is compressed as was usual before 2016";
		uint64_t size = header.sh_size;
		if (size > MAX_DEBUG_SIZE)
			return too_large;
		if (header.sh_flags & SHF_COMPRESSED) {
			if (!gelf_getchdr(section, &packed) || packed.ch_size > MAX_DEBUG_SIZE)
				return too_large;
			size += packed.ch_size;
		}
		total += size;
		if (total > MAX_DEBUG_SIZE)
			return too_large;
	}
	return NULL;
}

static struct heapspy_error *refuse(const char *name, const char *why)
{
	return error_why(error_new(HEAPSPY_REFUSED, "no structure layouts from %s", name), "%s",
			 why);
}

/* libdw wants its handler not to return; the one that it has exits with 1. Whoever is
 * held for us is let go by our end. */
static _Noreturn void no_memory_for_libdw(void)
{
	exit(heapspy_exit_status(HEAPSPY_LIMIT));
}

static struct heapspy_error *begin(struct elf_file *file, const char *name, Dwarf **ret_debug)
{
	const char *fault = find_fault(file);
	if (fault)
		return refuse(name, fault);
	Dwarf *debug = dwarf_begin_elf(file->elf, DWARF_C_READ, NULL);
	if (!debug)
		return error_from_libdw(HEAPSPY_REFUSED, "no structure layouts from %s", name);
	dwarf_new_oom_handler(debug, no_memory_for_libdw);
	*ret_debug = debug;
	return NULL;
}

/* After libdw unpacked them in place, elf_rawdata() gives what it works on. */
static void note_sections(struct dwarf *dwarf, const struct elf_file *file)
{
	size_t names;
	if (!elf_file_section_names(file, &names))
		return;
	Elf_Scn *section = NULL;
	while ((section = elf_nextscn(file->elf, section))) {
		GElf_Shdr header;
		if (!gelf_getshdr(section, &header) || !is_debug_section(file, names, &header))
			continue;
		Elf_Data *data = elf_rawdata(section, NULL);
		if (!data || !data->d_buf || dwarf->section_count == DWARF_MAX_SECTIONS)
			continue;
		dwarf->sections[dwarf->section_count++] =
		    (struct dwarf_section){data->d_buf, (const char *)data->d_buf + data->d_size};
	}
}

const char *dwarf_name(const struct dwarf *dwarf, Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);
	for (size_t i = 0; name && i < dwarf->section_count; i++) {
		const struct dwarf_section *section = &dwarf->sections[i];
		if (name >= section->start && name < section->end)
			return memchr(name, 0, (size_t)(section->end - name)) ? name : NULL;
	}
	return NULL;
}

/* Takes both files, also when it fails. */
static struct heapspy_error *open_files(struct elf_file *file, struct elf_file *alternate,
					const char *name, struct dwarf **ret_dwarf)
{
	CLEANUP(dwarf_freep) struct dwarf *dwarf = calloc(1, sizeof(*dwarf));
	if (!dwarf) {
		elf_file_free(file);
		elf_file_free(alternate);
		return error_no_memory();
	}
	dwarf->file = file;
	dwarf->alternate_file = alternate;
	struct heapspy_error *error = begin(file, name, &dwarf->debug);
	if (!error && alternate) {
		error = begin(alternate, name, &dwarf->alternate);
		if (!error)
			dwarf_setalt(dwarf->debug, dwarf->alternate);
	}
	if (error)
		return error;
	note_sections(dwarf, file);
	if (alternate)
		note_sections(dwarf, alternate);
	*ret_dwarf = take_pointer(dwarf);
	return NULL;
}

struct heapspy_error *dwarf_open_found(struct elf_file *file, int root, const char *directory,
				       const char *name, struct dwarf **ret_dwarf)
{
	CLEANUP(elf_file_freep) struct elf_file *own = file;
	if (!dwarf_is_in(own))
		return refuse(name, "it has no debug information");

	/* Without a file to set, libdw would look for one itself, by the path that
	 * the debug information gives. */
	struct elf_file *alternate = NULL;
	if (debug_file_needs_alternate(own) &&
	    !debug_file_open_alternate(own, root, directory, &alternate))
		return refuse(name,
			      "the part of its debug information that dwz moved to another file "
			      "is not there");
	return open_files(take_pointer(own), alternate, name, ret_dwarf);
}

/* Length of the path, with the slash, of the nearest directory above the file
 * that has debug files of its own, as the root of a chroot has; else of "/". */
static size_t root_above(const char *path)
{
	static const char below[] = "usr/lib/debug";
	char probe[PATH_MAX + sizeof(below)];
	size_t length = strnlen(path, PATH_MAX - 1);
	for (;;) {
		while (length > 1 && path[length - 1] != '/')
			length--;
		memcpy(probe, path, length);
		memcpy(probe + length, below, sizeof(below));
		if (length <= 1 || access(probe, F_OK) == 0)
			return length;
		length--;
	}
}

struct heapspy_error *dwarf_open_file(const char *path, struct dwarf **ret_dwarf)
{
	CLEANUP(freep) char *real = realpath(path, NULL);
	int fd = real ? open(real, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
	if (fd < 0)
		return error_errno(HEAPSPY_BAD_FILE, errno, "cannot read %s", path);
	CLEANUP(elf_file_freep) struct elf_file *file = NULL;
	struct heapspy_error *error = elf_file_open(fd, path, &file);
	if (error)
		return error;

	size_t root_length = root_above(real);
	CLEANUP(freep) char *root_path = strndup(real, root_length);
	if (!root_path)
		return error_no_memory();
	CLEANUP(closep) int root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return error_errno(HEAPSPY_LIMIT, errno, "cannot open %s", root_path);
	*strrchr(real, '/') = 0;
	const char *directory =
	    real + (strlen(real) < root_length ? strlen(real) : root_length - 1);

	if (dwarf_is_in(file))
		return dwarf_open_found(take_pointer(file), root, directory, path, ret_dwarf);
	CLEANUP(freep) char *where = NULL;
	struct elf_file *separate = debug_file_open(file, root, directory, &where);
	if (!separate)
		return refuse(path, "it has no debug information");
	return dwarf_open_found(separate, root, where, path, ret_dwarf);
}

void dwarf_free(struct dwarf *dwarf)
{
	if (!dwarf)
		return;
	dwarf_index_free(dwarf->index);
	dwarf_end(dwarf->debug);
	dwarf_end(dwarf->alternate);
	elf_file_free(dwarf->file);
	elf_file_free(dwarf->alternate_file);
	free(dwarf);
}
