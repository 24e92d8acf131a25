/* SPDX-License-Identifier: MIT */
#include "target/stop/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/deaf.h"
#include "base/error.h"
#include "base/io.h"
#include "base/text.h"
#include "target/maps_parse.h"
#include "target/process/permission.h"
#include "target/process/proc.h"
#include "target/process/tasks.h"
#include "target/stop/private.h"

enum {
	MOST_ATTEMPTS = 3, /* a target may grow while room is made for it */
	MOST_OUT_OF_REACH = 256,
};

static const double DEFAULT_MAX_PAUSE = 0.25;

/* What a stop takes on a machine of two cores, before it is doubled: seconds a
 * thread, bytes a second. */
static const double SECONDS_A_THREAD = 15e-6, BYTES_A_SECOND = 7e9;

/* What there is to copy, seen while the target runs. */
struct extent {
	uint64_t bytes;
	size_t runs, text_length, threads;
};

/* ---- numbers for messages ------------------------------------------------ */

static const char *seconds_text(double seconds, char buffer[static 32])
{
	if (seconds < 1)
		snprintf(buffer, 32, "%.0f ms", ceil(seconds * 1000));
	else
		snprintf(buffer, 32, "%.1f s", seconds);
	return buffer;
}

static const char *bytes_text(uint64_t bytes, char buffer[static 32])
{
	if (bytes < UINT64_C(1) << 30)
		snprintf(buffer, 32, "%.1f MiB", (double)bytes / (1 << 20));
	else
		snprintf(buffer, 32, "%.1f GiB", (double)bytes / (1 << 30));
	return buffer;
}

/* ---- before -------------------------------------------------------------- */

static bool count_run(void *context, uint64_t start, uint64_t end, bool copied)
{
	struct extent *extent = context;
	extent->runs++;
	extent->bytes += copied ? end - start : 0;
	return true;
}

/* How long the text of maps was, near enough: all lines with an address of 16 digits. */
static size_t text_length(const struct maps *maps)
{
	size_t length = 0;
	for (size_t i = 0; i < maps->count; i++)
		length += 96 + strlen(maps->items[i].path);
	return length;
}

static struct heapspy_error *no_tracer_error(const struct stop_job *job, int errnum)
{
	return error_errno(HEAPSPY_LIMIT, errnum, "cannot stop process %d",
			   job->process->base.pid);
}

static struct heapspy_error *measure(const struct stop_job *job, struct extent *ret_extent)
{
	struct process_target *process = job->process;
	struct extent extent = {.text_length = text_length(&process->base.maps)};
	struct task_list tasks = {0};
	int errnum = task_list_read(process->identity.proc, &tasks);
	extent.threads = tasks.count;
	task_list_fini(&tasks);
	if (!errnum)
		errnum = stop_survey(job, &process->base.maps, count_run, &extent);
	if (errnum == ENOMEM)
		return error_no_memory();
	if (errnum == EMFILE || errnum == ENFILE)
		return no_tracer_error(job, errnum);
	if (errnum)
		return identity_gone_error(&process->identity);
	*ret_extent = extent;
	return NULL;
}

/* Mappings whose clean pages cannot be read from their file: it is gone, or cannot
 * be reached from here. Those of a library lie side by side: the files that are open
 * already are found again. */
static size_t find_out_of_reach(struct process_target *process,
				struct address_range ranges[static MOST_OUT_OF_REACH])
{
	const struct maps *maps = &process->base.maps;
	size_t count = 0;
	for (size_t i = 0; i < maps->count && count < MOST_OUT_OF_REACH; i++) {
		const struct mapping *mapping = &maps->items[i];
		enum fault fault;
		if (mapping_is_file(mapping) && !(mapping->flags & MAPPING_SHARED) &&
		    mapping->flags & MAPPING_READ &&
		    process_mapped_file(process, mapping, &fault) < 0)
			ranges[count++] = (struct address_range){mapping->start, mapping->end};
	}
	return count;
}

static bool is_moving(struct process_target *process)
{
	struct task_list tasks = {0};
	int proc = process->identity.proc;
	bool moving = task_list_read(proc, &tasks) != 0;
	for (size_t i = 0; i < tasks.count && !moving; i++) {
		task_look(proc, &tasks.items[i]);
		moving = tasks.items[i].state == TASK_RUNNING;
	}
	task_list_fini(&tasks);
	return moving;
}

