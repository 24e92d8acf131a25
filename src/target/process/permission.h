/* SPDX-License-Identifier: MIT */
/* Why a process may not be read: the one cause, and the command that helps. */
#ifndef TARGET_PERMISSION_H
#define TARGET_PERMISSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <heapspy/error.h>

/* What the kernel's decision hangs on: __ptrace_may_access() in kernel/ptrace.c,
 * security/yama, and the mode of the files in /proc/PID. */
struct permission_facts {
	pid_t pid;              /* the target */
	int errnum;             /* what opening its mem file gave */
	uid_t our_uid;          /* effective */
	uint64_t our_caps;      /* effective */
	int our_seccomp;        /* mode, 0: no filter */
	bool initial_namespace; /* our user namespace is the machine's own */
	bool in_container;
	uid_t uids[3];          /* of the target: real, effective, saved */
	uint64_t caps;          /* permitted */
	bool dumpable;
	int yama;               /* ptrace_scope, -1 where there is no Yama */
	bool descendant;        /* of ours: what Yama 1 lets pass */
};

enum permission_cause {
	PERMISSION_FINE, /* nothing we know of stands against it */
	PERMISSION_FILE_MODE, /* we may trace it, but not open a file of mode 0600 */
	PERMISSION_NAMESPACE, /* our root is that of a user namespace the target is not in */
	PERMISSION_UID,
	PERMISSION_ROOT_WITHOUT_CAPABILITY,
	PERMISSION_CAPABILITIES, /* it has some that we lack */
	PERMISSION_DUMPABLE,
	PERMISSION_YAMA,
	PERMISSION_SECCOMP, /* a filter on us */
	PERMISSION_MODULE, /* SELinux, AppArmor or the like, for want of another cause */
};

enum permission_cause permission_cause_of(const struct permission_facts *facts);

/* The error for a process whose memory could not be opened. `proc`: its
 * /proc/PID directory. */
struct heapspy_error *permission_error(pid_t pid, int proc, int errnum);

/* As above from facts. */
struct heapspy_error *permission_explain(const struct permission_facts *facts);

/* For one that exists, but that /proc does not show. */
struct heapspy_error *permission_hidden_error(pid_t pid);

/* One short phrase for a list ("of another user"), static text; NULL: none. */
const char *permission_phrase(enum permission_cause cause);

/* Adds our own command line to the remedy, the argument `pid` replaced. Returns
 * its argument. */
struct heapspy_error *permission_rerun(struct heapspy_error *error, pid_t pid, pid_t replacement);

/* Do our capabilities let us trace other users' processes? */
bool permission_may_trace(const struct permission_facts *facts);

/* What a ptrace_scope means, static text; and the error for one that stands in the
 * way of reading anything. */
const char *permission_yama_meaning(int scope);
struct heapspy_error *permission_yama_error(const struct permission_facts *facts);

void permission_learn(pid_t pid, int proc, int errnum, struct permission_facts *ret_facts);

#endif
