/* SPDX-License-Identifier: MIT */
#include <heapspy/sampler.h>

#include <fcntl.h>
#include <math.h>
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
#include "base/deaf.h"
#include "base/error.h"
#include "heap/sampler/errands.h"
#include "heap/sampler/pacer.h"
#include "heap/sampler/sample.h"
#include "target/process/proc.h"

DEFINE_CLEANUP(struct heapspy_error *, heapspy_error_free)

/* A thread and the attachment that it alone reads with. */
struct worker {
	struct heapspy *heapspy;
	pthread_t thread;
	bool started;
};

struct heapspy_sampler {
	struct worker reader, walker;
	int proc; /* its /proc directory; that it is its own is told by each reading */
	int event;
	double interval;
	struct heapspy_pacer *pacer;
	struct turn turn;
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t asked;
	bool stop;
	struct errands errands;
	bool walk_failed; /* the trouble that is published is that of a census */
	struct heapspy_sample *latest;
};

/* ---- publishing ------------------------------------------------------------------ */

/* Takes the new latest. The mutex is held. */
static void publish(struct heapspy_sampler *sampler, struct heapspy_sample *sample)
{
	static const uint64_t one = 1;
	sample->census_interval = pacer_interval(sampler->pacer, &sampler->turn);
	heapspy_sample_drop(sampler->latest);
	sampler->latest = sample;
	ssize_t written = write(sampler->event, &one, sizeof(one));
	(void)written; /* it is readable already where the counter is full */
}

/* The next sample, to be changed and published, with the mutex held until then. NULL,
 * and no mutex: there is no memory, or it is over. */
static struct heapspy_sample *next_sample(struct heapspy_sampler *sampler)
{
	pthread_mutex_lock(&sampler->mutex);
	bool over = sampler->stop || sampler->latest->state == HEAPSPY_SAMPLE_GONE;
	struct heapspy_sample *sample = over ? NULL : sample_follow(sampler->latest);
	if (!sample)
		pthread_mutex_unlock(&sampler->mutex);
	return sample;
}

static void publish_and_unlock(struct heapspy_sampler *sampler, struct heapspy_sample *sample)
{
	publish(sampler, sample);
	if (sample->state == HEAPSPY_SAMPLE_GONE)
		pthread_cond_signal(&sampler->asked);
	pthread_mutex_unlock(&sampler->mutex);
}

static bool is_over(struct heapspy_sampler *sampler)
{
	pthread_mutex_lock(&sampler->mutex);
	bool over = sampler->stop || sampler->latest->state == HEAPSPY_SAMPLE_GONE;
	pthread_mutex_unlock(&sampler->mutex);
	return over;
}

/* ---- often -------------------------------------------------------------------------- */

/* What one reading brings. */
struct reading {
	double time;
	struct proc_status status;
	unsigned threads;
	struct heapspy_gc_reading gc;
	struct heapspy_stacks *stacks;
};

static unsigned count_threads(int proc)
{
	struct stat tasks;
	/* A directory has a link for itself, its name and each directory in it. */
	if (fstatat(proc, "task", &tasks, 0) == 0 && tasks.st_nlink > 2)
		return (unsigned)tasks.st_nlink - 2;
	return 0;
}

/* A thread that cannot be read is no reason to know nothing else. */
static struct heapspy_stacks *read_stacks(struct heapspy *heapspy)
{
	static const struct heapspy_stack_options running;
	struct heapspy_stacks *stacks = calloc(1, sizeof(*stacks));
	struct heapspy_error *error =
	    stacks ? heapspy_stack_read(heapspy, &running, &stacks->stack) : NULL;
	if (error) {
		heapspy_error_free(error);
		free(stacks);
		return NULL;
	}
	if (stacks)
		stacks->references = 1;
	return stacks;
}

/* What the kernel says counts once the collector was read: then the process was still
 * the one that was attached. */