/* ---- the shared memory --------------------------------------------------- */

static size_t in_pages(size_t length)
{
	return (length + TARGET_PAGE - 1) & ~(size_t)(TARGET_PAGE - 1);
}

static uint64_t available_memory(void)
{
	CLEANUP(freep) char *text = io_read_file(AT_FDCWD, "/proc/meminfo", 1 << 16, NULL);
	const char *line = text ? strstr(text, "MemAvailable:") : NULL;
	return line ? strtoull(line + strlen("MemAvailable:"), NULL, 10) * 1024 : UINT64_MAX;
}

static struct heapspy_error *no_room_error(pid_t pid, size_t wanted)
{
	char size[32];
	return error_remedy(error_why(error_new(HEAPSPY_LIMIT, "cannot copy process %d", pid),
				      "there is no memory for a copy of %s",
				      bytes_text(wanted, size)),
			    "heapspy dump %d   # while it runs: needs no copy", pid);
}

/* Behind the header: the parts that stop_job_divide() finds. */
static size_t parts_length(const struct stop_request *request)
{
	size_t ranges = request->left_out_count + request->out_of_reach_count;
	return in_pages(ranges * sizeof(struct address_range)) +
	       in_pages(request->run_capacity * sizeof(struct image_run)) +
	       in_pages(request->thread_capacity * sizeof(struct thread_registers)) +
	       request->text_capacity + request->byte_capacity;
}

size_t stop_request_length(const struct stop_request *request)
{
	return in_pages(sizeof(struct stop_shared)) + parts_length(request);
}

/* The request may come from a process that what it parsed has taken over. */
static bool is_sane(const struct stop_request *request, size_t length)
{
	return request->left_out_count <= length / sizeof(struct address_range) &&
	       request->out_of_reach_count <= MOST_OUT_OF_REACH &&
	       request->run_capacity <= length / sizeof(struct image_run) &&
	       request->thread_capacity <= length / sizeof(struct thread_registers) &&
	       request->text_capacity <= length && request->byte_capacity <= length &&
	       request->text_capacity % TARGET_PAGE == 0 &&
	       request->byte_capacity % TARGET_PAGE == 0 &&
	       stop_request_length(request) <= length;
}

bool stop_job_divide(struct stop_job *job)
{
	if (job->memory_length < sizeof(*job->shared))
		return false;
	job->shared = (void *)job->memory;
	job->request = job->shared->request;
	const struct stop_request *request = &job->request;
	if (!is_sane(request, job->memory_length))
		return false;
	uint8_t *at = job->memory + in_pages(sizeof(*job->shared));
	job->left_out = (void *)at;
	job->out_of_reach = job->left_out + request->left_out_count;
	at += in_pages((request->left_out_count + request->out_of_reach_count) *
		       sizeof(*job->left_out));
	job->runs = (void *)at;
	at += in_pages(request->run_capacity * sizeof(*job->runs));
	job->threads = (void *)at;
	at += in_pages(request->thread_capacity * sizeof(*job->threads));
	job->text = (char *)at;
	job->bytes = at + request->text_capacity;
	return true;
}

/* Of a server it must have a name. A limit on the size of files (ulimit -f) would end
 * us, so it is asked first. */
