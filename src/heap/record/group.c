/* SPDX-License-Identifier: MIT */
#include "heap/record/group.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <heapspy/family.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/deaf.h"
#include "base/error.h"
#include "base/io.h"
#include "base/text.h"
#include "heap/record/stacks/told.h"

/* Who is there is looked up so often; one that was just forked may be about to become
 * another program; what is no Python is tried again, later and later. Seconds. */
static const double LOOK = 0.25, BIRTH = 0.3, FIRST_RETRY = 1, LAST_RETRY = 60;

/* Numbers of one process, in the series. */
struct numbers {
	uint32_t *items;
	size_t count, capacity;
};

struct member {
	struct group *group;
	struct heapspy *heapspy;
	pid_t pid, parent; /* 0: the first of the group */
	double offset;     /* its start, since that of the first */
	struct numbers frames, stacks;
	bool refused; /* an entry of it could not be handed on */
	pthread_t thread;
	bool done;
	struct member *next;
};

/* A process that was seen. */
struct suspect {
	pid_t pid;
	uint64_t start;
	bool recorded, told;
	double retry, pause; /* CLOCK_MONOTONIC: not before; and after that so much later */
};

struct group {
	struct heapspy_record_options options;
	record_alone *alone;
	heapspy_record_visitor *visit;
	void *context;
	pid_t pid;
	double start; /* CLOCK_MONOTONIC */
	int stop;     /* readable: all are to end */
	pthread_t finder;
	bool finding;
	/* The finder's, and then that of whoever joined it. */
	struct member *members;
	struct suspect *suspects;
	size_t suspect_count, suspect_capacity;
	pthread_mutex_t mutex; /* of what follows, and of the visitor */
	uint32_t frame_count, stack_count;
	uint64_t lost;
	struct heapspy_error *error; /* of the visitor */
};

/* ---- one series ------------------------------------------------------------------------ */

static bool add_number(struct numbers *numbers, uint32_t number)
{
	if (!ARRAY_RESERVE(numbers->items, numbers->capacity, numbers->count + 1))
		return false;
	numbers->items[numbers->count++] = number;
	return true;
}

static uint32_t number_of(const struct numbers *numbers, uint32_t number)
{
	return number < numbers->count ? numbers->items[number] : 0;
}

static struct heapspy_error *hand_on_stack(struct member *member, struct heapspy_record_entry *entry)
{
	struct group *group = member->group;
	CLEANUP(freep) uint32_t *frames = calloc(entry->stack.count + 1, sizeof(*frames));
	if (!frames || !add_number(&member->stacks, group->stack_count))
		return error_no_memory();
	for (size_t i = 0; i < entry->stack.count; i++)
		frames[i] = number_of(&member->frames, entry->stack.frames[i]);
	entry->stack.frames = frames;
	entry->stack.id = group->stack_count++;
	return group->visit(group->context, entry);
}

static struct heapspy_error *hand_on(struct member *member, struct heapspy_record_entry *entry)
{
	struct group *group = member->group;
	switch (entry->kind) {
	case HEAPSPY_RECORD_FRAME:
		if (!add_number(&member->frames, group->frame_count))
			return error_no_memory();
		entry->frame.id = group->frame_count++;
		break;
	case HEAPSPY_RECORD_STACK:
		return hand_on_stack(member, entry);
	case HEAPSPY_RECORD_GROWTH:
		entry->growth.stack = number_of(&member->stacks, entry->growth.stack);
		if (entry->growth.of != HEAPSPY_NO_STACK)
			entry->growth.of = number_of(&member->stacks, entry->growth.of);
		break;
	case HEAPSPY_RECORD_SAMPLE:
		entry->sample.stack = number_of(&member->stacks, entry->sample.stack);
		break;
	case HEAPSPY_RECORD_RECORDING:
		if (!member->pid)
			break;
		member->offset = clock_monotonic() - group->start;
		entry->kind = HEAPSPY_RECORD_PROCESS;
		entry->recording.parent = member->parent;
		entry->time = 0;
		break;
	case HEAPSPY_RECORD_END:
		if (member->pid)
			entry->kind = HEAPSPY_RECORD_PROCESS_END;
		else
			entry->end.lost += group->lost;
		group->lost += entry->end.lost;
		break;
	default:
		break;
	}
	entry->time += member->offset;
	entry->pid = entry->kind == HEAPSPY_RECORD_FRAME ? 0 : member->pid;
	return group->visit(group->context, entry);
}

