/* SPDX-License-Identifier: MIT */
#include "cmd/progress.h"
#include "base/deaf.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct progress {
	const char *what;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t ended;
	bool is_ended;
};

static void *run(void *argument)
{
	struct progress *progress = argument;
	struct timespec next;
	unsigned seconds = 0;
	clock_gettime(CLOCK_MONOTONIC, &next);
	pthread_mutex_lock(&progress->mutex);
	while (!progress->is_ended) {
		next.tv_sec++;
		while (!progress->is_ended &&
		       pthread_cond_clockwait(&progress->ended, &progress->mutex, CLOCK_MONOTONIC,
					      &next) == 0)
			;
		if (!progress->is_ended)
			dprintf(STDERR_FILENO, "\rheapspy: %s, %u s", progress->what, ++seconds);
	}
	if (seconds > 0)
		dprintf(STDERR_FILENO, "\r\033[K");
	pthread_mutex_unlock(&progress->mutex);
	return NULL;
}

struct progress *progress_begin(const struct options *options, const char *what)
{
	if (options->quiet || !isatty(STDERR_FILENO))
		return NULL;
	struct progress *progress = calloc(1, sizeof(*progress));
	if (!progress)
		return NULL;
	progress->what = what;
	pthread_mutex_init(&progress->mutex, NULL);
	pthread_cond_init(&progress->ended, NULL);
	if (!deaf_thread(&progress->thread, run, progress)) {
		free(progress);
		return NULL;
	}
	return progress;
}

void progress_end(struct progress *progress)
{
	if (!progress)
		return;
	pthread_mutex_lock(&progress->mutex);
	progress->is_ended = true;
	pthread_cond_signal(&progress->ended);
	pthread_mutex_unlock(&progress->mutex);
	pthread_join(progress->thread, NULL);
	pthread_cond_destroy(&progress->ended);
	pthread_mutex_destroy(&progress->mutex);
	free(progress);
}
