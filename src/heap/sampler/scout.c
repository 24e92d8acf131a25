/* SPDX-License-Identifier: MIT */
#include <heapspy/scout.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <heapspy/family.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/deaf.h"
#include "base/error.h"

/* One that was just forked may be about to become another program: a moment is waited
 * for that. Seconds. */
static const double BIRTH = 0.3, FIRST_RETRY = 1, LAST_RETRY = 60;

enum suspect_state {
	SUSPECT_NEW,     /* not a Python so far */
	SUSPECT_WATCHED,
	SUSPECT_REFUSED, /* it cannot be read, which was said */
};

/* A process that was seen. */
struct suspect {
	struct heapspy_relative relative;
	bool named; /* its PID was given */
	enum suspect_state state;
	double retry, pause; /* monotonic: not before; and after that so much later */
	bool seen;           /* in this look */
};

struct find {
	struct heapspy_discovery discovery;
	struct find *next;
};

struct heapspy_scout {
	struct heapspy_scout_options options;
	pid_t *pids;
	int event;
	pthread_t thread;
	bool started;
	struct suspect *suspects; /* the thread's */
	size_t suspect_count;
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t asked;
	bool stop;
	size_t watched;
	struct find *first, **last; /* not taken yet */
};

/* ---- handing over ---------------------------------------------------------------- */

/* Takes the sampler and the error. */
static bool hand_over(struct heapspy_scout *scout, const struct suspect *suspect,
		      struct heapspy_sampler *sampler, struct heapspy_error *error)
{
	static const uint64_t one = 1;
	struct find *find = malloc(sizeof(*find));
	if (!find) {
		heapspy_sampler_stop(sampler);
		heapspy_error_free(error);
		return false;
	}
	*find = (struct find){.discovery = {.pid = suspect->relative.pid,
					    .parent = suspect->relative.parent,
					    .sampler = sampler,
					    .error = error}};
	pthread_mutex_lock(&scout->mutex);
	*scout->last = find;
	scout->last = &find->next;
	scout->watched += sampler != NULL;
	ssize_t written = write(scout->event, &one, sizeof(one));
	(void)written; /* it is readable already where the counter is full */
	pthread_mutex_unlock(&scout->mutex);
	return true;
}

bool heapspy_scout_take(struct heapspy_scout *scout, struct heapspy_discovery *ret_discovery)
{
	uint64_t count;
	pthread_mutex_lock(&scout->mutex);
	struct find *find = scout->first;
	if (find) {
		scout->first = find->next;
		if (!scout->first)
			scout->last = &scout->first;
	} else {
		ssize_t length = read(scout->event, &count, sizeof(count));
		(void)length; /* nothing is new */
	}
	pthread_mutex_unlock(&scout->mutex);
	if (!find)
		return false;
	*ret_discovery = find->discovery;
	free(find);
	return true;
}

void heapspy_scout_give_up(struct heapspy_scout *scout)
{
	pthread_mutex_lock(&scout->mutex);
	if (scout->watched)
		scout->watched--;
	pthread_mutex_unlock(&scout->mutex);
}

static bool has_room(struct heapspy_scout *scout)
{
	pthread_mutex_lock(&scout->mutex);
	bool room = !scout->stop && scout->watched < HEAPSPY_MOST_WATCHED;
	pthread_mutex_unlock(&scout->mutex);
	return room;
}

/* ---- one look --------------------------------------------------------------------- */

static struct suspect *find_suspect(struct heapspy_scout *scout,
				    const struct heapspy_relative *relative)
{
	for (size_t i = 0; i < scout->suspect_count; i++)
		if (scout->suspects[i].relative.pid == relative->pid &&
		    scout->suspects[i].relative.start == relative->start)
			return &scout->suspects[i];
	return NULL;
}

static bool is_named(const struct heapspy_scout *scout, pid_t pid)
{
	for (size_t i = 0; i < scout->options.count; i++)
		if (scout->pids[i] == pid)
			return true;
	return false;
}