static struct heapspy_error *find_others(struct group *group);
static void end_others(struct group *group);

static struct heapspy_error *relay(void *context, const struct heapspy_record_entry *told)
{
	struct member *member = context;
	struct group *group = member->group;
	struct heapspy_record_entry entry = *told;
	bool is_first = !member->pid;
	/* Nothing comes before the beginning or after the end. */
	if (is_first && entry.kind == HEAPSPY_RECORD_END)
		end_others(group);
	if (is_first && entry.kind == HEAPSPY_RECORD_RECORDING)
		group->start = clock_monotonic();
	pthread_mutex_lock(&group->mutex);
	struct heapspy_error *error = is_first ? take_pointer(group->error) : NULL;
	if (!error)
		error = hand_on(member, &entry);
	member->refused |= error != NULL;
	pthread_mutex_unlock(&group->mutex);
	if (!error && is_first && told->kind == HEAPSPY_RECORD_RECORDING)
		error = find_others(group);
	return error;
}

/* ---- who is there ---------------------------------------------------------------------- */

static void *run_member(void *argument)
{
	struct member *member = argument;
	struct group *group = member->group;
	struct heapspy_record_options options = group->options;
	options.duration = 0;
	options.stop_fd = group->stop;
	options.subprocesses = false;
	struct heapspy_error *error = group->alone(member->heapspy, &options, relay, member);
	heapspy_detach(member->heapspy);
	member->heapspy = NULL;
	pthread_mutex_lock(&group->mutex);
	if (member->refused && !group->error)
		group->error = take_pointer(error);
	pthread_mutex_unlock(&group->mutex);
	/* One that could not be recorded is gone, or will be named as such by nobody else. */
	heapspy_error_free(error);
	__atomic_store_n(&member->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void member_free(struct member *member)
{
	heapspy_detach(member->heapspy);
	free(member->frames.items);
	free(member->stacks.items);
	free(member);
}

/* Those that ended. How many go on. */
static size_t reap(struct group *group, bool all)
{
	size_t left = 0;
	for (struct member **at = &group->members; *at;) {
		struct member *member = *at;
		if (!all && !__atomic_load_n(&member->done, __ATOMIC_ACQUIRE)) {
			at = &member->next;
			left++;
			continue;
		}
		pthread_join(member->thread, NULL);
		*at = member->next;
		member_free(member);
	}
	return left;
}

/* Said once of each. */
static void tell_skipped(struct group *group, struct suspect *suspect, const char *why)
{
	char path[32];
	size_t length = 0;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)suspect->pid);
	CLEANUP(freep) char *bytes = io_read_file(AT_FDCWD, path, 64, &length);
	CLEANUP(freep) char *name = bytes ? text_from_bytes(bytes, strcspn(bytes, "\n")) : NULL;
	struct heapspy_record_entry entry = {
		.kind = HEAPSPY_RECORD_EVENT,
		.time = clock_monotonic() - group->start,
		.pid = suspect->pid,
		.event = {.event = "skipped", .command = name, .why = why},
	};
	if (suspect->told)
		return;
	suspect->told = true;
	pthread_mutex_lock(&group->mutex);
	if (!group->error)
		group->error = group->visit(group->context, &entry);
	pthread_mutex_unlock(&group->mutex);
}

static void try_one(struct group *group, struct suspect *suspect, pid_t parent)
{
	struct heapspy_attach_options how = {.layout = group->options.layout};
	struct member *member = calloc(1, sizeof(*member));
	struct heapspy_error *error = member ? heapspy_attach(suspect->pid, &how, &member->heapspy)
					     : error_no_memory();
	if (!error) {
		member->group = group;
		member->pid = suspect->pid;
		member->parent = parent;
		if (deaf_thread(&member->thread, run_member, member)) {
			member->next = group->members;
			group->members = member;
			suspect->recorded = true;
			return;
		}
		error = error_new(HEAPSPY_LIMIT, "no thread is left");
	}
	suspect->retry = clock_monotonic() + suspect->pause;
	suspect->pause = suspect->pause * 2 < LAST_RETRY ? suspect->pause * 2 : LAST_RETRY;
	/* It may still be starting, or just have ended. */
	if (error->code != HEAPSPY_GONE && error->code != HEAPSPY_NO_PROCESS &&
	    error->code != HEAPSPY_NOT_READY)
		tell_skipped(group, suspect, error->what);
	heapspy_error_free(error);
	if (member)
		member_free(member);
}

