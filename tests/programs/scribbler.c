/* SPDX-License-Identifier: MIT */
/*
 * scribbler PID SEED FILE: writes over the memory of a process at random.
 *
 * FILE has addresses of it that matter, in hex, a line each. For each line on stdin with
 * a number, so many words are written: half of them at or near those, the others
 * anywhere in its data; then "done" is said on stdout. A line "undo" puts the process's
 * own words back.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

enum { MOST_PLACES = 1 << 16, MOST_RANGES = 1 << 12, MOST_WORDS = 1 << 20 };

static pid_t pid;
static uint64_t random_state;
static uint64_t places[MOST_PLACES];
static size_t place_count;
static struct {
	uint64_t start, end;
} ranges[MOST_RANGES];
static size_t range_count;
static struct {
	uint64_t address, word;
} written[MOST_WORDS];
static size_t written_count;

static uint64_t draw(uint64_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % bound;
}

static bool transfer(bool write, uint64_t address, uint64_t *word)
{
	struct iovec local = {word, sizeof(*word)};
	struct iovec remote = {(void *)(uintptr_t)address, sizeof(*word)};
	ssize_t length = write ? process_vm_writev(pid, &local, 1, &remote, 1, 0)
			       : process_vm_readv(pid, &local, 1, &remote, 1, 0);
	return length == sizeof(*word);
}

/* All that is private and writable but for the stacks, which the process itself needs
 * as soon as it stirs. */
static void find_ranges(void)
{
	char path[40], line[4096];
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	FILE *maps = fopen(path, "re");
	range_count = 0;
	while (maps && range_count < MOST_RANGES && fgets(line, sizeof(line), maps)) {
		uint64_t start, end;
		char flags[5];
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, flags) == 3 &&
		    strcmp(flags, "rw-p") == 0 && !strstr(line, "[stack"))
			ranges[range_count++] = (typeof(ranges[0])){start, end};
	}
	if (maps)
		fclose(maps);
}

static uint64_t draw_place(void)
{
	if (place_count && draw(2))
		return places[draw(place_count)] + 8 * draw(24) - 32;
	if (!range_count)
		return 0;
	size_t i = draw(range_count);
	return (ranges[i].start + draw(ranges[i].end - ranges[i].start)) & ~UINT64_C(7);
}

/* What hurts most: other objects, what is nearly right, lengths beyond all bounds. */
static uint64_t draw_word(uint64_t address, uint64_t old)
{
	switch (draw(9)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return address;
	case 3:
		return old ^ UINT64_C(1) << draw(64);
	case 4:
		return old + 8 * draw(9) - 32;
	case 5:
		return INT64_MAX - draw(16);
	case 6:
		return UINT64_C(1) << draw(64);
	case 7:
		return draw_place();
	default:
		return draw(UINT64_MAX);
	}
}

static void scribble(unsigned long count)
{
	find_ranges();
	for (unsigned long i = 0; i < count && written_count < MOST_WORDS; i++) {
		uint64_t address = draw_place(), old;
		if (!transfer(false, address, &old))
			continue;
		uint64_t word = draw_word(address, old);
		if (transfer(true, address, &word)) {
			written[written_count].address = address;
			written[written_count++].word = old;
		}
	}
}

static void undo(void)
{
	while (written_count) {
		written_count--;
		transfer(true, written[written_count].address, &written[written_count].word);
	}
}

int main(int count, char **arguments)
{
	char line[64];
	if (count != 4)
		return 2;
	pid = atoi(arguments[1]);
	random_state = strtoull(arguments[2], NULL, 10) * 2 + 1;
	FILE *file = fopen(arguments[3], "re");
	if (!file)
		return 1;
	while (place_count < MOST_PLACES && fscanf(file, "%" SCNx64, &places[place_count]) == 1)
		place_count++;
	fclose(file);
	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "undo\n") == 0)
			undo();
		else
			scribble(strtoul(line, NULL, 10));
		printf("done %zu\n", written_count);
		fflush(stdout);
	}
	return 0;
}
