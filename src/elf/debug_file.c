/* SPDX-License-Identifier: MIT */
#include "elf/debug_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/openat2.h>

static const char everywhere[] = "/usr/lib/debug";

static bool is_own_root(int directory)
{
	struct stat its, ours;
	return fstat(directory, &its) == 0 && stat("/", &ours) == 0 && its.st_dev == ours.st_dev &&
	       its.st_ino == ours.st_ino;
}

static struct elf_file *open_below(int root, const char *path)
{
	struct open_how how = {
	    .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	/* Linux before 5.6, or a sandbox that does not know the call: our own root
	 * needs no fence. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM) && is_own_root(root))
		fd = openat(root, path + strspn(path, "/"), (int)how.flags);
	if (fd < 0)
		return NULL;
	struct elf_file *file;
	struct heapspy_error *error = elf_file_open(fd, path, &file);
	if (!error)
		return file;
	heapspy_error_free(error);
	return NULL;
}

/* A file that has the build id, or where that says nothing the checksum. */
static struct elf_file *open_matching(int root, const char *path, const char *build_id,
				      const uint32_t *crc)
{
	CLEANUP(elf_file_freep) struct elf_file *file = open_below(root, path);
	if (!file)
		return NULL;
	bool matches;
	if (build_id[0] && file->build_id[0])
		matches = strcmp(build_id, file->build_id) == 0;
	else
		matches = crc && elf_file_has_checksum(file, *crc);
	return matches ? take_pointer(file) : NULL;
}

__attribute__((format(printf, 5, 6))) static struct elf_file *
try_path(int root, const char *build_id, const uint32_t *crc, char **ret_directory,
	 const char *format, ...)
{
	char path[PATH_MAX];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(path, sizeof(path), format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof(path))
		return NULL;

	CLEANUP(elf_file_freep) struct elf_file *file = open_matching(root, path, build_id, crc);
	if (!file || !ret_directory)
		return take_pointer(file);
	char *slash = strrchr(path, '/');
	char *directory = slash ? strndup(path, (size_t)(slash - path)) : NULL;
	if (!directory)
		return NULL;
	*ret_directory = directory;
	return take_pointer(file);
}

struct elf_file *debug_file_open_by_build_id(const char *build_id, int root, char **ret_directory)
{
	if (!build_id[0])
		return NULL;
	return try_path(root, build_id, NULL, ret_directory, "%s/.build-id/%.2s/%s.debug",
			everywhere, build_id, build_id + 2);
}

/* The name at the start of a section, and what follows its NUL. */
static const char *leading_name(const struct elf_file *file, const char *section,
				const uint8_t **ret_rest, size_t *ret_rest_length)
{
	size_t length;
	const char *contents = elf_file_contents(file, section, &length);
	if (!contents)
		return NULL;
	size_t name = strnlen(contents, length);
	if (name == 0 || name == length || name >= PATH_MAX)
		return NULL;
	*ret_rest = (const uint8_t *)contents + name + 1;
	*ret_rest_length = length - name - 1;
	return contents;
}

/* .gnu_debuglink: a file name, padding to four bytes, the checksum. */
static const char *debug_link(const struct elf_file *file, uint32_t *ret_crc)
{
	const uint8_t *rest;
	size_t length;
	const char *name = leading_name(file, ".gnu_debuglink", &rest, &length);
	if (!name || strchr(name, '/'))
		return NULL;
	size_t used = (size_t)(rest - (const uint8_t *)name);
	size_t padding = -used & 3;
	if (length < padding + sizeof(*ret_crc))
		return NULL;
	memcpy(ret_crc, rest + padding, sizeof(*ret_crc));
	return name;
}

struct elf_file *debug_file_open(const struct elf_file *file, int root, const char *directory,
				 char **ret_directory)
{
	struct elf_file *found = debug_file_open_by_build_id(file->build_id, root, ret_directory);
	uint32_t crc;
	const char *name;
	if (found || !(name = debug_link(file, &crc)))
		return found;

	found =
	    try_path(root, file->build_id, &crc, ret_directory, "%s/.debug/%s", directory, name);
	if (!found)
		found = try_path(root, file->build_id, &crc, ret_directory, "%s%s/%s", everywhere,
				 directory, name);
	if (!found)
		found =
		    try_path(root, file->build_id, &crc, ret_directory, "%s/%s", directory, name);
	return found;
}

/* .gnu_debugaltlink: a path, then the build id up to the end of the section. */
static const char *alternate_link(const struct elf_file *file, char build_id[ELF_BUILD_ID_SIZE])
{
	const uint8_t *id;
	size_t length;
	const char *name = leading_name(file, ".gnu_debugaltlink", &id, &length);
	if (!name || length < 2 || length > 64)
		return NULL;
	elf_build_id_format(id, length, build_id);
	return name;
}

bool debug_file_needs_alternate(const struct elf_file *file)
{
	GElf_Shdr header;
	return elf_file_section(file, ".gnu_debugaltlink", &header);
}

bool debug_file_open_alternate(const struct elf_file *file, int root, const char *directory,
			       struct elf_file **ret_alternate)
{
	char build_id[ELF_BUILD_ID_SIZE];
	const char *name = alternate_link(file, build_id);
	if (!name)
		return false;

	CLEANUP(elf_file_freep)
	struct elf_file *found = debug_file_open_by_build_id(build_id, root, NULL);
	if (!found && name[0] == '/')
		found = try_path(root, build_id, NULL, NULL, "%s", name);
	else if (!found)
		found = try_path(root, build_id, NULL, NULL, "%s/%s", directory, name);
	if (!found || debug_file_needs_alternate(found))
		return false;
	*ret_alternate = take_pointer(found);
	return true;
}