static struct suspect *suspect_of(struct group *group, const struct heapspy_relative *relative)
{
	for (size_t i = 0; i < group->suspect_count; i++)
		if (group->suspects[i].pid == relative->pid &&
		    group->suspects[i].start == relative->start)
			return &group->suspects[i];
	if (!ARRAY_RESERVE(group->suspects, group->suspect_capacity, group->suspect_count + 1))
		return NULL;
	struct suspect *suspect = &group->suspects[group->suspect_count++];
	*suspect = (struct suspect){
		.pid = relative->pid, .start = relative->start, .pause = FIRST_RETRY};
	return suspect;
}

/* Forget those that are not there any more. */
static void forget(struct group *group, const struct heapspy_family *family)
{
	size_t kept = 0;
	for (size_t i = 0; i < group->suspect_count; i++)
		if (heapspy_family_find(family, group->suspects[i].pid, group->suspects[i].start))
			group->suspects[kept++] = group->suspects[i];
	group->suspect_count = kept;
}

static void look(struct group *group)
{
	CLEANUP(heapspy_family_fini) struct heapspy_family family = {0};
	/* What is recorded and lost its parent is looked for itself. */
	size_t count = 0, recorded = reap(group, false);
	CLEANUP(freep) pid_t *pids = calloc(recorded + 1, sizeof(*pids));
	if (!pids)
		return;
	pids[count++] = group->pid;
	for (const struct member *member = group->members; member; member = member->next)
		pids[count++] = member->pid;
	struct heapspy_error *error = heapspy_family_list(pids, count, &family);
	if (error) {
		heapspy_error_free(error);
		return;
	}
	forget(group, &family);
	for (size_t i = 0; i < family.count; i++) {
		const struct heapspy_relative *relative = &family.items[i];
		if (relative->pid == group->pid || relative->pid == getpid() ||
		    relative->age < BIRTH)
			continue;
		struct suspect *suspect = suspect_of(group, relative);
		if (!suspect || suspect->recorded || suspect->retry > clock_monotonic())
			continue;
		if (recorded >= HEAPSPY_MOST_RECORDED) {
			tell_skipped(group, suspect, "as many processes as can be are recorded already");
			continue;
		}
		try_one(group, suspect, relative->parent);
		recorded += suspect->recorded;
	}
}

static void *run_finder(void *argument)
{
	struct group *group = argument;
	struct pollfd stop = {.fd = group->stop, .events = POLLIN};
	do
		look(group);
	while (poll(&stop, 1, (int)(LOOK * 1e3)) <= 0);
	return NULL;
}

static struct heapspy_error *find_others(struct group *group)
{
	group->finding = deaf_thread(&group->finder, run_finder, group);
	if (group->finding)
		return NULL;
	return error_why(error_new(HEAPSPY_LIMIT, "cannot look for other processes"),
			 "no thread is left");
}

static void end_others(struct group *group)
{
	static const uint64_t one = 1;
	ssize_t written = write(group->stop, &one, sizeof(one));
	(void)written;
	if (group->finding)
		pthread_join(group->finder, NULL);
	group->finding = false;
	reap(group, true);
}

struct heapspy_error *record_group(struct heapspy *heapspy,
				   const struct heapspy_record_options *options,
				   record_alone *alone, heapspy_record_visitor *visit,
				   void *context)
{
	struct group group = {
		.options = *options,
		.alone = alone,
		.visit = visit,
		.context = context,
		.pid = heapspy_target_info(heapspy)->pid,
		.mutex = PTHREAD_MUTEX_INITIALIZER,
	};
	struct member first = {.group = &group};
	CLEANUP(closep) int stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop < 0)
		return error_why(error_new(HEAPSPY_LIMIT, "cannot record several processes"),
				 "no descriptor is left");
	group.stop = stop;
	struct heapspy_error *error = alone(heapspy, options, relay, &first);
	end_others(&group);
	if (!error)
		error = take_pointer(group.error);
	heapspy_error_free(group.error);
	free(group.suspects);
	free(first.frames.items);
	free(first.stacks.items);
	return error;
}
