/* SPDX-License-Identifier: MIT */
#include "target/process/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"

#define FILE_MAX 65536

/* Version 1 says "no limit" with a number about as large as an address space. */
#define NO_LIMIT (UINT64_C(1) << 60)

static const struct version {
	const char *mount, *limit, *used;
} versions[] = {
	{"/sys/fs/cgroup", "memory.max", "memory.current"},
	{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"},
};

static bool read_number(const struct version *version, const char *group, const char *name,
			uint64_t *ret_number)
{
	char path[4096 + 64], *end;
	size_t length;
	if (snprintf(path, sizeof(path), "%s%s/%s", version->mount, group, name) >= (int)sizeof(path))
		return false;
	char *text = io_read_file(AT_FDCWD, path, FILE_MAX, &length);
	if (!text)
		return false;
	*ret_number = strtoull(text, &end, 10);
	bool found = end != text; /* "max" is no number */
	free(text);
	return found;
}

/* The group and those above it: the smallest limit of all counts. */
static bool read_groups(const struct version *version, char *group, struct cgroup_memory *memory)
{
	bool found = false;
	for (;;) {
		uint64_t limit, used;
		if (read_number(version, group, version->limit, &limit) && limit < NO_LIMIT &&
		    read_number(version, group, version->used, &used) && (!found || limit < memory->limit)) {
			*memory = (struct cgroup_memory){limit, used};
			found = true;
		}
		char *slash = strrchr(group, '/');
		if (!slash)
			return found;
		*slash = '\0';
	}
}

bool cgroup_read_memory(int proc, struct cgroup_memory *ret_memory)
{
	size_t length;
	char *text = io_read_file(proc, "cgroup", FILE_MAX, &length);
	bool found = false;
	/* "0::/path" is version 2, "4:memory:/path" version 1. */
	for (char *save, *line = text ? strtok_r(text, "\n", &save) : NULL; line && !found;
	     line = strtok_r(NULL, "\n", &save)) {
		char *controllers = strchr(line, ':');
		char *group = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!group || group[1] != '/')
			continue;
		*group++ = '\0';
		if (strstr(group, "..")) /* of another namespace */
			continue;
		if (strcmp(group, "/") == 0)
			group[0] = '\0';
		if (controllers[1] == '\0' && line[0] == '0')
			found = read_groups(&versions[0], group, ret_memory);
		else if (strstr(controllers, "memory"))
			found = read_groups(&versions[1], group, ret_memory);
	}
	free(text);
	return found;
}