static int make_file(size_t length)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && length > limit.rlim_cur)
		return -1;
	int fd = memfd_create("heapspy", MFD_CLOEXEC);
	if (fd >= 0 && ftruncate(fd, (off_t)length) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static struct heapspy_error *make_memory(struct stop_job *job, const struct extent *extent,
					 int *ret_file)
{
	struct stop_request *request = &job->request;
	request->run_capacity = extent->runs + extent->runs / 4 + 4096;
	request->thread_capacity = extent->threads + extent->threads / 4 + 64;
	request->text_capacity =
		in_pages(extent->text_length + extent->text_length / 4 + (64 << 10));
	request->byte_capacity = in_pages(extent->bytes + extent->bytes / 16 + (16 << 20));
	size_t length = stop_request_length(request);
	if (length > available_memory())
		return no_room_error(job->process->base.pid, length);
	CLEANUP(closep) int fd = -1;
	if (job->process->server.pid && (fd = make_file(length)) < 0)
		return no_room_error(job->process->base.pid, length);
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
			    fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return no_room_error(job->process->base.pid, length);
	madvise(memory, length, MADV_HUGEPAGE);

	const struct address_range *left_out = job->left_out, *out_of_reach = job->out_of_reach;
	((struct stop_shared *)memory)->request = *request;
	job->memory = memory;
	job->memory_length = length;
	stop_job_divide(job);
	if (request->left_out_count)
		memcpy(job->left_out, left_out, request->left_out_count * sizeof(*left_out));
	if (request->out_of_reach_count)
		memcpy(job->out_of_reach, out_of_reach,
		       request->out_of_reach_count * sizeof(*out_of_reach));
	*ret_file = take_fd(&fd);
	return NULL;
}

static void drop_memory(struct stop_job *job)
{
	if (job->memory)
		munmap(job->memory, job->memory_length);
	job->memory = NULL;
}

/* ---- the tracer ---------------------------------------------------------- */

/* Our own handlers must not run in the child, not even for a moment. */
static struct heapspy_error *start_tracer(struct stop_job *job, int *ret_status)
{
	job->parent = getpid();
	pid_t tracer = deaf_fork();
	if (tracer == 0) {
		stop_lock_in();
		stop_tracer_main(job);
	}
	int errnum = errno;
	if (tracer < 0)
		return no_tracer_error(job, errnum);
	/* ECHILD where the program ignores SIGCHLD, once the tracer has ended. */
	int status = 0;
	while (waitpid(tracer, &status, 0) < 0 && errno == EINTR)
		;
	*ret_status = status;
	return NULL;
}

/* `file`: the memory of the job, where there is a server to be told of it. */
static struct heapspy_error *run_tracer(struct stop_job *job, int file, int *ret_status)
{
	if (file < 0)
		return start_tracer(job, ret_status);
	int errnum = stop_server_run(&job->process->server, file, ret_status);
	return errnum ? no_tracer_error(job, errnum) : NULL;
}

/* ---- what came of it ----------------------------------------------------- */

static struct heapspy_error *offer_more_time(struct heapspy_error *error, pid_t pid, double seconds)
{
	double rounded = seconds < 1 ? ceil(seconds * 10) / 10 : ceil(seconds);
	if (rounded < 1)
		error_remedy(error, "heapspy dump --stop --max-pause %.0fms %d", rounded * 1000,
			     pid);
	else
		error_remedy(error, "heapspy dump --stop --max-pause %.0fs %d", rounded, pid);
	return error_remedy(error, "heapspy dump %d   # without a stop", pid);
}

static struct heapspy_error *too_long_error(const struct stop_job *job, const struct extent *extent)
{
	char limit[32], estimate[32], size[32];
	pid_t pid = job->process->base.pid;
	struct heapspy_error *error =
		error_new(HEAPSPY_BUSY, "cannot stop process %d for at most %s", pid,
			  seconds_text(job->request.max_pause, limit));
	error_why(error, "it would take up to %s: %zu thread%s to stop and %s to copy",
		  seconds_text(job->request.estimate, estimate), extent->threads,
		  extent->threads == 1 ? "" : "s", bytes_text(extent->bytes, size));
	return offer_more_time(error, pid, job->request.estimate);
}

static struct heapspy_error *late_error(const struct stop_job *job)
{
	char limit[32];
	pid_t pid = job->process->base.pid, culprit = job->shared->culprit;
	struct heapspy_error *error =
		error_new(HEAPSPY_BUSY, "process %d could not be copied within %s", pid,
			  seconds_text(job->request.max_pause, limit));
	if (culprit)
		error_why(error, "thread %d did not stop; the others run on", culprit);
	else
		error_why(error, "stopping and copying took longer; it runs on");
	return offer_more_time(error, pid, job->request.max_pause * 4);
}

static struct heapspy_error *traced_error(const struct stop_job *job)
{
	char path[32];
	pid_t pid = job->process->base.pid, tracer = job->shared->culprit;
	snprintf(path, sizeof(path), "/proc/%d/comm", tracer);
	size_t length = 0;
	CLEANUP(freep) char *name = io_read_file(AT_FDCWD, path, 256, &length);
	CLEANUP(freep) char *clean =
		name && length ? text_from_bytes(name, strcspn(name, "\n")) : NULL;
	struct heapspy_error *error = error_new(HEAPSPY_BUSY, "cannot stop process %d", pid);
	error_why(error, "process %d (%s) is tracing it", tracer, clean ?: "?");
	return error_remedy(error, "heapspy dump %d   # without a stop", pid);
}

static struct heapspy_error *busy_error(const struct stop_job *job, const char *why)
{
	pid_t pid = job->process->base.pid;
	struct heapspy_error *error = error_new(HEAPSPY_BUSY, "cannot stop process %d", pid);
	return error_remedy(error_why(error, "%s", why), "heapspy dump %d   # without a stop", pid);
}

/* It was not killed by its timer or for want of memory, which is SIGKILL. */
static struct heapspy_error *ended_error(const struct stop_job *job, int number)
{
	if (number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT)
		return error_why(busy_error(job, ""), "heapspy was interrupted: signal %d", number);
	struct heapspy_error *error = error_new(HEAPSPY_BUG, "cannot stop process %d",
						job->process->base.pid);
	return error_why(error, "the process of heapspy that does it ended by a mistake: signal %d",
			 number);
}

/* The tracer did not come to its end. */
static struct heapspy_error *killed_error(const struct stop_job *job, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		return ended_error(job, WTERMSIG(status));
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return ended_error(job, 0);
	switch (atomic_load(&job->shared->stage)) {
	case STAGE_POPULATE:
		return no_room_error(job->process->base.pid, job->memory_length);
	case STAGE_STOP:
		return late_error(job);
	case STAGE_WATCH:
		return busy_error(job,
				  "a part of its memory is not delivered: whoever should do that "
				  "(userfaultfd, a file system) does not");
	}
	return busy_error(job, "the process that should have done it was killed");
}

static struct heapspy_error *error_of(const struct stop_job *job, const struct extent *extent,
				      int status)
{
	struct process_target *process = job->process;
	if (target_verify(&process->base) != FAULT_NONE)
		return identity_gone_error(&process->identity);
	if (atomic_load(&job->shared->stage) != STAGE_END)
		return killed_error(job, status);
	switch ((enum stop_outcome)job->shared->outcome) {
	case OUTCOME_TOO_LONG:
		return too_long_error(job, extent);
	case OUTCOME_LATE:
		return late_error(job);
	case OUTCOME_TRACED:
		return traced_error(job);
	case OUTCOME_DENIED:
		return permission_error(process->base.pid, process->identity.proc, EPERM);
	case OUTCOME_STORM:
		return busy_error(job, "it starts threads faster than they can be stopped");
	case OUTCOME_GREW:
		return busy_error(job, "it grows faster than room can be made for its copy");
	case OUTCOME_UNREADABLE:
		return error_from_fault(FAULT_DENIED, 0, "cannot copy process %d",
					process->base.pid);
	case OUTCOME_NO_MEMORY:
		return no_room_error(process->base.pid, job->memory_length);
	case OUTCOME_NONE:
	case OUTCOME_COPIED:
	case OUTCOME_GONE:
		break;
	}
	return identity_gone_error(&process->identity);
}

static int by_value(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

/* The runs without the holes: each hole is a page of a copied run. */
static size_t cut_runs(const struct stop_shared *shared, const struct image_run *runs,
		       const uint64_t *holes, size_t hole_count, struct image_run *ret_runs)
{
	size_t count = 0, hole = 0;
	for (size_t i = 0; i < shared->run_count; i++) {
		struct image_run run = runs[i];
		for (; run.copied && hole < hole_count && holes[hole] < run.end; hole++) {
			uint64_t page = holes[hole];
			if (page < run.start)
				continue;
			if (page > run.start)
				ret_runs[count++] =
					(struct image_run){run.start, page, run.offset, true};
			ret_runs[count++] = (struct image_run){page, page + TARGET_PAGE, 0, false};
			run.offset += page + TARGET_PAGE - run.start;
			run.start = page + TARGET_PAGE;
		}
		if (run.start < run.end)
			ret_runs[count++] = run;
	}
	return count;
}

static struct heapspy_error *make_image(struct stop_job *job, struct target **ret_image)
{
	struct stop_shared *shared = job->shared;
	size_t hole_count = atomic_load(&shared->hole_count);
	struct image_content content = {.bytes = job->bytes};
	char *text = malloc(shared->text_length + 1);
	content.runs = calloc(shared->run_count + 2 * hole_count + 1, sizeof(*content.runs));
	content.threads = calloc(shared->thread_count + 1, sizeof(*content.threads));
	if (!text || !content.runs || !content.threads) {
		free(text);
		image_content_fini(&content);
		return error_no_memory();
	}
	memcpy(text, job->text, shared->text_length);
	text[shared->text_length] = '\0';
	memcpy(content.threads, job->threads, shared->thread_count * sizeof(*content.threads));
	content.thread_count = shared->thread_count;
	qsort(shared->holes, hole_count, sizeof(*shared->holes), by_value);
	content.run_count = cut_runs(shared, job->runs, shared->holes, hole_count, content.runs);

	/* What was made ready and not needed goes back. */
	size_t used = (size_t)(job->bytes - job->memory) + in_pages(shared->bytes);
	madvise(job->memory + used, job->memory_length - used, MADV_REMOVE);
	content.memory = take_pointer(job->memory);
	content.memory_length = job->memory_length;
	if (maps_parse(text, shared->text_length, &content.maps) != 0) {
		image_content_fini(&content);
		return error_no_memory();
	}
	*ret_image = image_new(&job->process->base, &content);
	return *ret_image ? NULL : error_no_memory();
}

/* ---- the whole ----------------------------------------------------------- */

/* One run of the tracer. *ret_grown: there was not room enough. */
static struct heapspy_error *attempt(struct stop_job *job, const struct stop_plan *plan,
				     double max_pause, struct target **ret_image,
				     struct stop_report *report, bool *ret_grown)
{
	struct address_range out_of_reach[MOST_OUT_OF_REACH];
	struct extent extent;
	struct heapspy_error *error = target_refresh(&job->process->base);
	if (error)
		return error;
	struct stop_request *request = &job->request;
	*request = (struct stop_request){
		.always_stop = plan->always_stop,
		.max_pause = max_pause,
		.left_out_count = plan->left_out_count,
		.out_of_reach_count = find_out_of_reach(job->process, out_of_reach),
	};
	/* Not written to; they move into the shared memory as soon as there is one. */
	job->left_out = (struct address_range *)plan->left_out;
	job->out_of_reach = out_of_reach;
	if ((error = measure(job, &extent)))
		return error;
	request->estimate = 2 * (SECONDS_A_THREAD * (double)extent.threads +
				 (double)extent.bytes / BYTES_A_SECOND);
	if (request->estimate > request->max_pause &&
	    (request->always_stop || is_moving(job->process)))
		return too_long_error(job, &extent);
	int status;
	CLEANUP(closep) int file = -1;
	if ((error = make_memory(job, &extent, &file)) ||
	    (error = run_tracer(job, file, &status)))
		return error;

	bool ended = atomic_load(&job->shared->stage) == STAGE_END;
	double earlier = report->pause;
	*report = job->shared->report;
	report->pause += earlier;
	*ret_grown = ended && job->shared->outcome == OUTCOME_GREW;
	if (!ended || job->shared->outcome != OUTCOME_COPIED)
		return error_of(job, &extent, status);
	job->process->base.bytes_read += report->bytes;
	return make_image(job, ret_image);
}

struct heapspy_error *stop_and_copy(struct target *live, const struct stop_plan *plan,
				    struct target **ret_image, struct stop_report *ret_report)
{
	struct stop_job job = {.process = (struct process_target *)live};
	struct stop_report report = {0};
	struct heapspy_error *error = NULL;
	bool grown = true;
	for (unsigned i = 0; i < MOST_ATTEMPTS && grown; i++) {
		heapspy_error_free(error);
		grown = false;
		double limit = plan->max_pause > 0 ? plan->max_pause : DEFAULT_MAX_PAUSE;
		error = attempt(&job, plan, limit - report.pause, ret_image, &report, &grown);
		drop_memory(&job);
	}
	if (!error)
		*ret_report = report;
	return error;
}
