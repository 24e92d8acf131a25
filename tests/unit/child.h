/* SPDX-License-Identifier: MIT */
/* A real process as the target of a test: a fork that prepares its memory, says
 * where it is, and waits to be told what to do next. */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include <stdint.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int to, from; /* pipes */
};

/* In the child: say something to the test, wait for its next word. Where none can
 * come any more, as the test has ended, so does the child. */
void child_say(const void *bytes, size_t length);
void child_wait(void);

/* Runs `body` in a new process, which stays where it returns. */
struct child child_start(void (*body)(void *context), void *context);

/* In the test. */
void child_hear(struct child *child, void *bytes, size_t length);
void child_go_on(struct child *child);

/* Returns once the child is asleep, waiting for a word: what it did before it got
 * there touches memory too. */
void child_settle(const struct child *child);

/* Ends and reaps it. */
void child_end(struct child *child);

/* And all that were started and not yet ended: a test that failed leaves some. */
void child_end_all(void);

/* A number of /proc/PID/status in KiB, 0 if it has none ("VmRSS"). */
uint64_t child_status(const struct child *child, const char *name);

#endif
