/* SPDX-License-Identifier: MIT */
/*
 * A small process that starts the tracer of each stop (stop_tracer.c) and of each hold
 * (hold.c), for one that may no longer start any nor trace itself: it is started before
 * that process locks itself in, and knows the one target that was open then.
 *
 * What it is sent is a message for each: for a stop the memory for the copy, as a file,
 * in which the rest of the request lies; for a hold the ends of the pipes by which its
 * tracer is spoken with. One is done after the other.
 */
#ifndef TARGET_STOP_SERVER_H
#define TARGET_STOP_SERVER_H

#include <sys/types.h>

#include <heapspy/error.h>

struct holding;
struct process_target;

struct stop_server {
	pid_t pid;  /* 0: there is none */
	int socket;
};

/* For this target, which must outlive it. */
struct heapspy_error *stop_server_start(struct process_target *process,
					struct stop_server *ret_server);

/* Ends it. */
void stop_server_end(struct stop_server *server);

/* Have a job done whose memory is `memory`; blocks until the tracer ended:
 * *ret_status is of waitpid(). 0 or an errno: EPIPE where the server is no more. */
int stop_server_run(const struct stop_server *server, int memory, int *ret_status);

/* Have the tracer of a hold started. It is not to be reaped. 0 or an errno. */
int stop_server_hold(const struct stop_server *server, const struct holding *holding);

#endif
