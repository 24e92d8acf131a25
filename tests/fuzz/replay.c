/* SPDX-License-Identifier: MIT */
/*
 * replay NAME PATH...: a harness without a fuzzer, given each file that is named, or lies in
 * the folder of this name in one that is. What was found once is not found again.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

enum { MOST = 1 << 20, MOST_SECONDS = 60 };

static unsigned replayed;

static void replay(const char *path)
{
	static uint8_t space[MOST];
	FILE *file = fopen(path, "rb");
	if (!file) {
		perror(path);
		exit(1);
	}
	size_t length = fread(space, 1, sizeof(space), file);
	fclose(file);
	/* A copy of its own size: whoever reads beyond it is caught. */
	uint8_t *input = malloc(length ?: 1);
	memcpy(input, space, length);
	fprintf(stderr, "%s\n", path);
	alarm(MOST_SECONDS);
	LLVMFuzzerTestOneInput(input, length);
	free(input);
	replayed++;
}

static void replay_folder(const char *path)
{
	DIR *folder = opendir(path);
	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		char name[4096 + sizeof(entry->d_name) + 1];
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (entry->d_name[0] != '.')
			replay(name);
	}
	if (folder)
		closedir(folder);
}

int main(int count, char **arguments)
{
	for (int i = 2; i < count; i++) {
		char path[4096];
		struct stat status;
		snprintf(path, sizeof(path), "%s/%s", arguments[i], arguments[1]);
		if (stat(arguments[i], &status) == 0 && S_ISREG(status.st_mode))
			replay(arguments[i]);
		else
			replay_folder(path);
	}
	if (!replayed)
		fprintf(stderr, "there was nothing to replay\n");
	return replayed == 0;
}
