/* SPDX-License-Identifier: MIT */
/* What the kernel says of a process, which holds names that anybody may choose. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exercise.h"
#include "harness.h"
#include "target/maps_parse.h"
#include "target/process/cgroup.h"
#include "target/process/proc.h"
#include "target/process/smaps.h"

/* A folder that looks like one of /proc: all that is in it is the input. */
static char path[] = "/tmp/heapspy-fuzz-XXXXXX";
static int folder = -1;
static const char *const names[] = {"smaps", "cgroup", "cmdline", "stat", "status", "comm"};
enum { NAMES = sizeof(names) / sizeof(*names) };

static void remove_folder(void)
{
	for (size_t i = 0; i < NAMES; i++)
		unlinkat(folder, names[i], 0);
	rmdir(path);
}

static void fill_folder(const uint8_t *input, size_t length)
{
	const char *file = exercise_file(input, length);
	if (folder >= 0)
		return;
	REQUIRE(mkdtemp(path) != NULL);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(folder >= 0);
	for (size_t i = 0; i < NAMES; i++)
		REQUIRE(symlinkat(file, folder, names[i]) == 0);
	atexit(remove_folder);
}

static void read_maps(const uint8_t *input, size_t length)
{
	char *text = malloc(length + 1);
	struct maps maps;
	REQUIRE(text != NULL);
	memcpy(text, input, length);
	text[length] = '\0';
	REQUIRE(maps_parse(text, length, &maps) == 0);
	uint64_t end = 0;
	for (size_t i = 0; i < maps.count; i++) {
		const struct mapping *mapping = &maps.items[i];
		REQUIRE(mapping->start >= end && mapping->start < mapping->end);
		end = mapping->end;
		REQUIRE(strlen(mapping->path) <= length);
		REQUIRE(maps_find(&maps, mapping->start) == mapping);
		REQUIRE(maps_find(&maps, mapping->end - 1) == mapping);
	}
	maps_fini(&maps);
}

static void visit(void *context, const struct smaps_entry *entry)
{
	*(size_t *)context += strlen(entry->path);
}

static void read_texts(const uint8_t *input, size_t length)
{
	char *text = malloc(length + 1);
	struct proc_stat stat;
	struct proc_status status;
	struct proc_rollup rollup;
	REQUIRE(text != NULL);
	memcpy(text, input, length);
	text[length] = '\0';
	proc_parse_stat(text, length, &stat);
	proc_parse_status(text, &status);
	proc_parse_rollup(text, &rollup);
	free(text);
}

static void read_files(void)
{
	struct cgroup_memory group;
	size_t total = 0;
	smaps_read(folder, visit, &total);
	cgroup_read_memory(folder, &group);
	char **command = proc_read_command(folder);
	REQUIRE(command != NULL);
	for (char **argument = command; *argument; argument++)
		require_printable(*argument, strlen(*argument));
	proc_command_free(command);
	char *line = proc_read_command_line(folder);
	REQUIRE(line != NULL);
	require_printable(line, strlen(line));
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	read_maps(input, length);
	read_texts(input, length);
	/* A sixteenth of the runs: files are slow. */
	if (length && input[length - 1] % 16 == 0) {
		fill_folder(input, length);
		read_files();
	}
	return 0;
}