/* Note who is there, forget who is not. False without memory. */
static bool note_family(struct heapspy_scout *scout, const struct heapspy_family *family,
			bool first)
{
	for (size_t i = 0; i < scout->suspect_count; i++)
		scout->suspects[i].seen = false;
	for (size_t i = 0; i < family->count; i++) {
		const struct heapspy_relative *relative = &family->items[i];
		struct suspect *suspect = find_suspect(scout, relative);
		if (!suspect) {
			void *suspects = realloc(scout->suspects, (scout->suspect_count + 1) *
								      sizeof(*scout->suspects));
			if (!suspects)
				return false;
			scout->suspects = suspects;
			suspect = &scout->suspects[scout->suspect_count++];
			*suspect = (struct suspect){
			    .relative = *relative,
			    .named = first && is_named(scout, relative->pid),
			    .pause = FIRST_RETRY,
			};
		}
		suspect->relative.age = relative->age;
		suspect->seen = true;
	}
	size_t left = 0;
	for (size_t i = 0; i < scout->suspect_count; i++)
		if (scout->suspects[i].seen)
			scout->suspects[left++] = scout->suspects[i];
	scout->suspect_count = left;
	return true;
}

/* It has the PID of one that was known. */
static bool is_stranger(struct heapspy_scout *scout, const struct heapspy_relative *relative)
{
	return relative->depth == 0 && !find_suspect(scout, relative);
}

/* At first who was named; then who is known, too: one whose parent went is its own root.
 * A PID that was given away since is asked for in vain at most once: it is not listed
 * with the start that is known. */
static bool list_family(struct heapspy_scout *scout, bool first, struct heapspy_family *ret_family)
{
	size_t count = 0;
	pid_t *pids = calloc(scout->options.count + scout->suspect_count + 1, sizeof(*pids));
	if (!pids)
		return false;
	for (size_t i = 0; first && i < scout->options.count; i++)
		pids[count++] = scout->pids[i];
	for (size_t i = 0; i < scout->suspect_count; i++)
		pids[count++] = scout->suspects[i].relative.pid;
	struct heapspy_family family;
	struct heapspy_error *error = heapspy_family_list(pids, count, &family);
	free(pids);
	heapspy_error_free(error);
	if (error)
		return false;
	size_t left = 0;
	bool strangers = false;
	for (size_t i = 0; i < family.count && !first; i++)
		strangers |= is_stranger(scout, &family.items[i]);
	for (size_t i = 0; i < family.count; i++) {
		const struct heapspy_relative *relative = &family.items[i];
		/* Whose children they are is told the next time, when it is not asked for. */
		bool wanted = relative->depth == 0 ? first || !is_stranger(scout, relative)
						   : scout->options.subprocesses && !strangers;
		wanted |= find_suspect(scout, relative) != NULL;
		if (wanted && relative->pid != getpid())
			family.items[left++] = *relative;
	}
	family.count = left;
	*ret_family = family;
	return true;
}

static struct heapspy_error *attach(struct heapspy_scout *scout, const struct suspect *suspect,
				    struct heapspy_sampler **ret_sampler)
{
	const struct heapspy_sampler_options *sampling = &scout->options.sampler;
	struct heapspy_attach_options how = {.layout = sampling->layout};
	struct heapspy *heapspy = NULL;
	struct heapspy_error *error = heapspy_attach(suspect->relative.pid, &how, &heapspy);
	return error ?: heapspy_sampler_start(heapspy, sampling, ret_sampler);
}

static bool may_change(const struct heapspy_error *error)
{
	return error->code == HEAPSPY_NOT_PYTHON || error->code == HEAPSPY_NOT_READY ||
	       error->code == HEAPSPY_GONE || error->code == HEAPSPY_NO_PROCESS ||
	       error->code == HEAPSPY_INCOMPLETE;
}

/* Try one. The error is the caller's. */
static struct heapspy_error *look_at(struct heapspy_scout *scout, struct suspect *suspect)
{
	struct heapspy_sampler *sampler = NULL;
	struct heapspy_error *error = attach(scout, suspect, &sampler);
	if (!error) {
		suspect->state = SUSPECT_WATCHED;
		return hand_over(scout, suspect, sampler, NULL) ? NULL : error_no_memory();
	}
	suspect->retry = clock_monotonic() + suspect->pause;
	suspect->pause = suspect->pause * 2 < LAST_RETRY ? suspect->pause * 2 : LAST_RETRY;
	if (!may_change(error))
		suspect->state = SUSPECT_REFUSED;
	return error;
}

