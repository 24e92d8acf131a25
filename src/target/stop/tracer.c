/* SPDX-License-Identifier: MIT */
/*
 * The process that stops another one and copies it. It parses nothing of what it
 * copies, and does not outlive one copy.
 *
 * From the first PTRACE_SEIZE on a timer is set that sends it SIGKILL: nothing that
 * the target, its file systems or the scheduler do to it can delay that, not even a
 * read that never comes back or a SIGSTOP.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/bisect.h"
#include "base/clock.h"
#include "base/io.h"
#include "target/maps_parse.h"
#include "target/sandbox/filter.h"
#include "target/sandbox/privileges.h"
#include "target/stop/pause.h"
#include "target/stop/private.h"

enum {
	POPULATE_SLICE = 16 << 20,
	COPY_CHUNK = 512 << 10,
	MOST_PIECES = 256, /* in one process_vm_readv() */
	MOST_WATCHES = 2,
	MOST_STOPS = 3,
};

/* Part of the limit that is for letting go. */
static const double LETTING_GO = 0.1;

/* A copy of what does not move needs no limit but against a page that is never
 * delivered (userfaultfd, FUSE): seconds, and bytes a second. */
static const double WATCH_SECONDS = 5, WATCH_SPEED = 100e6;

struct tracer {
	struct stop_job *job;
	timer_t timer;
	struct pause pause;
	struct maps maps;
	bool overflow; /* the survey found more than there is room for */

	/* Work for two: this thread and a helper. */
	pthread_t helper;
	bool has_helper;
	sem_t begin, done;
	void (*work)(struct tracer *tracer);
	_Atomic uint64_t next; /* byte of the copy, or of the memory, that nobody does yet */
	_Atomic int failure;   /* enum stop_outcome */
	double deadline;
};

static _Noreturn void finish(struct tracer *tracer, enum stop_outcome outcome)
{
	tracer->job->shared->outcome = outcome;
	atomic_store(&tracer->job->shared->stage, STAGE_END);
	_exit(0);
}

static void enter(struct tracer *tracer, enum stop_stage stage)
{
	atomic_store(&tracer->job->shared->stage, stage);
}

/* ---- the switch of the dead man ------------------------------------------ */

static void set_timer(struct tracer *tracer, double seconds)
{
	struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)seconds,
			     .tv_nsec = (long)((seconds - (time_t)seconds) * 1e9)}};
	timer_settime(tracer->timer, 0, &when, NULL);
}

static bool make_timer(struct tracer *tracer)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
	return timer_create(CLOCK_MONOTONIC, &event, &tracer->timer) == 0;
}

/* ---- two at work --------------------------------------------------------- */

static void *help(void *argument)
{
	struct tracer *tracer = argument;
	for (;;) {
		while (sem_wait(&tracer->begin) < 0)
			;
		tracer->work(tracer);
		sem_post(&tracer->done);
	}
	return NULL;
}

static void do_together(struct tracer *tracer, void (*work)(struct tracer *tracer))
{
	tracer->work = work;
	atomic_store(&tracer->next, 0);
	atomic_store(&tracer->failure, OUTCOME_NONE);
	if (tracer->has_helper)
		sem_post(&tracer->begin);
	work(tracer);
	while (tracer->has_helper && sem_wait(&tracer->done) < 0)
		;
}

static void fail(struct tracer *tracer, enum stop_outcome outcome)
{
	int none = OUTCOME_NONE;
	atomic_compare_exchange_strong(&tracer->failure, &none, outcome);
}

/* ---- memory made ready --------------------------------------------------- */

/* The first touch of a page costs more than its copy. Linux 5.14 has an advice for
 * it; before, each page is written to. */
static void populate(struct tracer *tracer)
{
	struct stop_job *job = tracer->job;
	for (;;) {
		uint64_t at = atomic_fetch_add(&tracer->next, POPULATE_SLICE);
		if (at >= job->memory_length || atomic_load(&tracer->failure))
			return;
		uint64_t length = job->memory_length - at;
		if (length > POPULATE_SLICE)
			length = POPULATE_SLICE;
#ifdef MADV_POPULATE_WRITE
		if (madvise(job->memory + at, length, MADV_POPULATE_WRITE) == 0)
			continue;
		if (errno == ENOMEM || errno == EFAULT) {
			fail(tracer, OUTCOME_NO_MEMORY);
			return;
		}
#endif
		for (uint64_t page = 0; page < length; page += TARGET_PAGE)
			((volatile uint8_t *)job->memory)[at + page] |= 0;
	}
}

/* ---- the copy ------------------------------------------------------------ */