static void read_often(struct heapspy_sampler *sampler)
{
	struct reading reading = {.time = clock_now()};
	bool told = proc_read_status(sampler->proc, "status", &reading.status) &&
		    reading.status.vm_rss != UINT64_MAX;
	reading.threads = count_threads(sampler->proc);
	CLEANUP(heapspy_error_freep)
	struct heapspy_error *error = heapspy_gc_read(sampler->reader.heapspy, &reading.gc);
	if (!error)
		reading.stacks = read_stacks(sampler->reader.heapspy);
	struct heapspy_sample *sample = next_sample(sampler);
	if (!sample) {
		heapspy_gc_reading_fini(&reading.gc);
		heapspy_stacks_drop(reading.stacks);
		return;
	}
	sample->number++;
	sample->time = reading.time;
	if (error || !sampler->walk_failed) {
		sample_set_trouble(sample, error);
		sampler->walk_failed = false;
	}
	if (!error) {
		if (told) {
			sample->rss = reading.status.vm_rss;
			sample->swap = reading.status.vm_swap;
			sample->rss_peak = reading.status.vm_hwm;
			sample->virt = reading.status.vm_size;
			sample->threads = reading.threads ?: sample->threads;
		}
		free(sample->interpreters);
		sample->interpreters = reading.gc.interpreters;
		sample->interpreter_count = reading.gc.interpreter_count;
		heapspy_stacks_drop(sample->stacks);
		sample->stacks = reading.stacks;
	}
	publish_and_unlock(sampler, sample);
}

/* Until then. False: it is over. */
static bool wait_until(struct heapspy_sampler *sampler, double time)
{
	struct timespec until = {
	    .tv_sec = (time_t)time,
	    .tv_nsec = (long)((time - (double)(time_t)time) * 1e9),
	};
	pthread_mutex_lock(&sampler->mutex);
	while (!sampler->stop && sampler->latest->state == HEAPSPY_SAMPLE_LIVE &&
	       pthread_cond_clockwait(&sampler->asked, &sampler->mutex, CLOCK_MONOTONIC, &until) ==
		   0)
		;
	pthread_mutex_unlock(&sampler->mutex);
	return !is_over(sampler);
}

static void *run_reader(void *argument)
{
	struct heapspy_sampler *sampler = argument;
	double next = clock_monotonic();
	while (wait_until(sampler, next)) {
		double now = clock_monotonic();
		double start = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
		read_often(sampler);
		double cost = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - start;
		/* Tens of thousands of mappings, or threads, are not read so often. */
		double interval = fmax(sampler->interval, cost / HEAPSPY_DUTY);
		/* Readings that were missed are not made up for. */
		next = next + interval > now ? next + interval : now + interval;
	}
	return NULL;
}

/* ---- seldom -------------------------------------------------------------------------- */

static double read_census(struct heapspy_sampler *sampler)
{
	struct heapspy_sample *sample = next_sample(sampler);
	if (!sample)
		return 0;
	sample->walking = true;
	publish_and_unlock(sampler, sample);

	double start = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
	struct heapspy_census *census = calloc(1, sizeof(*census));
	CLEANUP(heapspy_error_freep)
	struct heapspy_error *error =
	    census ? heapspy_dump(sampler->walker.heapspy, NULL, &census->dump)
		   : error_no_memory();
	double cost = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - start;

	sample = next_sample(sampler);
	if (!sample || error) {
		if (census)
			heapspy_dump_free(census->dump);
		free(census);
	}
	if (!sample)
		return cost;
	sample->walking = false;
	sample->walk_cpu = cost;
	if (error || sampler->walk_failed)
		sample_set_trouble(sample, error);
	sampler->walk_failed = error != NULL;
	if (!error) {
		census->references = 1;
		census->number = sample->census ? sample->census->number + 1 : 1;
		heapspy_census_drop(sample->census);
		sample->census = census;
	}
	publish_and_unlock(sampler, sample);
	return cost;
}

