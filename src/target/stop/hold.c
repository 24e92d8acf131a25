/* SPDX-License-Identifier: MIT */
#include "target/stop/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/deaf.h"
#include "target/process/process.h"
#include "target/stop/pause.h"
#include "target/stop/private.h"

/* What the tracer says, in one write: nothing comes in parts. */
struct answer {
	enum hold_result result;
	struct registers registers;
	double began;
};

/* ---- the tracer --------------------------------------------------------------- */

static bool set_timer(double seconds)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
	struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)seconds,
			     .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)}};
	timer_t timer;
	return timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 &&
	       timer_settime(timer, 0, &when, NULL) == 0;
}

static void take_registers(void *context, pid_t tid, const struct registers *registers)
{
	struct answer *answer = context;
	(void)tid;
	answer->registers = *registers;
}

static enum hold_result result_of(const struct pause *pause, enum pause_result result,
				  const struct answer *answer)
{
	if (result == PAUSE_GONE)
		return HOLD_GONE;
	if (result != PAUSE_HELD)
		return HOLD_REFUSED;
	if (!pause->stopped)
		return HOLD_ASLEEP;
	return registers_know(&answer->registers, REGISTER_BP) ? HOLD_HELD : HOLD_REFUSED;
}

static void say(int fd, const void *what, size_t length)
{
	ssize_t written = write(fd, what, length);
	(void)written; /* nobody listens: then there is nothing to do */
}

void hold_main(const struct holding *holding)
{
	static struct pause pause;
	struct answer answer = {.result = HOLD_REFUSED};
	stop_settle_in(holding->parent);
	for (size_t i = 0; i < 2; i++)
		closep(&(int){holding->others[i]});
	if (set_timer(holding->most) && pause_init(&pause, holding->proc) == 0) {
		double deadline = clock_monotonic() + holding->most;
		enum pause_result result = pause_begin_one(&pause, holding->tid,
							   holding->only_running, deadline);
		pause_visit_registers(&pause, take_registers, &answer);
		answer.result = result_of(&pause, result, &answer);
		answer.began = pause.began;
	}
	say(holding->answers, &answer, sizeof(answer));
	/* Until the other end is closed. */
	char byte = 0;
	while (answer.result == HOLD_HELD && read(holding->release, &byte, 1) < 0 &&
	       errno == EINTR)
		;
	pause_end(&pause);
	say(holding->answers, &byte, 1);
	_exit(0);
}

/* ---- whoever asks ---------------------------------------------------------------- */

static pid_t start_tracer(const struct holding *holding)
{
	pid_t tracer = deaf_fork();
	if (tracer == 0) {
		stop_lock_in();
		hold_main(holding);
	}
	return tracer;
}

static bool listen_to(int fd, void *buffer, size_t length)
{
	ssize_t got;
	do
		got = read(fd, buffer, length);
	while (got < 0 && errno == EINTR);
	return got == (ssize_t)length;
}

/* 0: it is not ours to be reaped; -1: there is none. */
static pid_t start(struct target *live, const struct holding *holding)
{
	const struct stop_server *server = &((struct process_target *)live)->server;
	if (!server->pid)
		return start_tracer(holding);
	return stop_server_hold(server, holding) ? -1 : 0;
}

static void reap(pid_t tracer)
{
	while (tracer && waitpid(tracer, NULL, 0) < 0 && errno == EINTR)
		;
}

enum hold_result hold_begin(struct target *live, pid_t tid, bool only_running, double most,
			    struct hold *ret_hold)
{
	int answers[2], release[2];
	if (pipe2(answers, O_CLOEXEC) < 0)
		return HOLD_REFUSED;
	CLEANUP(closep) int answers_in = answers[1], answers_out = answers[0];
	if (pipe2(release, O_CLOEXEC) < 0)
		return HOLD_REFUSED;
	CLEANUP(closep) int release_in = release[1], release_out = release[0];
	struct holding holding = {
		.proc = target_proc_directory(live),
		.tid = tid,
		.parent = getpid(),
		.only_running = only_running,
		.most = most,
		.answers = answers_in,
		.release = release_out,
		.others = {answers_out, release_in},
	};
	pid_t tracer = start(live, &holding);
	if (tracer < 0)
		return HOLD_REFUSED;
	/* With its own end closed here, the end of the tracer is the end of what can be read. */
	close(take_fd(&answers_in));
	struct answer answer;
	if (!listen_to(answers_out, &answer, sizeof(answer)))
		answer.result = HOLD_REFUSED;
	if (answer.result != HOLD_HELD) {
		reap(tracer);
		return answer.result;
	}
	*ret_hold = (struct hold){
		.tracer = tracer,
		.answers = take_fd(&answers_out),
		.release = take_fd(&release_in),
		.registers = answer.registers,
		.began = answer.began,
	};
	return HOLD_HELD;
}

bool hold_end(struct hold *hold, double *ret_pause)
{
	char byte;
	close(hold->release);
	bool held = listen_to(hold->answers, &byte, 1);
	*ret_pause = clock_monotonic() - hold->began;
	close(hold->answers);
	reap(hold->tracer);
	return held;
}
