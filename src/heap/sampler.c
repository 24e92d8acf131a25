/* SPDX-License-Identifier: MIT */
#include <heapspy/sampler.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "target/proc.h"

DEFINE_CLEANUP(struct heapspy_error *, heapspy_error_free)

struct heapspy_sampler {
	struct heapspy *heapspy;
	int proc; /* its /proc directory; that it is its own is told by each reading */
	int event;
	double interval, duty;
	pthread_t thread;
	bool started;
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t asked;
	bool stop, walk_now;
	double census_interval;
	struct heapspy_sample *latest;
};

/* ---- what is published --------------------------------------------------------- */

struct heapspy_census *heapspy_census_keep(struct heapspy_census *census)
{
	if (census)
		__atomic_add_fetch(&census->references, 1, __ATOMIC_RELAXED);
	return census;
}

void heapspy_census_drop(struct heapspy_census *census)
{
	if (!census || __atomic_sub_fetch(&census->references, 1, __ATOMIC_ACQ_REL))
		return;
	heapspy_dump_free(census->dump);
	free(census);
}

struct heapspy_stacks *heapspy_stacks_keep(struct heapspy_stacks *stacks)
{
	if (stacks)
		__atomic_add_fetch(&stacks->references, 1, __ATOMIC_RELAXED);
	return stacks;
}

void heapspy_stacks_drop(struct heapspy_stacks *stacks)
{
	if (!stacks || __atomic_sub_fetch(&stacks->references, 1, __ATOMIC_ACQ_REL))
		return;
	heapspy_stack_fini(&stacks->stack);
	free(stacks);
}

struct heapspy_sample *heapspy_sample_keep(struct heapspy_sample *sample)
{
	if (sample)
		__atomic_add_fetch(&sample->references, 1, __ATOMIC_RELAXED);
	return sample;
}

void heapspy_sample_drop(struct heapspy_sample *sample)
{
	if (!sample || __atomic_sub_fetch(&sample->references, 1, __ATOMIC_ACQ_REL))
		return;
	heapspy_census_drop(sample->census);
	heapspy_stacks_drop(sample->stacks);
	free(sample->interpreters);
	free(sample->trouble);
	free(sample);
}
DEFINE_CLEANUP(struct heapspy_sample *, heapspy_sample_drop)

/* A new one that begins as the one before. NULL without memory. */
static struct heapspy_sample *follow(const struct heapspy_sample *before)
{
	struct heapspy_sample *sample = malloc(sizeof(*sample));
	struct heapspy_interpreter *interpreters =
	    malloc((before->interpreter_count + 1) * sizeof(*interpreters));
	if (!sample || !interpreters) {
		free(sample);
		free(interpreters);
		return NULL;
	}
	*sample = *before;
	sample->references = 1;
	sample->trouble = before->trouble ? strdup(before->trouble) : NULL;
	sample->interpreters = interpreters;
	if (before->interpreter_count)
		memcpy(interpreters, before->interpreters,
		       before->interpreter_count * sizeof(*interpreters));
	heapspy_census_keep(sample->census);
	heapspy_stacks_keep(sample->stacks);
	return sample;
}

/* Takes it. */
static void publish(struct heapspy_sampler *sampler, struct heapspy_sample *sample)
{
	static const uint64_t one = 1;
	pthread_mutex_lock(&sampler->mutex);
	struct heapspy_sample *old = sampler->latest;
	sampler->latest = sample;
	ssize_t written = write(sampler->event, &one, sizeof(one));
	(void)written; /* it is readable already where the counter is full */
	pthread_mutex_unlock(&sampler->mutex);
	heapspy_sample_drop(old);
}

static void set_trouble(struct heapspy_sample *sample, const struct heapspy_error *error)
{
	free(sample->trouble);
	sample->trouble = NULL;
	if (!error)
		return;
	sample->trouble_code = error->code;
	if (asprintf(&sample->trouble, "%s%s%s", error->what, error->why ? ": " : "",
		     error->why ?: "") < 0)
		sample->trouble = NULL;
	if (error->code == HEAPSPY_GONE || error->code == HEAPSPY_NO_PROCESS)
		sample->state = HEAPSPY_SAMPLE_GONE;
}

/* ---- reading --------------------------------------------------------------------- */

static void read_kernel(struct heapspy_sampler *sampler, struct heapspy_sample *sample)
{
	struct proc_status status;
	struct stat tasks;
	if (!proc_read_status(sampler->proc, "status", &status) || status.vm_rss == UINT64_MAX)
		return;
	sample->rss = status.vm_rss;
	sample->swap = status.vm_swap;
	sample->rss_peak = status.vm_hwm;
	sample->virt = status.vm_size;
	/* A directory has a link for itself, its name and each directory in it. */
	if (fstatat(sampler->proc, "task", &tasks, 0) == 0 && tasks.st_nlink > 2)
		sample->threads = (unsigned)tasks.st_nlink - 2;
}