static bool add_run(void *context, uint64_t start, uint64_t end, bool copied)
{
	struct tracer *tracer = context;
	struct stop_job *job = tracer->job;
	struct stop_shared *shared = job->shared;
	struct image_run *last = shared->run_count ? &job->runs[shared->run_count - 1] : NULL;
	uint64_t length = copied ? end - start : 0;
	if (length > job->request.byte_capacity - shared->bytes ||
	    (shared->run_count == job->request.run_capacity && !(last && last->end == start))) {
		tracer->overflow = true;
		return false;
	}
	if (last && last->end == start && last->copied == copied)
		last->end = end;
	else if (shared->run_count == job->request.run_capacity)
		return !(tracer->overflow = true);
	else
		job->runs[shared->run_count++] =
			(struct image_run){start, end, shared->bytes, copied};
	shared->bytes += length;
	return true;
}

static enum stop_outcome read_maps(struct tracer *tracer)
{
	struct stop_job *job = tracer->job;
	size_t length = 0;
	if (lseek(job->process->maps, 0, SEEK_SET) < 0)
		return OUTCOME_GONE;
	for (;;) {
		ssize_t got =
			read(job->process->maps, job->text + length, job->request.text_capacity - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return OUTCOME_GONE;
		if (got == 0)
			break;
		length += (size_t)got;
		if (length == job->request.text_capacity)
			return OUTCOME_GREW;
	}
	if (length == 0)
		return OUTCOME_GONE;
	job->shared->text_length = length;
	/* The parser takes its text, and writes into it. */
	char *text = malloc(length + 1);
	if (!text)
		return OUTCOME_NO_MEMORY;
	memcpy(text, job->text, length);
	text[length] = '\0';
	maps_fini(&tracer->maps);
	return maps_parse(text, length, &tracer->maps) == 0 ? OUTCOME_NONE : OUTCOME_NO_MEMORY;
}

/* The run that a byte of the copy is of. */
static const struct image_run *run_of(const struct stop_job *job, uint64_t offset)
{
	size_t begun = BISECT(job->shared->run_count, at, job->runs[at].offset <= offset);
	return &job->runs[begun ? begun - 1 : 0];
}

/* Remote pieces for the bytes from `offset` up to `end`; returns where they end. */
static uint64_t plan_pieces(const struct stop_job *job, uint64_t offset, uint64_t end,
			    struct iovec pieces[static MOST_PIECES], size_t *ret_count)
{
	const struct image_run *run = run_of(job, offset);
	size_t count = 0;
	for (; offset < end && count < MOST_PIECES; run++) {
		if (!run->copied)
			continue;
		uint64_t within = offset - run->offset;
		uint64_t length = run->end - run->start - within;
		if (length > end - offset)
			length = end - offset;
		pieces[count++] = (struct iovec){(void *)(uintptr_t)(run->start + within), length};
		offset += length;
	}
	*ret_count = count;
	return offset;
}

/* A page that was refused, by the other way in; else it is a hole. */
static uint64_t read_page(struct tracer *tracer, uint64_t address, uint64_t offset)
{
	struct stop_job *job = tracer->job;
	uint64_t length = TARGET_PAGE - address % TARGET_PAGE;
	ssize_t got = pread(job->process->mem, job->bytes + offset, length, (off_t)address);
	if (got == 0) {
		fail(tracer, OUTCOME_GONE);
	} else if (got < 0) {
		uint32_t hole = atomic_fetch_add(&job->shared->hole_count, 1);
		if (hole < MOST_HOLES)
			job->shared->holes[hole] = address - address % TARGET_PAGE;
		else
			fail(tracer, OUTCOME_UNREADABLE);
	}
	return got > 0 ? (uint64_t)got : length;
}

/* While the target is held the machine has nothing better to do than this. Of the
 * calling thread; only root may. */
static void hurry(void)
{
	setpriority(PRIO_PROCESS, 0, -20);
}

static void copy(struct tracer *tracer)
{
	struct stop_job *job = tracer->job;
	if (job->shared->report.stopped)
		hurry();
	uint64_t total = job->shared->bytes;
	for (;;) {
		uint64_t at = atomic_fetch_add(&tracer->next, COPY_CHUNK);
		uint64_t end = at + COPY_CHUNK < total ? at + COPY_CHUNK : total;
		while (at < end) {
			struct iovec remote[MOST_PIECES];
			size_t count;
			uint64_t stop = plan_pieces(job, at, end, remote, &count);
			struct iovec local = {job->bytes + at, stop - at};
			if (atomic_load(&tracer->failure))
				return;
			ssize_t got =
				process_vm_readv(job->process->task, &local, 1, remote, count, 0);
			at += got > 0 ? (uint64_t)got :
					read_page(tracer, (uintptr_t)remote[0].iov_base, at);
		}
		if (at >= total)
			return;
		if (clock_monotonic() > tracer->deadline)
			fail(tracer, OUTCOME_LATE);
	}
}

/* The address space that was opened is still there: no exec, no exit. */
static bool has_memory(const struct tracer *tracer)
{
	char byte;
	return pread(tracer->job->process->mem, &byte, 1, 0) != 0;
}

static enum stop_outcome copy_all(struct tracer *tracer)
{
	struct stop_job *job = tracer->job;
	job->shared->run_count = 0;
	job->shared->bytes = 0;
	atomic_store(&job->shared->hole_count, 0);
	tracer->overflow = false;
	enum stop_outcome outcome = read_maps(tracer);
	if (outcome != OUTCOME_NONE)
		return outcome;
	if (stop_survey(job, &tracer->maps, add_run, tracer) != 0)
		return OUTCOME_GONE;
	if (tracer->overflow)
		return OUTCOME_GREW;
	do_together(tracer, copy);
	outcome = atomic_load(&tracer->failure);
	if (outcome == OUTCOME_NONE && !has_memory(tracer))
		outcome = OUTCOME_GONE;
	return outcome == OUTCOME_NONE ? OUTCOME_COPIED : outcome;
}

static void note_registers(struct tracer *tracer, pid_t tid, const struct registers *registers)
{
	struct stop_job *job = tracer->job;
	if (job->shared->thread_count < job->request.thread_capacity)
		job->threads[job->shared->thread_count++] =
			(struct thread_registers){tid, *registers};
}

/* ---- without a stop ------------------------------------------------------ */

static bool is_all_asleep(struct tracer *tracer, struct task_list *tasks)
{
	int proc = tracer->job->process->identity.proc;
	if (task_list_read(proc, tasks) != 0)
		return false;
	for (size_t i = 0; i < tasks->count; i++) {
		task_look(proc, &tasks->items[i]);
		if (tasks->items[i].state != TASK_ASLEEP)
			return false;
	}
	return true;
}

static bool has_slept_on(struct tracer *tracer, const struct task_list *before)
{
	int proc = tracer->job->process->identity.proc;
	struct task_list now = {0};
	bool same = task_list_read(proc, &now) == 0 && now.count == before->count;
	for (size_t i = 0; same && i < now.count; i++)
		same = now.items[i].tid == before->items[i].tid &&
		       task_runs(proc, now.items[i].tid) == before->items[i].runs;
	task_list_fini(&now);
	return same;
}

static void note_sleepers(struct tracer *tracer, const struct task_list *tasks)
{
	for (size_t i = 0; i < tasks->count; i++) {
		const struct task *task = &tasks->items[i];
		struct registers registers = registers_of_sleeper(task->sp, task->ip);
		if (task->sp && task->ip)
			note_registers(tracer, task->tid, &registers);
	}
}

static enum stop_outcome watch(struct tracer *tracer)
{
	struct stop_job *job = tracer->job;
	struct task_list tasks = {0};
	enum stop_outcome outcome = OUTCOME_NONE;
	enter(tracer, STAGE_WATCH);
	set_timer(tracer, WATCH_SECONDS + (double)job->request.byte_capacity / WATCH_SPEED);
	tracer->deadline = HUGE_VAL;
	for (unsigned i = 0; i < MOST_WATCHES && outcome == OUTCOME_NONE; i++) {
		if (!is_all_asleep(tracer, &tasks))
			break;
		outcome = copy_all(tracer);
		if (outcome == OUTCOME_COPIED && !has_slept_on(tracer, &tasks))
			outcome = OUTCOME_NONE;
		if (outcome == OUTCOME_COPIED)
			note_sleepers(tracer, &tasks);
	}
	set_timer(tracer, 0);
	task_list_fini(&tasks);
	return outcome;
}

/* ---- with a stop --------------------------------------------------------- */

static enum stop_outcome outcome_of(enum pause_result result)
{
	static const enum stop_outcome outcomes[] = {
		[PAUSE_HELD] = OUTCOME_NONE,	  [PAUSE_GONE] = OUTCOME_GONE,
		[PAUSE_TRACED] = OUTCOME_TRACED,  [PAUSE_DENIED] = OUTCOME_DENIED,
		[PAUSE_LATE] = OUTCOME_LATE,	  [PAUSE_STORM] = OUTCOME_STORM,
		[PAUSE_NO_MEMORY] = OUTCOME_NO_MEMORY,
	};
	return outcomes[result];
}

static void take_registers(void *context, pid_t tid, const struct registers *registers)
{
	note_registers(context, tid, registers);
}

/* One stop, one copy. *ret_again: another one may be better. */
static enum stop_outcome stop_once(struct tracer *tracer, double limit, bool *ret_again)
{
	struct stop_report *report = &tracer->job->shared->report;
	double start = clock_monotonic();
	enter(tracer, STAGE_STOP);
	set_timer(tracer, limit);
	tracer->deadline = start + limit * (1 - LETTING_GO);
	enum pause_result result = pause_begin(&tracer->pause, tracer->deadline);
	enum stop_outcome outcome = outcome_of(result);
	if (outcome == OUTCOME_NONE && !has_memory(tracer))
		outcome = OUTCOME_GONE;
	if (outcome == OUTCOME_NONE)
		outcome = copy_all(tracer);
	tracer->job->shared->thread_count = 0;
	if (outcome == OUTCOME_COPIED)
		pause_visit_registers(&tracer->pause, take_registers, tracer);
	report->one_instant = outcome == OUTCOME_COPIED && pause_was_whole(&tracer->pause);
	report->threads_stopped = tracer->pause.stopped;
	report->threads_skipped = tracer->pause.skipped;
	bool free = pause_end(&tracer->pause);
	set_timer(tracer, 0);
	if (tracer->pause.began != 0)
		report->pause += clock_monotonic() - tracer->pause.began;
	tracer->job->shared->culprit = tracer->pause.culprit;
	*ret_again = free && outcome == OUTCOME_COPIED && !report->one_instant;
	return outcome;
}

/* A thread that was left alone may have woken up: try again, as long as all the
 * pauses together keep to the limit. */
static enum stop_outcome stop(struct tracer *tracer)
{
	struct stop_job *job = tracer->job;
	struct stop_report *report = &job->shared->report;
	enum stop_outcome outcome = OUTCOME_NONE;
	bool again = true;
	report->stopped = true;
	hurry();
	for (unsigned i = 0; i < MOST_STOPS && again; i++) {
		double before = report->pause;
		outcome = stop_once(tracer, job->request.max_pause - before, &again);
		double last = report->pause - before;
		again = again && report->pause + 2 * last < job->request.max_pause;
	}
	return outcome;
}

/* ---- the whole ----------------------------------------------------------- */

/* Where there are no filters there are none: the program that asks has said so. */
void stop_lock_in(void)
{
	/* If memory runs out, better us than the target. */
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t written = write(fd, "1000", 4);
		(void)written;
		close(fd);
	}
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	privileges_reduce(PRIVILEGES_TRACER);
	filter_install(FILTER_TRACER, NULL);
}

