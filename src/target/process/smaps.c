/* SPDX-License-Identifier: MIT */
#include "target/process/smaps.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "55d0c0a00000-55d0c0a21000 rw-p 00000000 00:00 0    [heap]". The path is kept by the
 * caller. False: it is the line of a field. */
static bool parse_header(const char *line, struct smaps_entry *entry, size_t *ret_path)
{
	char flags[5];
	unsigned long long start, end, inode;
	int length = 0;
	/* Of 25 lines one is a header, and sscanf() is slow: names of fields begin with a capital. */
	if (line[0] >= 'A' && line[0] <= 'Z')
		return false;
	if (sscanf(line, "%llx-%llx %4s %*x %*x:%*x %llu %n", &start, &end, flags, &inode, &length) != 4)
		return false;
	*entry = (struct smaps_entry){
		.start = start, .end = end, .shared = flags[3] == 's', .file = inode != 0};
	memcpy(entry->flags, flags, sizeof(flags));
	*ret_path = (size_t)length;
	return true;
}

static void parse_field(const char *line, struct smaps_entry *entry)
{
	static const struct {
		const char *name;
		size_t offset;
	} fields[] = {
		{"Rss:", offsetof(struct smaps_entry, rss)},
		{"Pss:", offsetof(struct smaps_entry, pss)},
		{"Private_Clean:", offsetof(struct smaps_entry, private_bytes)},
		{"Private_Dirty:", offsetof(struct smaps_entry, private_bytes)},
		{"Swap:", offsetof(struct smaps_entry, swap)},
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		size_t length = strlen(fields[i].name);
		if (strncmp(line, fields[i].name, length) == 0)
			*(uint64_t *)(void *)((char *)entry + fields[i].offset) +=
				strtoull(line + length, NULL, 10) * 1024;
	}
}

bool smaps_read(int proc, void (*visit)(void *context, const struct smaps_entry *entry), void *context)
{
	int fd = openat(proc, "smaps", O_RDONLY | O_CLOEXEC);
	FILE *file = fd >= 0 ? fdopen(fd, "re") : NULL;
	if (!file) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	struct smaps_entry entry = {0}, next;
	char *line = NULL, *path = NULL;
	size_t capacity = 0, path_offset;
	ssize_t length;
	bool any = false;
	while ((length = getline(&line, &capacity, file)) > 0) {
		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		if (!parse_header(line, &next, &path_offset)) {
			parse_field(line, &entry);
			continue;
		}
		if (any)
			visit(context, &entry);
		free(path);
		path = strdup(line + path_offset);
		entry = next;
		entry.path = path ?: "";
		any = true;
	}
	if (any)
		visit(context, &entry);
	bool complete = !ferror(file);
	free(path);
	free(line);
	fclose(file);
	return any && complete;
}