/* A thread that cannot be read is no reason to know nothing else. */
static void read_stacks(struct heapspy_sampler *sampler, struct heapspy_sample *sample)
{
	static const struct heapspy_stack_options running;
	struct heapspy_stacks *stacks = calloc(1, sizeof(*stacks));
	struct heapspy_error *error =
	    stacks ? heapspy_stack_read(sampler->heapspy, &running, &stacks->stack) : NULL;
	if (error) {
		heapspy_error_free(error);
		free(stacks);
		stacks = NULL;
	}
	if (stacks)
		stacks->references = 1;
	heapspy_stacks_drop(sample->stacks);
	sample->stacks = stacks;
}

/* What the kernel says counts once the collector was read: then the process was still
 * the one that was attached. */
static void read_often(struct heapspy_sampler *sampler, struct heapspy_sample *sample)
{
	sample->number++;
	sample->time = clock_now();
	struct heapspy_sample kernel = *sample;
	read_kernel(sampler, &kernel);
	struct heapspy_gc_reading reading;
	CLEANUP(heapspy_error_freep)
	struct heapspy_error *error = heapspy_gc_read(sampler->heapspy, &reading);
	set_trouble(sample, error);
	if (error)
		return;
	sample->rss = kernel.rss;
	sample->swap = kernel.swap;
	sample->rss_peak = kernel.rss_peak;
	sample->virt = kernel.virt;
	sample->threads = kernel.threads;
	free(sample->interpreters);
	sample->interpreters = take_pointer(reading.interpreters);
	sample->interpreter_count = reading.interpreter_count;
	read_stacks(sampler, sample);
}

static void read_census(struct heapspy_sampler *sampler, struct heapspy_sample *sample)
{
	struct heapspy_census *census = calloc(1, sizeof(*census));
	double start = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
	CLEANUP(heapspy_error_freep)
	struct heapspy_error *error =
	    census ? heapspy_dump(sampler->heapspy, NULL, &census->dump) : error_no_memory();
	sample->walk_cpu = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - start;
	sample->walking = false;
	set_trouble(sample, error);
	if (error) {
		free(census);
		return;
	}
	census->references = 1;
	census->number = sample->census ? sample->census->number + 1 : 1;
	heapspy_census_drop(sample->census);
	sample->census = census;
}

/* ---- the thread ------------------------------------------------------------------- */

/* Until then, or until something is asked for. False: it is to end. */
static bool wait_until(struct heapspy_sampler *sampler, double time, bool *ret_walk_now)
{
	struct timespec until = {
	    .tv_sec = (time_t)time,
	    .tv_nsec = (long)((time - (double)(time_t)time) * 1e9),
	};
	pthread_mutex_lock(&sampler->mutex);
	while (!sampler->stop && !sampler->walk_now &&
	       pthread_cond_clockwait(&sampler->asked, &sampler->mutex, CLOCK_MONOTONIC, &until) ==
		   0)
		;
	*ret_walk_now = sampler->walk_now;
	sampler->walk_now = false;
	bool goes_on = !sampler->stop;
	pthread_mutex_unlock(&sampler->mutex);
	return goes_on;
}

static double census_interval(struct heapspy_sampler *sampler, const struct heapspy_sample *sample)
{
	pthread_mutex_lock(&sampler->mutex);
	double interval = sampler->census_interval;
	pthread_mutex_unlock(&sampler->mutex);
	double stretched = sample->walk_cpu / sampler->duty;
	return stretched > interval ? stretched : interval;
}

/* A sample with some of it read anew, published. False: there is no memory. */
static bool step(struct heapspy_sampler *sampler,
		 void read(struct heapspy_sampler *sampler, struct heapspy_sample *sample))
{
	struct heapspy_sample *sample = follow(sampler->latest);
	if (!sample)
		return false;
	if (read)
		read(sampler, sample);
	else
		sample->walking = true;
	sample->census_interval = census_interval(sampler, sample);
	publish(sampler, sample);
	return true;
}

static bool is_live(const struct heapspy_sampler *sampler)
{
	return sampler->latest->state == HEAPSPY_SAMPLE_LIVE;
}

