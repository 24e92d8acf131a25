/* SPDX-License-Identifier: MIT */
#include "native/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "native/perf_ring.h"
#include "target/process/tasks.h"

/* Pages of a ring: what perf_event_mlock_kb allows everybody for each CPU, and more for
 * those who may have it. */
enum { RING_PAGES = 512, RECORD_MAX = 65536 };

/* So often the list of threads is read until all of them are covered. */
enum { COVER_ROUNDS = 50 };

enum { MAX_CPUS = 4096 };

/* Of so many page faults one is told: telling takes as long as two or three of them. */
enum { FAULT_PERIOD = 64 };

/* ax bx cx dx si di bp sp ip, r8 - r15: asm/perf_regs.h. The segment and flags registers
 * between them are left out. */
#define REGISTER_MASK UINT64_C(0xff01ff)

/* A thread, and its events on each CPU: `count` for each, ordered by CPU. Of a thread
 * that was begun by a covered one there are none: the kernel made them. */
struct covered {
	pid_t tid;
	int *fds;
};

/* A word that one thread is watched for: an event for each CPU. */
struct personal {
	pid_t tid;
	uint64_t address;
	int *fds;
};

/* A record that was taken out of a ring. */
struct record {
	uint64_t time;
	size_t offset; /* in `bytes` */
};

struct watch {
	pid_t pid;
	int proc;
	struct watch_options options;
	int *cpus;
	size_t cpu_count, event_count; /* events of a thread on a CPU: at least one */
	int *owners;                   /* events that the rings belong to */
	struct perf_ring *rings;
	struct covered *covered;
	size_t covered_count;
	struct personal *personal;
	size_t personal_count;
	int epoll;
	bool inherit_thread; /* the kernel knows of it: Linux 5.13 */
	/* What was taken out and not yet visited. */
	struct record *records;
	size_t record_count, record_capacity;
	uint8_t *bytes;
	size_t used, capacity;
};

/* What every record of ours ends with: sample_id_all. */
struct sample_id {
	uint32_t pid, tid;
	uint64_t time;
};

/* ---- the machine -------------------------------------------------------------- */

/* "0-3,8": /sys/devices/system/cpu/online. */
static size_t list_cpus(int **ret_cpus)
{
	size_t length, count = 0;
	CLEANUP(freep) char *text =
		io_read_file(AT_FDCWD, "/sys/devices/system/cpu/online", 65536, &length);
	int *cpus = calloc(MAX_CPUS, sizeof(*cpus));
	for (char *at = text; cpus && at && *at;) {
		char *end;
		long first = strtol(at, &end, 10), last = first;
		if (end == at)
			break;
		if (*end == '-')
			last = strtol(end + 1, &end, 10);
		for (long cpu = first; cpu <= last && count < MAX_CPUS; cpu++)
			cpus[count++] = (int)cpu;
		at = *end == ',' ? end + 1 : end + strlen(end);
	}
	if (cpus && count == 0)
		cpus[count++] = 0;
	*ret_cpus = cpus;
	return cpus ? count : 0;
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* ---- opening -------------------------------------------------------------------- */

static void set_sample(const struct watch *watch, struct perf_event_attr *attr)
{
	attr->sample_type |= PERF_SAMPLE_ADDR | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;
	attr->sample_regs_user = REGISTER_MASK;
	attr->sample_stack_user = watch->options.stack_bytes;
}

static void set_breakpoint(const struct watch *watch, struct perf_event_attr *attr, uint64_t address)
{
	attr->type = PERF_TYPE_BREAKPOINT;
	attr->config = 0;
	attr->bp_type = HW_BREAKPOINT_W;
	attr->bp_addr = address;
	attr->bp_len = HW_BREAKPOINT_LEN_8;
	set_sample(watch, attr);
}

static struct perf_event_attr attributes(const struct watch *watch, size_t index)
{
	const struct watch_options *options = &watch->options;
	struct perf_event_attr attr = {
		.size = sizeof(struct perf_event_attr),
		.type = PERF_TYPE_SOFTWARE,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME,
		.sample_id_all = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.inherit = 1,
		.inherit_thread = watch->inherit_thread,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.watermark = 1,
		.wakeup_watermark = 1,
	};
	/* One of them tells of all else as well. */
	attr.mmap = attr.mmap2 = attr.mmap_data = attr.task = attr.comm = attr.comm_exec = index == 0;
	if (index < options->count) {
		set_breakpoint(watch, &attr, options->addresses[index]);
		return attr;
	}
	attr.config = PERF_COUNT_SW_PAGE_FAULTS_MIN;
	attr.sample_period = FAULT_PERIOD;
	set_sample(watch, &attr);
	return attr;
}

static int open_event(struct watch *watch, pid_t tid, int cpu, size_t index)
{
	struct perf_event_attr attr = attributes(watch, index);
	int fd = (int)syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0 && errno == EINVAL && watch->inherit_thread) {
		watch->inherit_thread = false;
		return open_event(watch, tid, cpu, index);
	}
	return fd;
}