void stop_settle_in(pid_t parent)
{
	/* With whoever asked gone there is nobody to copy for. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	/* A terminal may end us, and by that let the target go; it may not stop us. */
	sigset_t blocked;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTSTP);
	sigaddset(&blocked, SIGTTIN);
	sigaddset(&blocked, SIGTTOU);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	prctl(PR_SET_TIMERSLACK, 1);
}

void stop_tracer_main(struct stop_job *job)
{
	static struct tracer tracer;
	tracer.job = job;
	stop_settle_in(job->parent);
	if (!make_timer(&tracer) || sem_init(&tracer.begin, 0, 0) < 0 ||
	    sem_init(&tracer.done, 0, 0) < 0)
		finish(&tracer, OUTCOME_NO_MEMORY);
	tracer.has_helper = sysconf(_SC_NPROCESSORS_ONLN) > 1 &&
			    pthread_create(&tracer.helper, NULL, help, &tracer) == 0;

	enter(&tracer, STAGE_POPULATE);
	do_together(&tracer, populate);
	enum stop_outcome outcome = atomic_load(&tracer.failure);
	job->shared->report.one_instant = true;
	job->shared->report.estimate = job->request.estimate;
	if (outcome == OUTCOME_NONE && !job->request.always_stop)
		outcome = watch(&tracer);
	if (outcome == OUTCOME_NONE && job->request.estimate > job->request.max_pause)
		outcome = OUTCOME_TOO_LONG;
	if (outcome == OUTCOME_NONE && pause_init(&tracer.pause, job->process->identity.proc) != 0)
		outcome = OUTCOME_NO_MEMORY;
	if (outcome == OUTCOME_NONE)
		outcome = stop(&tracer);
	job->shared->report.bytes = job->shared->bytes;
	finish(&tracer, outcome);
}
