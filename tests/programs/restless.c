/* SPDX-License-Identifier: MIT */
/* A library with a thread that is none of Python's and never rests for long: a process
 * that loaded it cannot be read without stopping it. */
#include <pthread.h>
#include <time.h>

static void *be_restless(void *unused)
{
	(void)unused;
	for (;;)
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	return NULL;
}

__attribute__((constructor)) static void begin(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, be_restless, NULL);
}