/* What was asked for since the last time. */
static double run_errands(struct heapspy_sampler *sampler)
{
	pthread_mutex_lock(&sampler->mutex);
	struct errands errands = sampler->errands;
	sampler->errands.look = sampler->errands.native = 0;
	pthread_mutex_unlock(&sampler->mutex);
	double start = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
	struct heapspy_look *look = NULL;
	struct heapspy_saved *saved = NULL;
	struct heapspy_stacks *native = NULL;
	if (errands.native)
		native = errand_native(sampler->walker.heapspy, &errands);
	if (errands.look)
		look = errand_look(sampler->walker.heapspy, &errands);
	if (errands.save)
		saved = errand_save(sampler->walker.heapspy, &errands);
	pthread_mutex_lock(&sampler->mutex);
	if (errands.save)
		sampler->errands.save = 0;
	pthread_mutex_unlock(&sampler->mutex);
	struct heapspy_sample *sample = look || saved || native ? next_sample(sampler) : NULL;
	if (!sample) {
		heapspy_look_drop(look);
		heapspy_saved_drop(saved);
		heapspy_stacks_drop(native);
		return clock_seconds(CLOCK_THREAD_CPUTIME_ID) - start;
	}
	if (look) {
		heapspy_look_drop(sample->look);
		sample->look = look;
	}
	if (native) {
		heapspy_stacks_drop(sample->native);
		sample->native = native;
	}
	if (saved) {
		heapspy_saved_drop(sample->saved);
		sample->saved = saved;
	}
	publish_and_unlock(sampler, sample);
	return clock_seconds(CLOCK_THREAD_CPUTIME_ID) - start;
}

static double walk(struct heapspy_sampler *sampler)
{
	double cost = run_errands(sampler);
	return cost + read_census(sampler);
}

static void *run_walker(void *argument)
{
	struct heapspy_sampler *sampler = argument;
	pacer_join(sampler->pacer, &sampler->turn);
	while (!is_over(sampler) && pacer_begin(sampler->pacer, &sampler->turn))
		pacer_end(sampler->pacer, &sampler->turn, walk(sampler));
	pacer_leave(sampler->pacer, &sampler->turn);
	return NULL;
}

/* ---- life ---------------------------------------------------------------------------- */

static bool start_thread(struct heapspy_sampler *sampler, struct worker *worker,
			 void *run(void *argument))
{
	worker->started = deaf_thread(&worker->thread, run, sampler);
	return worker->started;
}

/* A second attachment, so that readings go on while a census takes its time. */
static struct heapspy_error *attach_walker(struct heapspy_sampler *sampler,
					   enum heapspy_layout_source layout)
{
	struct heapspy_attach_options options = {.layout = layout};
	struct heapspy_gc_reading reading;
	pid_t pid = heapspy_target_info(sampler->reader.heapspy)->pid;
	struct heapspy_error *error = heapspy_attach(pid, &options, &sampler->walker.heapspy);
	/* It is the same process if the first one is still there: its PID was not free. */
	if (!error)
		error = heapspy_gc_read(sampler->reader.heapspy, &reading);
	if (!error)
		heapspy_gc_reading_fini(&reading);
	return error;
}

