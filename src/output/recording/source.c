/* SPDX-License-Identifier: MIT */
#include "output/recording/source.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/text.h"

enum {
	MOST_FILES = 512,
	LARGEST_FILE = 8 << 20,
	LONGEST_LINE = 400, /* bytes that are shown */
};

/* One that was looked for, whether it is there or not. */
struct source_file {
	const char *name; /* the recording's own: one address for one name */
	char *text;       /* NULL: it cannot be read */
	size_t length;
};

struct source_files {
	struct source_file files[MOST_FILES];
	size_t count, changed;
	double until;
	char *line;
};

struct source_files *source_files_new(double until)
{
	struct source_files *files = calloc(1, sizeof(*files));
	if (files)
		files->until = until;
	return files;
}

void source_files_free(struct source_files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < files->count; i++)
		free(files->files[i].text);
	free(files->line);
	free(files);
}

size_t source_files_changed(const struct source_files *files)
{
	return files->changed;
}

static bool is_source_name(const char *name)
{
	static const char *const endings[] = {".py", ".pyw",  ".pyi", ".pyx", ".pxd", ".c",  ".h",
					      ".cc", ".cpp", ".cxx", ".hpp", ".rs",  ".go", ".f90"};
	const char *ending = strrchr(name, '.');
	for (size_t i = 0; ending && i < sizeof(endings) / sizeof(*endings); i++)
		if (strcmp(ending, endings[i]) == 0)
			return true;
	return false;
}

/* "#!/usr/bin/env python3" */
static bool is_script(const char *text)
{
	size_t length = strcspn(text, "\n");
	return strncmp(text, "#!", 2) == 0 && memmem(text, length, "python", strlen("python"));
}

static void read_source(struct source_files *files, struct source_file *file)
{
	struct stat status;
	char link[32];
	/* Opening a device may already do something: seen first, then opened. */
	CLEANUP(closep) int place = open(file->name, O_PATH | O_CLOEXEC);
	if (place < 0 || fstat(place, &status) < 0 || !S_ISREG(status.st_mode))
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", place);
	CLEANUP(closep) int fd = open(link, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	CLEANUP(freep) char *text = io_read_rest(fd, LARGEST_FILE, &file->length);
	if (!text || (!is_source_name(file->name) && !is_script(text)))
		return;
	if ((double)status.st_mtime > files->until)
		files->changed++;
	file->text = take_pointer(text);
}

static const struct source_file *find(struct source_files *files, const char *name)
{
	for (size_t i = 0; i < files->count; i++)
		if (files->files[i].name == name)
			return &files->files[i];
	if (files->count == MOST_FILES)
		return NULL;
	struct source_file *file = &files->files[files->count++];
	file->name = name;
	read_source(files, file);
	return file;
}

const char *source_line(struct source_files *files, const struct heapspy_frame *frame)
{
	if (!frame->file || frame->line <= 0)
		return NULL;
	const struct source_file *file = find(files, frame->file);
	if (!file || !file->text)
		return NULL;
	const char *line = file->text, *end = file->text + file->length;
	for (int32_t number = 1; number < frame->line && line; number++) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		line = newline ? newline + 1 : NULL;
	}
	if (!line)
		return NULL;
	const char *newline = memchr(line, '\n', (size_t)(end - line));
	end = newline ?: end;
	while (line < end && strchr(" \t\f\r", *line) && *line)
		line++;
	while (end > line && strchr(" \t\f\r", end[-1]) && end[-1])
		end--;
	if (end - line > LONGEST_LINE)
		end = line + LONGEST_LINE;
	/* A character is not cut in two. */
	if (end - line == LONGEST_LINE)
		while (end > line && ((unsigned char)*end & 0xc0) == 0x80)
			end--;
	if (line == end)
		return NULL;
	free(files->line);
	files->line = text_from_bytes(line, (size_t)(end - line));
	return files->line;
}
