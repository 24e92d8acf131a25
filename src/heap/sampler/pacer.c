/* SPDX-License-Identifier: MIT */
#include "heap/sampler/pacer.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

struct heapspy_pacer *heapspy_pacer_new(double duty)
{
	struct heapspy_pacer *pacer = calloc(1, sizeof(*pacer));
	if (!pacer)
		return NULL;
	pthread_mutex_init(&pacer->mutex, NULL);
	pthread_cond_init(&pacer->changed, NULL);
	pacer->references = 1;
	pacer->duty = duty > 0 ? duty : HEAPSPY_DUTY;
	return pacer;
}

struct heapspy_pacer *heapspy_pacer_keep(struct heapspy_pacer *pacer)
{
	if (pacer)
		__atomic_add_fetch(&pacer->references, 1, __ATOMIC_RELAXED);
	return pacer;
}

void heapspy_pacer_drop(struct heapspy_pacer *pacer)
{
	if (!pacer || __atomic_sub_fetch(&pacer->references, 1, __ATOMIC_ACQ_REL))
		return;
	pthread_cond_destroy(&pacer->changed);
	pthread_mutex_destroy(&pacer->mutex);
	free(pacer);
}

void turn_init(struct turn *turn, double interval)
{
	*turn = (struct turn){.interval = interval, .last = -INFINITY};
}

void pacer_join(struct heapspy_pacer *pacer, struct turn *turn)
{
	pthread_mutex_lock(&pacer->mutex);
	turn->next = pacer->turns;
	pacer->turns = turn;
	pthread_mutex_unlock(&pacer->mutex);
}

void pacer_leave(struct heapspy_pacer *pacer, struct turn *turn)
{
	pthread_mutex_lock(&pacer->mutex);
	struct turn **at = &pacer->turns;
	while (*at && *at != turn)
		at = &(*at)->next;
	if (*at)
		*at = turn->next;
	pthread_cond_broadcast(&pacer->changed);
	pthread_mutex_unlock(&pacer->mutex);
}

static double due(const struct turn *turn)
{
	return turn->now ? -INFINITY : turn->last + turn->interval;
}

/* Of all whose time has come, whoever was asked for, then who has waited longest. */
static bool is_next(const struct heapspy_pacer *pacer, const struct turn *turn, double time)
{
	for (const struct turn *other = pacer->turns; other; other = other->next) {
		bool wants = !other->stop && due(other) <= time;
		if (other == turn || !wants)
			continue;
		if (other->now > turn->now || (other->now == turn->now && other->last < turn->last))
			return false;
	}
	return true;
}

static void wait_until(struct heapspy_pacer *pacer, double time)
{
	struct timespec until = {
	    .tv_sec = (time_t)time,
	    .tv_nsec = (long)((time - (double)(time_t)time) * 1e9),
	};
	pthread_cond_clockwait(&pacer->changed, &pacer->mutex, CLOCK_MONOTONIC, &until);
}

bool pacer_begin(struct heapspy_pacer *pacer, struct turn *turn)
{
	pthread_mutex_lock(&pacer->mutex);
	while (!turn->stop) {
		double time = clock_monotonic(), when = due(turn);
		if (!turn->now && when < pacer->free)
			when = pacer->free;
		if (when > time)
			wait_until(pacer, when);
		else if (pacer->busy || !is_next(pacer, turn, time))
			pthread_cond_wait(&pacer->changed, &pacer->mutex);
		else
			break;
	}
	bool begins = !turn->stop;
	if (begins) {
		pacer->busy = true;
		turn->now = false;
		turn->last = clock_monotonic();
	}
	pthread_mutex_unlock(&pacer->mutex);
	return begins;
}

void pacer_end(struct heapspy_pacer *pacer, struct turn *turn, double cost)
{
	pthread_mutex_lock(&pacer->mutex);
	turn->cost = cost;
	pacer->busy = false;
	pacer->free = turn->last + cost / pacer->duty;
	pthread_cond_broadcast(&pacer->changed);
	pthread_mutex_unlock(&pacer->mutex);
}

void pacer_set(struct heapspy_pacer *pacer, struct turn *turn, enum pacer_wish wish,
	       double interval)
{
	pthread_mutex_lock(&pacer->mutex);
	turn->now |= wish == PACER_NOW;
	turn->stop |= wish == PACER_STOP;
	if (wish == PACER_INTERVAL)
		turn->interval = interval;
	pthread_cond_broadcast(&pacer->changed);
	pthread_mutex_unlock(&pacer->mutex);
}

double pacer_interval(struct heapspy_pacer *pacer, const struct turn *turn)
{
	double cost = 0;
	pthread_mutex_lock(&pacer->mutex);
	for (const struct turn *other = pacer->turns; other; other = other->next)
		cost += other->cost;
	double interval = cost / pacer->duty;
	if (interval < turn->interval)
		interval = turn->interval;
	pthread_mutex_unlock(&pacer->mutex);
	return interval;
}
