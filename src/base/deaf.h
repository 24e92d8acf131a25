/* SPDX-License-Identifier: MIT */
/*
 * Threads and processes that signals do not disturb: signals are for the thread that
 * started them. Its own mask is as it was when these return.
 */
#ifndef BASE_DEAF_H
#define BASE_DEAF_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

/* What a thread does wrong itself (SIGSEGV and its like) is still delivered: blocked, it
 * would end the process without the handler that brings a terminal back. */
bool deaf_thread(pthread_t *ret_thread, void *run(void *argument), void *argument);

/* As fork(2), but for the child's mask: every signal is blocked in it, from its first
 * moment on, so that no handler of ours runs there. */
pid_t deaf_fork(void);

#endif
