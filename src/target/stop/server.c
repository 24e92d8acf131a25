/* SPDX-License-Identifier: MIT */
#include "target/stop/server.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/deaf.h"
#include "base/error.h"
#include "target/process/process.h"
#include "target/stop/private.h"

/* ---- messages ------------------------------------------------------------------ */

enum kind { STOP, HOLD };

enum { MOST_DESCRIPTORS = 2 };

struct message {
	enum kind kind;
	/* Of a hold. */
	pid_t tid;
	bool only_running;
	double most;
};

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
};

static int send_message(int socket, const struct message *message, const int *descriptors,
			size_t count)
{
	union control control;
	memset(&control, 0, sizeof(control));
	struct iovec data = {(void *)message, sizeof(*message)};
	struct msghdr header = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	struct cmsghdr *part = CMSG_FIRSTHDR(&header);
	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(part), descriptors, count * sizeof(int));
	ssize_t sent;
	do
		sent = sendmsg(socket, &header, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? errno : 0;
}

/* False where no more will come. Descriptors that did not come are -1. */
static bool receive_message(int socket, struct message *message,
			    int descriptors[static MOST_DESCRIPTORS])
{
	union control control;
	struct iovec data = {message, sizeof(*message)};
	struct msghdr header = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got;
	do
		got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	for (size_t i = 0; i < MOST_DESCRIPTORS; i++)
		descriptors[i] = -1;
	struct cmsghdr *part = got == sizeof(*message) ? CMSG_FIRSTHDR(&header) : NULL;
	if (part && part->cmsg_type == SCM_RIGHTS && part->cmsg_len > CMSG_LEN(0))
		memcpy(descriptors, CMSG_DATA(part), part->cmsg_len - CMSG_LEN(0));
	return part != NULL;
}

/* ---- the server ---------------------------------------------------------------- */

/* The length of the memory is what the file says, never what the message says. */
static bool map_job(struct process_target *process, int memory, struct stop_job *job)
{
	struct stat stat;
	*job = (struct stop_job){.process = process, .parent = getpid()};
	if (fstat(memory, &stat) < 0 || stat.st_size < (off_t)sizeof(struct stop_shared))
		return false;
	job->memory_length = (size_t)stat.st_size;
	job->memory = mmap(NULL, job->memory_length, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (job->memory == MAP_FAILED)
		return false;
	if (stop_job_divide(job))
		return true;
	munmap(job->memory, job->memory_length);
	return false;
}

/* As waitpid() has it; that it could not be started looks like a want of memory. */
static int run_tracer(struct process_target *process, int memory)
{
	struct stop_job job;
	int status = SIGKILL;
	if (!map_job(process, memory, &job))
		return status;
	pid_t tracer = fork();
	if (tracer == 0)
		stop_tracer_main(&job);
	munmap(job.memory, job.memory_length);
	while (tracer > 0 && waitpid(tracer, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* It ends when who asked for it closes its pipe, and in time. */
static void run_hold(struct process_target *process, const struct message *message, int answers,
		     int release)
{
	struct holding holding = {
		.proc = process->identity.proc,
		.tid = message->tid,
		.parent = getpid(),
		.only_running = message->only_running,
		.most = message->most,
		.answers = answers,
		.release = release,
		.others = {-1, -1},
	};
	pid_t tracer = fork();
	if (tracer == 0)
		hold_main(&holding);
	close(answers);
	close(release);
	while (tracer > 0 && waitpid(tracer, NULL, 0) < 0 && errno == EINTR)
		;
}

static bool do_as_told(struct process_target *process, int socket, const struct message *message,
		       int descriptors[static MOST_DESCRIPTORS])
{
	if (message->kind == HOLD) {
		run_hold(process, message, descriptors[0], descriptors[1]);
		return true;
	}
	int status = run_tracer(process, descriptors[0]);
	close(descriptors[0]);
	return write(socket, &status, sizeof(status)) == sizeof(status);
}

static _Noreturn void serve(struct process_target *process, int socket, pid_t parent)
{
	struct message message;
	int descriptors[MOST_DESCRIPTORS];
	/* It lives as long as whoever asks, and is ended by nothing else: what a terminal
	 * sends is for that one to decide upon. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	stop_lock_in();
	while (receive_message(socket, &message, descriptors) &&
	       do_as_told(process, socket, &message, descriptors))
		;
	_exit(0);
}

/* ---- who asks ------------------------------------------------------------------ */

struct heapspy_error *stop_server_start(struct process_target *process,
					struct stop_server *ret_server)
{
	int sockets[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return error_errno(HEAPSPY_LIMIT, errno, "process %d cannot be stopped",
				   process->base.pid);
	pid_t parent = getpid(), pid = deaf_fork();
	if (pid == 0) {
		close(sockets[0]);
		serve(process, sockets[1], parent);
	}
	int errnum = errno;
	close(sockets[1]);
	if (pid < 0) {
		close(sockets[0]);
		return error_errno(HEAPSPY_LIMIT, errnum, "process %d cannot be stopped",
				   process->base.pid);
	}
	*ret_server = (struct stop_server){pid, sockets[0]};
	return NULL;
}

struct heapspy_error *target_prepare_stop(struct target *target)
{
	struct process_target *process = (struct process_target *)target;
	return stop_server_start(process, &process->server);
}

void stop_server_end(struct stop_server *server)
{
	if (server->pid <= 0)
		return;
	close(server->socket);
	/* ECHILD where the program ignores SIGCHLD, once it has ended. */
	while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*server = (struct stop_server){0};
}

int stop_server_run(const struct stop_server *server, int memory, int *ret_status)
{
	int status, errnum = send_message(server->socket, &(struct message){.kind = STOP}, &memory, 1);
	if (errnum)
		return errnum;
	ssize_t got;
	do
		got = read(server->socket, &status, sizeof(status));
	while (got < 0 && errno == EINTR);
	if (got != sizeof(status))
		return EPIPE;
	*ret_status = status;
	return 0;
}

int stop_server_hold(const struct stop_server *server, const struct holding *holding)
{
	struct message message = {
		.kind = HOLD,
		.tid = holding->tid,
		.only_running = holding->only_running,
		.most = holding->most,
	};
	int descriptors[] = {holding->answers, holding->release};
	return send_message(server->socket, &message, descriptors, 2);
}
