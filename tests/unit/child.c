/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int to_test = -1, from_test = -1;
static struct child running[8];

/* The one with this PID; 0 is a place that is free. */
static void replace(pid_t pid, const struct child *instead)
{
	for (size_t i = 0; i < sizeof(running) / sizeof(*running); i++)
		if (running[i].pid == pid) {
			running[i] = *instead;
			return;
		}
}

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

void child_say(const void *bytes, size_t length)
{
	if (write(to_test, bytes, length) != (ssize_t)length)
		die("child: write");
}

void child_wait(void)
{
	char word;
	if (read(from_test, &word, 1) != 1)
		_exit(0);
}

struct child child_start(void (*body)(void *context), void *context)
{
	int to[2], from[2];
	if (pipe(to) < 0 || pipe(from) < 0)
		die("pipe");
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* undone where the child changes its user */
		close(to[1]);
		close(from[0]);
		to_test = from[1];
		from_test = to[0];
		body(context);
		for (;;)
			child_wait();
	}
	close(to[0]);
	close(from[1]);
	struct child child = {.pid = pid, .to = to[1], .from = from[0]};
	replace(0, &child);
	return child;
}

void child_hear(struct child *child, void *bytes, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t got = read(child->from, (char *)bytes + done, length - done);
		if (got <= 0)
			die("test: the child said nothing");
		done += got;
	}
}

void child_go_on(struct child *child)
{
	if (write(child->to, "", 1) != 1)
		die("test: write");
}

void child_settle(const struct child *child)
{
	char path[64], text[512] = "", *name_end;
	snprintf(path, sizeof(path), "/proc/%d/stat", child->pid);
	do {
		FILE *file = fopen(path, "re");
		if (!file || !fgets(text, sizeof(text), file))
			die("test: the child is gone");
		fclose(file);
		name_end = strrchr(text, ')');
	} while (!name_end || name_end[2] != 'S');
}

void child_end(struct child *child)
{
	kill(child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(child->to);
	close(child->from);
	replace(child->pid, &(struct child){0});
}

void child_end_all(void)
{
	for (size_t i = 0; i < sizeof(running) / sizeof(*running); i++) {
		struct child child = running[i];
		if (child.pid)
			child_end(&child);
	}
}

uint64_t child_status(const struct child *child, const char *name)
{
	char path[64], line[256];
	snprintf(path, sizeof(path), "/proc/%d/status", child->pid);
	FILE *file = fopen(path, "re");
	uint64_t value = 0;
	size_t length = strlen(name);
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, name, length) == 0 && line[length] == ':')
			value = strtoull(line + length + 1, NULL, 10);
	if (file)
		fclose(file);
	return value;
}
