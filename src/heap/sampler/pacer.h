/* SPDX-License-Identifier: MIT */
/*
 * Who takes a census when, of several samplers that share what it may cost: one at a
 * time, and after each a rest that makes its share of a core what was allowed. Behind
 * heapspy_pacer_new() of <heapspy/sampler.h>.
 */
#ifndef HEAP_PACER_H
#define HEAP_PACER_H

#include <pthread.h>
#include <stdbool.h>

#include <heapspy/sampler.h>

/* What censuses take of a core, unless another share is asked for. */
#define HEAPSPY_DUTY 0.05

/* A sampler's place. All but `next` is told to and by the functions below. */
struct turn {
	struct turn *next;
	double interval; /* that was asked for: seconds */
	double last;     /* when its last census began: monotonic */
	double cost;     /* of that one: seconds of a core */
	bool now, stop;
};

struct heapspy_pacer {
	unsigned references;
	double duty;
	pthread_mutex_t mutex; /* of what follows, and of all turns */
	pthread_cond_t changed;
	struct turn *turns;
	bool busy;
	double free; /* monotonic: none begins before, unless it is asked for */
};

void turn_init(struct turn *turn, double interval);

/* Who is in it is waited for: not before it is ready to begin. Leaving is possible
 * without. */
void pacer_join(struct heapspy_pacer *pacer, struct turn *turn);
void pacer_leave(struct heapspy_pacer *pacer, struct turn *turn);

/* Wait for the turn. True: a census is to be taken, and then pacer_end() to be called.
 * False: it is to stop. */
bool pacer_begin(struct heapspy_pacer *pacer, struct turn *turn);
void pacer_end(struct heapspy_pacer *pacer, struct turn *turn, double cost);

enum pacer_wish { PACER_NOW, PACER_STOP, PACER_INTERVAL };

/* From any thread. `interval` is for PACER_INTERVAL. */
void pacer_set(struct heapspy_pacer *pacer, struct turn *turn, enum pacer_wish wish,
	       double interval);

/* How far apart its censuses are at present. */
double pacer_interval(struct heapspy_pacer *pacer, const struct turn *turn);

#endif