/* Give a CPU its ring, the first event there; others write to it. 0 or an errno. */
static int attach_ring(struct watch *watch, size_t cpu, int fd)
{
	if (watch->owners[cpu] >= 0)
		return ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, watch->owners[cpu]) < 0 ? errno : 0;
	int error = perf_ring_open(fd, RING_PAGES, &watch->rings[cpu]);
	if (error)
		return error;
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	if (epoll_ctl(watch->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return errno;
	watch->owners[cpu] = fd;
	return 0;
}

static void close_events(const struct watch *watch, int *fds)
{
	for (size_t i = 0; fds && i < watch->cpu_count * watch->event_count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(fds);
}

static bool is_owner(const struct watch *watch, const int *fds)
{
	for (size_t i = 0; i < watch->cpu_count; i++)
		if (fds[i * watch->event_count] == watch->owners[i])
			return true;
	return false;
}

static bool is_covered(const struct watch *watch, pid_t tid)
{
	for (size_t i = watch->covered_count; i-- > 0;)
		if (watch->covered[i].tid == tid)
			return true;
	return false;
}

static bool add_covered(struct watch *watch, pid_t tid, int *fds)
{
	size_t count = watch->covered_count;
	if ((count & (count - 1)) == 0) {
		struct covered *more =
			realloc(watch->covered, (count ? 2 * count : 1) * sizeof(*more));
		if (!more)
			return false;
		watch->covered = more;
	}
	watch->covered[watch->covered_count++] = (struct covered){tid, fds};
	return true;
}

static void close_personal(struct watch *watch, size_t at)
{
	int *fds = watch->personal[at].fds;
	for (size_t cpu = 0; cpu < watch->cpu_count; cpu++)
		if (fds[cpu] >= 0)
			close(fds[cpu]);
	free(fds);
	watch->personal[at] = watch->personal[--watch->personal_count];
}

static void forget(struct watch *watch, pid_t tid)
{
	for (size_t i = watch->personal_count; i-- > 0;)
		if (watch->personal[i].tid == tid)
			close_personal(watch, i);
	for (size_t i = 0; i < watch->covered_count; i++) {
		struct covered *one = &watch->covered[i];
		/* The rings of events are needed for as long as others write to them. */
		if (one->tid != tid || (one->fds && is_owner(watch, one->fds)))
			continue;
		close_events(watch, one->fds);
		*one = watch->covered[--watch->covered_count];
		return;
	}
}

/* 0 or an errno; ESRCH: it ended. */
static int cover(struct watch *watch, pid_t tid)
{
	size_t count = watch->cpu_count * watch->event_count;
	int *fds = malloc(count * sizeof(*fds));
	int error = fds ? 0 : ENOMEM;
	for (size_t i = 0; fds && i < count; i++)
		fds[i] = -1;
	for (size_t i = 0; i < count && !error; i++) {
		size_t cpu = i / watch->event_count;
		fds[i] = open_event(watch, tid, watch->cpus[cpu], i % watch->event_count);
		/* A CPU that went offline meanwhile runs nothing. */
		if (fds[i] < 0 && errno == ENODEV && cpu > 0)
			continue;
		error = fds[i] < 0 ? errno : attach_ring(watch, cpu, fds[i]);
	}
	if (!error && add_covered(watch, tid, fds))
		return 0;
	for (size_t cpu = 0; fds && cpu < watch->cpu_count; cpu++) {
		if (watch->owners[cpu] < 0 || watch->owners[cpu] != fds[cpu * watch->event_count])
			continue;
		perf_ring_close(&watch->rings[cpu]);
		watch->owners[cpu] = -1;
	}
	close_events(watch, fds);
	return error ?: ENOMEM;
}

/* ---- taking records out ------------------------------------------------------------- */

static bool keep(struct watch *watch, const uint8_t *bytes, size_t size, uint64_t time)
{
	if (watch->used + size > watch->capacity) {
		size_t capacity = watch->capacity ? 2 * watch->capacity : 1 << 20;
		while (capacity < watch->used + size)
			capacity *= 2;
		uint8_t *more = realloc(watch->bytes, capacity);
		if (!more)
			return false;
		watch->bytes = more;
		watch->capacity = capacity;
	}
	if (watch->record_count == watch->record_capacity) {
		size_t capacity = watch->record_capacity ? 2 * watch->record_capacity : 64;
		struct record *more = realloc(watch->records, capacity * sizeof(*more));
		if (!more)
			return false;
		watch->records = more;
		watch->record_capacity = capacity;
	}
	memcpy(watch->bytes + watch->used, bytes, size);
	watch->records[watch->record_count++] = (struct record){time, watch->used};
	watch->used += (size + 7) & ~(size_t)7;
	return true;
}

static struct sample_id id_at_end(const uint8_t *record, size_t size)
{
	struct sample_id id = {0};
	if (size >= sizeof(struct perf_event_header) + sizeof(id))
		memcpy(&id, record + size - sizeof(id), sizeof(id));
	return id;
}

/* What is in the rings now goes to the records; who begins and ends is noted. */
static void collect(struct watch *watch)
{
	static _Thread_local uint8_t record[RECORD_MAX];
	for (size_t i = 0; i < watch->cpu_count; i++) {
		size_t size;
		while (watch->rings[i].page && (size = perf_ring_take(&watch->rings[i], record))) {
			struct perf_event_header header;
			memcpy(&header, record, sizeof(header));
			struct sample_id id = header.type == PERF_RECORD_SAMPLE
						      ? (struct sample_id){0}
						      : id_at_end(record, size);
			if (header.type == PERF_RECORD_SAMPLE && size >= sizeof(header) + sizeof(id))
				memcpy(&id, record + sizeof(header), sizeof(id));
			uint32_t ids[4] = {0}; /* pid, ppid, tid, ptid */
			if ((header.type == PERF_RECORD_FORK || header.type == PERF_RECORD_EXIT) &&
			    size >= sizeof(header) + sizeof(ids))
				memcpy(ids, record + sizeof(header), sizeof(ids));
			if (header.type == PERF_RECORD_FORK && (pid_t)ids[0] == watch->pid &&
			    !is_covered(watch, (pid_t)ids[2]))
				add_covered(watch, (pid_t)ids[2], NULL);
			if (header.type == PERF_RECORD_EXIT && (pid_t)ids[0] == watch->pid)
				forget(watch, (pid_t)ids[2]);
			keep(watch, record, size, id.time);
		}
	}
}

/* ---- all threads --------------------------------------------------------------------- */

/* 0 or an errno. Threads that a covered one begins are covered by the kernel, which says
 * so in the rings; threads that others begin meanwhile are met in the next round. */
static int cover_all(struct watch *watch)
{
	CLEANUP(task_list_fini) struct task_list tasks = {0};
	for (int round = 0; round < COVER_ROUNDS; round++) {
		int error = task_list_read(watch->proc, &tasks);
		if (error)
			return error;
		collect(watch);
		bool any = false;
		for (size_t i = 0; i < tasks.count; i++) {
			if (is_covered(watch, tasks.items[i].tid))
				continue;
			error = cover(watch, tasks.items[i].tid);
			/* No register is left: the kernel covered it just now. */
			if (error == ENOSPC && watch->covered_count)
				error = add_covered(watch, tasks.items[i].tid, NULL) ? 0 : ENOMEM;
			if (error && error != ESRCH)
				return error;
			any = true;
		}
		if (!any)
			return watch->covered_count ? 0 : ESRCH;
	}
	return 0;
}

static struct heapspy_error *refused(const struct watch *watch, int errnum)
{
	enum heapspy_code code = errnum == EACCES || errnum == EPERM ? HEAPSPY_PERMISSION
				 : errnum == ESRCH		     ? HEAPSPY_GONE
								     : HEAPSPY_LIMIT;
	struct heapspy_error *error =
		error_errno(code, errnum, "cannot watch the allocators of process %d", (int)watch->pid);
	size_t length;
	CLEANUP(freep) char *paranoid =
		io_read_file(AT_FDCWD, "/proc/sys/kernel/perf_event_paranoid", 64, &length);
	switch (errnum) {
	case EACCES:
	case EPERM:
		if (paranoid)
			paranoid[strcspn(paranoid, "\n")] = 0;
		error_why(error, "the kernel refuses perf events: kernel.perf_event_paranoid is %s, "
			  "or a seccomp filter forbids them", paranoid ?: "not known");
		break;
	case ENOSPC:
		error_why(error, "its debug registers are taken: by a debugger, or by another watcher");
		break;
	case EMFILE:
		error_why(error, "%zu descriptors are needed for each of its threads, and no more "
			  "may be open", watch->cpu_count * watch->event_count);
		break;
	case ENOENT:
	case EOPNOTSUPP:
	case ENODEV:
	case ENOSYS:
		error_why(error, "this kernel or machine has no hardware watchpoints");
		break;
	default:
		break;
	}
	return error;
}

struct heapspy_error *watch_open(pid_t pid, int proc, const struct watch_options *options,
				 struct watch **ret_watch)
{
	CLEANUP(watch_closep) struct watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return error_no_memory();
	watch->pid = pid;
	watch->proc = proc;
	watch->options = *options;
	watch->inherit_thread = true;
	watch->event_count = options->count + 1;
	watch->epoll = epoll_create1(EPOLL_CLOEXEC);
	watch->cpu_count = list_cpus(&watch->cpus);
	watch->owners = malloc((watch->cpu_count + 1) * sizeof(*watch->owners));
	watch->rings = calloc(watch->cpu_count + 1, sizeof(*watch->rings));
	if (watch->epoll < 0 || !watch->cpus || !watch->owners || !watch->rings)
		return error_no_memory();
	for (size_t i = 0; i < watch->cpu_count; i++)
		watch->owners[i] = -1;
	raise_descriptor_limit();
	int error = cover_all(watch);
	if (error)
		return refused(watch, error);
	*ret_watch = take_pointer(watch);
	return NULL;
}

void watch_close(struct watch *watch)
{
	if (!watch)
		return;
	for (size_t i = 0; i < watch->covered_count; i++)
		close_events(watch, watch->covered[i].fds);
	for (size_t i = 0; watch->rings && i < watch->cpu_count; i++)
		perf_ring_close(&watch->rings[i]);
	closep(&watch->epoll);
	while (watch->personal_count)
		close_personal(watch, watch->personal_count - 1);
	free(watch->personal);
	free(watch->covered);
	free(watch->rings);
	free(watch->owners);
	free(watch->cpus);
	free(watch->records);
	free(watch->bytes);
	free(watch);
}

bool watch_thread(struct watch *watch, pid_t tid, uint64_t address)
{
	for (size_t i = 0; i < watch->personal_count; i++) {
		if (watch->personal[i].tid != tid)
			continue;
		if (watch->personal[i].address == address)
			return true;
		close_personal(watch, i);
		break;
	}
	struct personal *more =
		realloc(watch->personal, (watch->personal_count + 1) * sizeof(*more));
	int *fds = malloc(watch->cpu_count * sizeof(*fds));
	if (more)
		watch->personal = more;
	if (!more || !fds) {
		free(fds);
		return false;
	}
	struct perf_event_attr attr = attributes(watch, watch->options.count);
	attr.sample_period = 1;
	attr.mmap = attr.mmap2 = attr.mmap_data = attr.task = attr.comm = attr.comm_exec = 0;
	attr.inherit = attr.inherit_thread = 0;
	set_breakpoint(watch, &attr, address);
	bool any = false;
	for (size_t cpu = 0; cpu < watch->cpu_count; cpu++) {
		fds[cpu] = watch->owners[cpu] < 0
				   ? -1
				   : (int)syscall(SYS_perf_event_open, &attr, tid, watch->cpus[cpu],
						  -1, PERF_FLAG_FD_CLOEXEC);
		if (fds[cpu] >= 0)
			any |= ioctl(fds[cpu], PERF_EVENT_IOC_SET_OUTPUT, watch->owners[cpu]) == 0;
	}
	watch->personal[watch->personal_count++] = (struct personal){tid, address, fds};
	if (!any)
		close_personal(watch, watch->personal_count - 1);
	return any;
}

int watch_fd(const struct watch *watch)
{
	return watch->epoll;
}

bool watch_move(struct watch *watch, size_t index, uint64_t address)
{
	uint64_t before = watch->options.addresses[index];
	watch->options.addresses[index] = address;
	struct perf_event_attr attr = attributes(watch, index);
	bool any = false, failed = false;
	for (size_t i = 0; i < watch->covered_count; i++) {
		const int *fds = watch->covered[i].fds;
		for (size_t cpu = 0; fds && cpu < watch->cpu_count; cpu++) {
			int fd = fds[cpu * watch->event_count + index];
			if (fd < 0)
				continue;
			/* A thread that is ending has none to be moved. */
			int moved = ioctl(fd, PERF_EVENT_IOC_MODIFY_ATTRIBUTES, &attr);
			any |= moved == 0;
			failed |= moved < 0 && errno != ESRCH;
		}
	}
	if (any && !failed)
		return true;
	watch->options.addresses[index] = before;
	return false;
}

size_t watch_breakpoints(const struct watch *watch)
{
	return watch->covered_count * watch->cpu_count;
}

/* ---- visiting ------------------------------------------------------------------------ */

static int compare_records(const void *a, const void *b)
{
	const struct record *left = a, *right = b;
	if (left->time != right->time)
		return left->time < right->time ? -1 : 1;
	return left->offset < right->offset ? -1 : left->offset > right->offset;
}

/* Takes the next bytes of a record; zeros behind its end. */
struct cursor {
	const uint8_t *at, *end;
};

static uint64_t take_u64(struct cursor *cursor)
{
	uint64_t value = 0;
	if (cursor->end - cursor->at >= (ptrdiff_t)sizeof(value)) {
		memcpy(&value, cursor->at, sizeof(value));
		cursor->at += sizeof(value);
	} else {
		cursor->at = cursor->end;
	}
	return value;
}

static bool parse_hit(struct cursor *cursor, struct watch_event *event)
{
	take_u64(cursor); /* pid, tid */
	take_u64(cursor); /* time */
	event->address = take_u64(cursor);
	uint64_t abi = take_u64(cursor);
	if (abi != PERF_SAMPLE_REGS_ABI_NONE) {
		if ((size_t)(cursor->end - cursor->at) < WATCH_REGISTERS * sizeof(uint64_t))
			return false;
		event->registers = (const uint64_t *)(const void *)cursor->at;
		cursor->at += WATCH_REGISTERS * sizeof(uint64_t);
	}
	uint64_t size = take_u64(cursor);
	if (size && size <= (uint64_t)(cursor->end - cursor->at)) {
		event->stack = cursor->at;
		cursor->at += size;
		uint64_t filled = take_u64(cursor);
		event->stack_length = filled <= size ? filled : size;
	}
	return true;
}

static bool is_watched(const struct watch *watch, uint64_t address)
{
	for (size_t i = 0; i < watch->options.count; i++)
		if (watch->options.addresses[i] == address)
			return true;
	for (size_t i = 0; i < watch->personal_count; i++)
		if (watch->personal[i].address == address)
			return true;
	return false;
}

/* False: it is of no use here. */
static bool parse(const struct watch *watch, const struct record *record, struct watch_event *event)
{
	struct perf_event_header header;
	const uint8_t *bytes = watch->bytes + record->offset;
	memcpy(&header, bytes, sizeof(header));
	struct cursor cursor = {bytes + sizeof(header), bytes + header.size};
	struct sample_id id = id_at_end(bytes, header.size);
	*event = (struct watch_event){.time = (double)record->time / 1e9};
	if (header.type == PERF_RECORD_SAMPLE)
		memcpy(&id, cursor.at, sizeof(id));
	event->tid = (pid_t)id.tid;
	if (header.type != PERF_RECORD_LOST && (pid_t)id.pid != watch->pid)
		return false; /* a child, where the kernel has no inherit_thread */
	switch (header.type) {
	case PERF_RECORD_SAMPLE:
		if (!parse_hit(&cursor, event))
			return false;
		event->kind = is_watched(watch, event->address) ? WATCH_HIT : WATCH_FAULT;
		return true;
	case PERF_RECORD_MMAP2: {
		event->kind = WATCH_MAPPED;
		take_u64(&cursor); /* pid, tid */
		event->address = take_u64(&cursor);
		event->length = take_u64(&cursor);
		take_u64(&cursor); /* offset */
		take_u64(&cursor); /* device */
		take_u64(&cursor); /* inode */
		take_u64(&cursor); /* its generation */
		event->protection = (unsigned)take_u64(&cursor);
		event->path = (const char *)cursor.at;
		return cursor.end - cursor.at > (ptrdiff_t)sizeof(id) &&
		       memchr(cursor.at, 0, (size_t)(cursor.end - cursor.at));
	}
	case PERF_RECORD_FORK:
		event->kind = WATCH_THREAD;
		event->tid = (pid_t)take_u64(&cursor); /* pid, then its parent's */
		event->tid = (pid_t)take_u64(&cursor);
		return true;
	case PERF_RECORD_COMM:
		event->kind = WATCH_EXEC;
		return header.misc & PERF_RECORD_MISC_COMM_EXEC;
	case PERF_RECORD_LOST:
		event->kind = WATCH_LOST;
		take_u64(&cursor); /* of which event */
		event->length = take_u64(&cursor);
		return true;
	default:
		return false;
	}
}

/* A thread that was covered twice, by us and by the kernel, says everything twice. */
static bool is_echo(const struct watch_event *before, const struct watch_event *event)
{
	return before->kind == WATCH_HIT && event->kind == WATCH_HIT && before->tid == event->tid &&
	       before->address == event->address && event->time - before->time < 50e-6 &&
	       before->registers && event->registers &&
	       memcmp(before->registers, event->registers, WATCH_REGISTERS * sizeof(uint64_t)) == 0;
}

void watch_read(struct watch *watch, watch_visitor *visit, void *context)
{
	struct epoll_event events[16];
	while (epoll_wait(watch->epoll, events, 16, 0) == 16)
		;
	collect(watch);
	if (watch->record_count)
		qsort(watch->records, watch->record_count, sizeof(*watch->records),
		      compare_records);
	struct watch_event before = {.kind = WATCH_LOST};
	for (size_t i = 0; i < watch->record_count; i++) {
		struct watch_event event;
		if (!parse(watch, &watch->records[i], &event) || is_echo(&before, &event))
			continue;
		before = event;
		visit(context, &event);
	}
	watch->record_count = 0;
	watch->used = 0;
}