struct heapspy_error *heapspy_sampler_start(struct heapspy *heapspy,
					    const struct heapspy_sampler_options *options,
					    struct heapspy_sampler **ret_sampler)
{
	static const struct heapspy_sampler_options defaults;
	options = options ?: &defaults;
	struct heapspy_sampler *sampler = calloc(1, sizeof(*sampler));
	struct heapspy_sample *empty = sample_new();
	struct heapspy_pacer *pacer =
	    options->pacer ? heapspy_pacer_keep(options->pacer) : heapspy_pacer_new(0);
	if (!sampler || !empty || !pacer) {
		free(sampler);
		heapspy_sample_drop(empty);
		heapspy_pacer_drop(pacer);
		heapspy_detach(heapspy);
		return error_no_memory();
	}
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d", (int)heapspy_target_info(heapspy)->pid);
	pthread_mutex_init(&sampler->mutex, NULL);
	pthread_cond_init(&sampler->asked, NULL);
	sampler->reader.heapspy = heapspy;
	sampler->latest = empty;
	sampler->pacer = pacer;
	sampler->interval = options->interval > 0 ? options->interval : 1;
	turn_init(&sampler->turn, options->census_interval > 0 ? options->census_interval : 10);
	sampler->proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	sampler->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct heapspy_error *error = attach_walker(sampler, options->layout);
	if (!error && (sampler->event < 0 || !start_thread(sampler, &sampler->reader, run_reader) ||
		       !start_thread(sampler, &sampler->walker, run_walker)))
		error = error_why(error_new(HEAPSPY_LIMIT, "cannot watch the process"),
				  "no descriptor or thread is left");
	if (error) {
		heapspy_sampler_stop(sampler);
		return error;
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
	heapspy_cancel(sampler->reader.heapspy);
	if (sampler->walker.heapspy)
		heapspy_cancel(sampler->walker.heapspy);
	pthread_cond_signal(&sampler->asked);
	pthread_mutex_unlock(&sampler->mutex);
	pacer_set(sampler->pacer, &sampler->turn, PACER_STOP, 0);
	if (sampler->reader.started)
		pthread_join(sampler->reader.thread, NULL);
	if (sampler->walker.started)
		pthread_join(sampler->walker.thread, NULL);
	pthread_cond_destroy(&sampler->asked);
	pthread_mutex_destroy(&sampler->mutex);
	heapspy_sample_drop(sampler->latest);
	heapspy_detach(sampler->walker.heapspy);
	heapspy_detach(sampler->reader.heapspy);
	heapspy_pacer_drop(sampler->pacer);
	closep(&sampler->proc);
	closep(&sampler->event);
	free(sampler);
}

/* ---- from other threads ------------------------------------------------------------- */

const struct heapspy_target_info *heapspy_sampler_target(const struct heapspy_sampler *sampler)
{
	return heapspy_target_info(sampler->reader.heapspy);
}

const struct heapspy_python_info *heapspy_sampler_python(const struct heapspy_sampler *sampler)
{
	return heapspy_python_info(sampler->reader.heapspy);
}

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
	pacer_set(sampler->pacer, &sampler->turn, PACER_NOW, 0);
}

void heapspy_sampler_set_census_interval(struct heapspy_sampler *sampler, double interval)
{
	if (interval > 0)
		pacer_set(sampler->pacer, &sampler->turn, PACER_INTERVAL, interval);
}

uint64_t heapspy_sampler_look(struct heapspy_sampler *sampler,
			      const struct heapspy_instances_options *options)
{
	pthread_mutex_lock(&sampler->mutex);
	struct errands *errands = &sampler->errands;
	uint64_t number = errands->look = ++errands->asked;
	errands->objects = *options;
	errands->objects.name = NULL;
	pthread_mutex_unlock(&sampler->mutex);
	heapspy_sampler_walk_now(sampler);
	return number;
}

uint64_t heapspy_sampler_native(struct heapspy_sampler *sampler, double max_pause)
{
	pthread_mutex_lock(&sampler->mutex);
	struct errands *errands = &sampler->errands;
	uint64_t number = errands->native = ++errands->asked;
	errands->max_pause = max_pause;
	pthread_mutex_unlock(&sampler->mutex);
	heapspy_sampler_walk_now(sampler);
	return number;
}

uint64_t heapspy_sampler_save(struct heapspy_sampler *sampler,
			      const struct heapspy_snapshot_options *options, int fd)
{
	static const struct heapspy_snapshot_options defaults;
	pthread_mutex_lock(&sampler->mutex);
	struct errands *errands = &sampler->errands;
	uint64_t number = errands->save ? 0 : ++errands->asked;
	if (number) {
		errands->save = number;
		errands->snapshot = options ? *options : defaults;
		errands->fd = fd;
	}
	pthread_mutex_unlock(&sampler->mutex);
	heapspy_sampler_walk_now(sampler);
	return number;
}
