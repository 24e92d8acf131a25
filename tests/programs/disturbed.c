/* SPDX-License-Identifier: MIT */
/*
 * A library with threads of C that notice when they are disturbed, for a target to load
 * before it has threads of its own: two wait in epoll_wait() and count how often that was
 * interrupted; one receives the signals that others send, which must be all of them and in
 * their order, and those of a timer, of which none may be missing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { TIMER_PERIOD = 5000000, TICK = 7000000, WAIT = 10 /* ms */ };

#define SENT (SIGRTMIN + 1)
#define TIMER (SIGRTMIN + 2)

/* What is read from outside. */
_Atomic uint64_t waits, waits_interrupted, waits_failed;
_Atomic uint64_t ticks, ticks_interrupted, ticks_failed;
_Atomic uint64_t received, out_of_order, expired, timer_began;

static int event;

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* How often the timer has expired by now, whoever heard of it. */
uint64_t periods(void)
{
	return (now() - timer_began) / TIMER_PERIOD;
}

static void note(int result, _Atomic uint64_t *all, _Atomic uint64_t *interrupted,
		 _Atomic uint64_t *failed)
{
	if (result < 0)
		++*(errno == EINTR ? interrupted : failed);
	++*all;
}

static void *wait_for_nothing(void *unused)
{
	struct epoll_event got;
	(void)unused;
	for (int fd = epoll_create1(EPOLL_CLOEXEC);;)
		note(epoll_wait(fd, &got, 1, WAIT), &waits, &waits_interrupted, &waits_failed);
	return NULL;
}

static void *wait_for_ticks(void *unused)
{
	struct epoll_event wanted = {.events = EPOLLIN}, got;
	int fd = epoll_create1(EPOLL_CLOEXEC);
	(void)unused;
	epoll_ctl(fd, EPOLL_CTL_ADD, event, &wanted);
	for (uint64_t value;;) {
		note(epoll_wait(fd, &got, 1, -1), &ticks, &ticks_interrupted, &ticks_failed);
		if (read(event, &value, sizeof(value)) < 0 && errno != EAGAIN)
			++ticks_failed;
	}
	return NULL;
}

static void *tick(void *unused)
{
	uint64_t one = 1;
	(void)unused;
	for (;;) {
		nanosleep(&(struct timespec){.tv_nsec = TICK}, NULL);
		if (write(event, &one, sizeof(one)) != sizeof(one))
			++ticks_failed;
	}
	return NULL;
}

static void hear(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	if ((uint64_t)info->si_value.sival_int != received++)
		out_of_order++;
}

/* What came while the signal was on its way is no signal of its own: timer_getoverrun(2). */
static void hear_timer(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	expired += 1 + (uint64_t)info->si_overrun;
}

static void *listen_to_signals(void *signals)
{
	struct sigevent to = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = TIMER};
	struct itimerspec often = {{.tv_nsec = TIMER_PERIOD}, {.tv_nsec = TIMER_PERIOD}};
	timer_t timer;
	sigaction(SENT, &(struct sigaction){.sa_sigaction = hear, .sa_flags = SA_SIGINFO}, NULL);
	sigaction(TIMER, &(struct sigaction){.sa_sigaction = hear_timer, .sa_flags = SA_SIGINFO}, NULL);
	pthread_sigmask(SIG_UNBLOCK, signals, NULL);
	timer_began = now();
	timer_create(CLOCK_MONOTONIC, &to, &timer);
	timer_settime(timer, 0, &often, NULL);
	for (;;)
		pause();
	return NULL;
}

static void start(void *(*body)(void *), void *argument)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, body, argument) != 0)
		_exit(1);
}

/* Of no other thread, those that Python will have among them: one alone keeps the order. */
__attribute__((constructor)) static void begin(void)
{
	static sigset_t signals;
	sigset_t all, before;
	event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	sigemptyset(&signals);
	sigaddset(&signals, SENT);
	sigaddset(&signals, TIMER);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	start(wait_for_nothing, NULL);
	start(wait_for_ticks, NULL);
	start(tick, NULL);
	start(listen_to_signals, &signals);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
}
