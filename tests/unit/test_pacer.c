/* SPDX-License-Identifier: MIT */
/* Who takes a census when, and reading that is called off. */
#include "unit.h"

#include <pthread.h>
#include <sched.h>

#include "base/clock.h"
#include "child.h"
#include "heap/sampler/pacer.h"
#include "target/target.h"

static void sharing(void **state)
{
	(void)state;
	struct heapspy_pacer *pacer = heapspy_pacer_new(0.05);
	struct turn first, second;
	turn_init(&first, 10);
	turn_init(&second, 20);
	pacer_join(pacer, &first);
	pacer_join(pacer, &second);
	double start = clock_monotonic();
	assert_true(pacer_begin(pacer, &first));
	pacer_end(pacer, &first, 100);
	/* A twentieth of a core: what cost 100 s is followed by nothing for 2000. */
	assert_true(pacer->free >= start + 2000 && pacer->free < clock_monotonic() + 2000);
	assert_true(pacer_interval(pacer, &first) == 2000);
	/* What is asked for is done at once, and counts for all. */
	pacer_set(pacer, &second, PACER_NOW, 0);
	assert_true(pacer_begin(pacer, &second));
	assert_false(second.now);
	pacer_end(pacer, &second, 50);
	assert_true(pacer_interval(pacer, &first) == 3000);
	assert_true(pacer_interval(pacer, &second) == 3000);
	/* One that is longer holds. */
	pacer_set(pacer, &second, PACER_INTERVAL, 5000);
	assert_true(pacer_interval(pacer, &second) == 5000);
	pacer_leave(pacer, &second);
	assert_true(pacer_interval(pacer, &first) == 2000);
	pacer_set(pacer, &first, PACER_STOP, 0);
	assert_false(pacer_begin(pacer, &first));
	pacer_leave(pacer, &first);
	heapspy_pacer_drop(pacer);
}

struct worker {
	struct heapspy_pacer *pacer;
	struct turn turn;
	unsigned *running, *most, *censuses;
};

/* As a sampler does, without a heap. */
static void *walk(void *argument)
{
	struct worker *worker = argument;
	pacer_join(worker->pacer, &worker->turn);
	while (pacer_begin(worker->pacer, &worker->turn)) {
		unsigned now = __atomic_add_fetch(worker->running, 1, __ATOMIC_SEQ_CST);
		if (now > *worker->most)
			*worker->most = now;
		__atomic_add_fetch(worker->censuses, 1, __ATOMIC_SEQ_CST);
		sched_yield();
		__atomic_sub_fetch(worker->running, 1, __ATOMIC_SEQ_CST);
		pacer_end(worker->pacer, &worker->turn, 0);
	}
	pacer_leave(worker->pacer, &worker->turn);
	return NULL;
}

/* Of many one at a time, and each again and again. */
static void taking_turns(void **state)
{
	enum { WORKERS = 5, EACH = 20 };
	(void)state;
	struct heapspy_pacer *pacer = heapspy_pacer_new(0);
	struct worker workers[WORKERS];
	pthread_t threads[WORKERS];
	unsigned running = 0, most = 0, censuses[WORKERS] = {0};
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){.pacer = pacer,
					     .running = &running,
					     .most = &most,
					     .censuses = &censuses[i]};
		turn_init(&workers[i].turn, 1e-6);
		assert_int_equal(pthread_create(&threads[i], NULL, walk, &workers[i]), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		while (__atomic_load_n(&censuses[i], __ATOMIC_SEQ_CST) < EACH)
			sched_yield();
	for (unsigned i = 0; i < WORKERS; i++)
		pacer_set(pacer, &workers[i].turn, PACER_STOP, 0);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(most, 1);
	assert_null(pacer->turns);
	heapspy_pacer_drop(pacer);
}

static uint64_t number = 42;

static void say_where(void *context)
{
	(void)context;
	const uint64_t *where = &number;
	child_say(&where, sizeof(where));
}

static void called_off(void **state)
{
	(void)state;
	struct child child = child_start(say_where, NULL);
	uint64_t address, value = 0;
	child_hear(&child, &address, sizeof(address));
	struct target *target = NULL;
	assert_null(target_open_process(child.pid, &target));
	assert_int_equal(target_read(target, address, &value, sizeof(value)), FAULT_NONE);
	assert_int_equal(value, 42);
	assert_int_equal(target_verify(target), FAULT_NONE);
	target_cancel(target);
	assert_int_equal(target_read(target, address, &value, sizeof(value)), FAULT_GONE);
	assert_int_equal(target_verify(target), FAULT_GONE);
	target_free(target);
	child_end(&child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sharing),
		cmocka_unit_test(taking_turns),
		cmocka_unit_test(called_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