static struct heapspy_error *look(struct heapspy_scout *scout, bool first)
{
	struct heapspy_family family = {0};
	struct heapspy_error *problem = NULL;
	bool any = false;
	bool done = list_family(scout, first, &family) && note_family(scout, &family, first);
	heapspy_family_fini(&family);
	if (!done)
		return error_no_memory();
	for (size_t i = 0; i < scout->suspect_count && has_room(scout); i++) {
		struct suspect *suspect = &scout->suspects[i];
		bool waits = suspect->retry > clock_monotonic() ||
			     (suspect->relative.age < BIRTH && !suspect->named);
		if (suspect->state != SUSPECT_NEW || waits)
			continue;
		struct heapspy_error *error = look_at(scout, suspect);
		any |= !error;
		if (first && error && !problem && suspect->named) {
			problem = error;
			continue;
		}
		if (error && suspect->state == SUSPECT_REFUSED)
			hand_over(scout, suspect, NULL, error);
		else
			heapspy_error_free(error);
	}
	if (problem && any && scout->options.subprocesses) {
		heapspy_error_free(problem);
		problem = NULL;
	}
	return problem;
}

/* ---- the thread ------------------------------------------------------------------- */

static bool wait_until(struct heapspy_scout *scout, double time)
{
	struct timespec until = {
	    .tv_sec = (time_t)time,
	    .tv_nsec = (long)((time - (double)(time_t)time) * 1e9),
	};
	pthread_mutex_lock(&scout->mutex);
	while (!scout->stop && pthread_cond_clockwait(&scout->asked, &scout->mutex,
						      CLOCK_MONOTONIC, &until) == 0)
		;
	bool goes_on = !scout->stop;
	pthread_mutex_unlock(&scout->mutex);
	return goes_on;
}

static void *run(void *argument)
{
	struct heapspy_scout *scout = argument;
	while (wait_until(scout, clock_monotonic() + scout->options.interval))
		heapspy_error_free(look(scout, false));
	return NULL;
}

static bool start_thread(struct heapspy_scout *scout)
{
	scout->started = deaf_thread(&scout->thread, run, scout);
	return scout->started;
}

/* A PID that is nobody's is told as attaching tells it. */
static struct heapspy_error *check_named(struct heapspy_scout *scout)
{
	for (size_t i = 0; i < scout->options.count; i++) {
		bool found = false;
		for (size_t j = 0; j < scout->suspect_count; j++)
			found |= scout->suspects[j].relative.pid == scout->pids[i];
		if (found)
			continue;
		struct heapspy *heapspy = NULL;
		struct heapspy_error *error = heapspy_attach(scout->pids[i], NULL, &heapspy);
		heapspy_detach(heapspy);
		return error ?: error_new(HEAPSPY_GONE, "process %d is gone", (int)scout->pids[i]);
	}
	return NULL;
}

struct heapspy_error *heapspy_scout_start(const struct heapspy_scout_options *options,
					  struct heapspy_scout **ret_scout)
{
	struct heapspy_scout *scout = calloc(1, sizeof(*scout));
	pid_t *pids = calloc(options->count + 1, sizeof(*pids));
	if (!scout || !pids) {
		free(scout);
		free(pids);
		return error_no_memory();
	}
	memcpy(pids, options->pids, options->count * sizeof(*pids));
	pthread_mutex_init(&scout->mutex, NULL);
	pthread_cond_init(&scout->asked, NULL);
	scout->options = *options;
	scout->options.interval = options->interval > 0 ? options->interval : 1;
	scout->options.pids = scout->pids = pids;
	heapspy_pacer_keep(options->sampler.pacer);
	scout->last = &scout->first;
	scout->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct heapspy_error *error = look(scout, true);
	if (!error)
		error = check_named(scout);
	if (!error && (scout->event < 0 || (options->subprocesses && !start_thread(scout))))
		error = error_why(error_new(HEAPSPY_LIMIT, "cannot watch the processes"),
				  "no descriptor or thread is left");
	if (error) {
		heapspy_scout_stop(scout);
		return error;
	}
	*ret_scout = scout;
	return NULL;
}

void heapspy_scout_stop(struct heapspy_scout *scout)
{
	struct heapspy_discovery discovery;
	if (!scout)
		return;
	pthread_mutex_lock(&scout->mutex);
	scout->stop = true;
	pthread_cond_signal(&scout->asked);
	pthread_mutex_unlock(&scout->mutex);
	if (scout->started)
		pthread_join(scout->thread, NULL);
	while (heapspy_scout_take(scout, &discovery)) {
		heapspy_sampler_stop(discovery.sampler);
		heapspy_error_free(discovery.error);
	}
	pthread_cond_destroy(&scout->asked);
	pthread_mutex_destroy(&scout->mutex);
	heapspy_pacer_drop(scout->options.sampler.pacer);
	closep(&scout->event);
	free(scout->suspects);
	free(scout->pids);
	free(scout);
}

int heapspy_scout_fd(const struct heapspy_scout *scout)
{
	return scout->event;
}