/* Only this thread replaces `latest`, so that it may read it without the mutex. */
static void *run(void *argument)
{
	struct heapspy_sampler *sampler = argument;
	double next = clock_monotonic(), last_walk = -1;
	bool walk_now = false;
	for (;;) {
		if (!wait_until(sampler, is_live(sampler) ? next : next + 1e9, &walk_now))
			return NULL;
		if (!is_live(sampler))
			continue;
		double now = clock_monotonic();
		if (now >= next) {
			/* Readings that were missed are not made up for. */
			next = next + sampler->interval > now ? next + sampler->interval
							      : now + sampler->interval;
			step(sampler, read_often);
		}
		if (!is_live(sampler))
			continue;
		bool due =
		    last_walk < 0 || now >= last_walk + census_interval(sampler, sampler->latest);
		if (walk_now || due) {
			last_walk = now;
			step(sampler, NULL);
			step(sampler, read_census);
		}
	}
}

static bool start_thread(struct heapspy_sampler *sampler)
{
	sigset_t all, before;
	sigfillset(&all);
	/* What a thread does itself ends the process at once where it is blocked, without
	 * the handler that brings a terminal back. */
	static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		sigdelset(&all, own[i]);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	sampler->started = pthread_create(&sampler->thread, NULL, run, sampler) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return sampler->started;
}

struct heapspy_error *heapspy_sampler_start(struct heapspy *heapspy,
					    const struct heapspy_sampler_options *options,
					    struct heapspy_sampler **ret_sampler)
{
	struct heapspy_sampler *sampler = calloc(1, sizeof(*sampler));
	struct heapspy_sample *empty = calloc(1, sizeof(*empty));
	if (!sampler || !empty) {
		free(sampler);
		free(empty);
		heapspy_detach(heapspy);
		return error_no_memory();
	}
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d", (int)heapspy_target_info(heapspy)->pid);
	pthread_mutex_init(&sampler->mutex, NULL);
	pthread_cond_init(&sampler->asked, NULL);
	*empty = (struct heapspy_sample){
	    .references = 1,
	    .rss = HEAPSPY_UNKNOWN,
	    .swap = HEAPSPY_UNKNOWN,
	    .rss_peak = HEAPSPY_UNKNOWN,
	    .virt = HEAPSPY_UNKNOWN,
	};
	sampler->heapspy = heapspy;
	sampler->latest = empty;
	sampler->interval = options && options->interval > 0 ? options->interval : 1;
	sampler->census_interval =
	    options && options->census_interval > 0 ? options->census_interval : 10;
	sampler->duty = options && options->duty > 0 ? options->duty : 0.05;
	sampler->proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	sampler->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sampler->event < 0 || !start_thread(sampler)) {
		heapspy_sampler_stop(sampler);
		return error_why(error_new(HEAPSPY_LIMIT, "cannot watch the process"),
				 "no descriptor or thread is left");
	}
	*ret_sampler = sampler;
	return NULL;
}

void heapspy_sampler_stop(struct heapspy_sampler *sampler)
{
	if (!sampler)
		return;
	pthread_mutex_lock(&sampler->mutex);
	sampler->stop = true;
	pthread_cond_signal(&sampler->asked);
	pthread_mutex_unlock(&sampler->mutex);
	if (sampler->started)
		pthread_join(sampler->thread, NULL);
	pthread_cond_destroy(&sampler->asked);
	pthread_mutex_destroy(&sampler->mutex);
	heapspy_sample_drop(sampler->latest);
	heapspy_detach(sampler->heapspy);
	closep(&sampler->proc);
	closep(&sampler->event);
	free(sampler);
}

/* ---- from other threads ------------------------------------------------------------- */

int heapspy_sampler_fd(const struct heapspy_sampler *sampler)
{
	return sampler->event;
}

struct heapspy_sample *heapspy_sampler_latest(struct heapspy_sampler *sampler)
{
	uint64_t count;
	pthread_mutex_lock(&sampler->mutex);
	ssize_t length = read(sampler->event, &count, sizeof(count));
	(void)length; /* nothing is new: the sample is still the newest */
	struct heapspy_sample *latest = sampler->latest->number ? sampler->latest : NULL;
	heapspy_sample_keep(latest);
	pthread_mutex_unlock(&sampler->mutex);
	return latest;
}

void heapspy_sampler_walk_now(struct heapspy_sampler *sampler)
{
	pthread_mutex_lock(&sampler->mutex);
	sampler->walk_now = true;
	pthread_cond_signal(&sampler->asked);
	pthread_mutex_unlock(&sampler->mutex);
}

void heapspy_sampler_set_census_interval(struct heapspy_sampler *sampler, double interval)
{
	pthread_mutex_lock(&sampler->mutex);
	if (interval > 0)
		sampler->census_interval = interval;
	pthread_mutex_unlock(&sampler->mutex);
}
