/* SPDX-License-Identifier: MIT */
#include "target/process/own_command.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/shell.h"

enum { MOST_TEXT = 1 << 16 };

/* The name that starts this program also under sudo, which has a PATH of its own. */
static char *own_name(void)
{
	static const char *const usual[] = {
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
	};
	CLEANUP(freep) char *path = io_read_link(AT_FDCWD, "/proc/self/exe");
	char *slash = path ? strrchr(path, '/') : NULL;
	if (!slash)
		return strdup("heapspy");
	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
		if ((size_t)(slash - path) == strlen(usual[i]) &&
		    memcmp(path, usual[i], slash - path) == 0)
			return shell_quote(slash + 1);
	return shell_quote(path);
}

char *own_command(pid_t pid, pid_t replacement)
{
	char wanted[16], other[16];
	snprintf(wanted, sizeof(wanted), "%d", pid);
	snprintf(other, sizeof(other), "%d", replacement);
	size_t length;
	CLEANUP(freep) char *bytes = io_read_file(AT_FDCWD, "/proc/self/cmdline", MOST_TEXT, &length);
	char *command = own_name();
	if (!bytes)
		return command;
	for (size_t at = strlen(bytes) + 1; command && at < length; at += strlen(bytes + at) + 1) {
		const char *argument = strcmp(bytes + at, wanted) == 0 ? other : bytes + at;
		CLEANUP(freep) char *word = shell_quote(argument), *shorter = command;
		if (!word || asprintf(&command, "%s %s", shorter, word) < 0)
			command = NULL;
	}
	return command;
}
