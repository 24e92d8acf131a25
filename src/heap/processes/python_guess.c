/* SPDX-License-Identifier: MIT */
#include "heap/processes/python_guess.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "elf/file.h"
#include "target/maps_parse.h"

static const size_t MOST_MAPS_TEXT = (size_t)64 << 20;
static const size_t MOST_COMMAND = (size_t)8 << 20;

void python_guesser_fini(struct python_guesser *guesser)
{
	free(guesser->files);
	*guesser = (struct python_guesser){0};
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* "3.11" from what follows "python"; "" if the minor version is not in it. What
 * is left of the name is returned. */
static const char *take_version(const char *name, char version[static PYTHON_VERSION_SIZE])
{
	size_t major = strspn(name, "0123456789");
	size_t length = major;
	version[0] = '\0';
	if (major && name[major] == '.')
		length += 1 + strspn(name + major + 1, "0123456789");
	if (length > major + 1 && length < PYTHON_VERSION_SIZE) {
		memcpy(version, name, length);
		version[length] = '\0';
	}
	return name + length;
}

/* python, python3, python3.11, python3.13t, python3.11d, python3.12-dbg */
static bool is_python(const char *name, char version[static PYTHON_VERSION_SIZE])
{
	if (strncmp(name, "python", 6) != 0)
		return false;
	const char *rest = take_version(name + 6, version);
	rest += strspn(rest, "dmtu"); /* ABI flags */
	if (strncmp(rest, "-dbg", 4) == 0)
		rest += 4;
	return *rest == '\0' || strcmp(rest, " (deleted)") == 0;
}

/* libpython3.11.so.1.0, or an extension module under python3.11/lib-dynload */
static bool is_of_python(const char *path, char version[static PYTHON_VERSION_SIZE])
{
	const char *name = base_name(path);
	if (strncmp(name, "libpython", 9) == 0 && isdigit((unsigned char)name[9]) && strstr(name, ".so")) {
		take_version(name + 9, version);
		return true;
	}
	const char *folder = strstr(path, "/lib-dynload/");
	if (!folder)
		return false;
	version[0] = '\0';
	for (const char *at = path; (at = strstr(at, "/python")) && at < folder; at++)
		take_version(at + 7, version);
	return true;
}

static bool read_maps(int proc, struct maps *ret_maps)
{
	size_t length;
	char *text = io_read_file(proc, "maps", MOST_MAPS_TEXT, &length);
	return text && maps_parse(text, length, ret_maps) == 0;
}

static bool maps_tell(const struct maps *maps, char version[static PYTHON_VERSION_SIZE])
{
	bool found = false;
	for (size_t i = 0; i < maps->count; i++) {
		char other[PYTHON_VERSION_SIZE];
		if (!mapping_is_file(&maps->items[i]) || !is_of_python(maps->items[i].path, other))
			continue;
		found = true;
		strcpy(version, other);
		if (*version)
			break;
	}
	return found;
}

/* Programs that have CPython linked into them keep its state in a section of its
 * own: Python/pylifecycle.c, 3.8 - 3.15. */
static bool has_runtime_section(int proc)
{
	int fd = openat(proc, "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return false;
	CLEANUP(elf_file_freep) struct elf_file *file = NULL;
	struct heapspy_error *error = elf_file_open(fd, "exe", &file);
	heapspy_error_free(error);
	GElf_Shdr header;
	return !error && elf_file_section(file, ".PyRuntime", &header);
}

/* Files are opened only where they lie on a disk of this machine: one behind a
 * network that is down would hold us up for good. */
static bool executable_tells(struct python_guesser *guesser, int proc, const struct maps *maps,
			     const char *executable)
{
	const struct mapping *mapping = NULL;
	for (size_t i = 0; i < maps->count && !mapping; i++)
		if (mapping_is_file(&maps->items[i]) && strcmp(maps->items[i].path, executable) == 0)
			mapping = &maps->items[i];
	if (!mapping || major(mapping->device) == 0)
		return false;
	for (size_t i = 0; i < guesser->count; i++)
		if (guesser->files[i].inode == mapping->inode &&
		    guesser->files[i].device == mapping->device)
			return guesser->files[i].python;

	bool python = has_runtime_section(proc);
	struct guessed_file *files =
		realloc(guesser->files, (guesser->count + 1) * sizeof(*guesser->files));
	if (files) {
		guesser->files = files;
		guesser->files[guesser->count++] =
			(struct guessed_file){mapping->device, mapping->inode, python};
	}
	return python;
}

/* Of a process that hides its executable from us, the command line is what anybody
 * can see. */
static bool command_tells(int proc, char version[static PYTHON_VERSION_SIZE])
{
	CLEANUP(freep) char *command = io_read_file(proc, "cmdline", MOST_COMMAND, NULL);
	return command && is_python(base_name(command), version);
}

bool python_guess(struct python_guesser *guesser, int proc,
		  char ret_version[static PYTHON_VERSION_SIZE])
{
	CLEANUP(freep) char *executable = io_read_link(proc, "exe");
	if (!executable)
		return (errno == EACCES || errno == EPERM) && command_tells(proc, ret_version);

	char version[PYTHON_VERSION_SIZE] = "";
	bool python = is_python(base_name(executable), version);
	struct maps maps = {0};
	if (!*version && read_maps(proc, &maps)) {
		python |= maps_tell(&maps, version);
		if (!python)
			python = executable_tells(guesser, proc, &maps, executable);
	}
	maps_fini(&maps);
	if (python)
		strcpy(ret_version, version);
	return python;
}
