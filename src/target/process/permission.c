/* SPDX-License-Identifier: MIT */
#include "target/process/permission.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/io.h"
#include "base/shell.h"
#include "base/text.h"
#include "target/process/capability.h"
#include "target/process/own_command.h"
#include "target/process/proc.h"

/* Bits of capabilities(7). */
static const uint64_t DAC_OVERRIDE = 1 << 1, DAC_READ_SEARCH = 1 << 2, SYS_PTRACE = 1 << 19;

enum {
	MOST_TEXT = 1 << 16,
	MOST_ANCESTORS = 1000,
};

/* ---- facts ------------------------------------------------------------- */

static int read_yama(void)
{
	CLEANUP(freep) char *text =
		io_read_file(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", MOST_TEXT, NULL);
	return text ? atoi(text) : -1;
}

/* The first user namespace maps every id to itself; no other can. */
static bool in_initial_namespace(void)
{
	CLEANUP(freep) char *text = io_read_file(AT_FDCWD, "/proc/self/uid_map", MOST_TEXT, NULL);
	unsigned inside, outside, count;
	return !text || (sscanf(text, "%u %u %u", &inside, &outside, &count) == 3 && inside == 0 &&
			 outside == 0 && count == UINT32_MAX);
}

static const char *container_tool(void)
{
	if (access("/.dockerenv", F_OK) == 0)
		return "docker";
	return access("/run/.containerenv", F_OK) == 0 ? "podman" : NULL;
}

static bool is_descendant(pid_t pid)
{
	for (int i = 0; pid > 1 && i < MOST_ANCESTORS; i++) {
		char name[32];
		struct proc_stat stat;
		snprintf(name, sizeof(name), "/proc/%d/stat", pid);
		if (!proc_read_stat(AT_FDCWD, name, &stat))
			return false;
		if (stat.ppid == getpid())
			return true;
		pid = stat.ppid;
	}
	return false;
}

void permission_learn(pid_t pid, int proc, int errnum, struct permission_facts *ret_facts)
{
	struct permission_facts facts = {
		.pid = pid,
		.errnum = errnum,
		.our_uid = geteuid(),
		.initial_namespace = in_initial_namespace(),
		.in_container = container_tool() != NULL,
		.yama = read_yama(),
		.dumpable = true,
	};
	facts.descendant = facts.yama == 1 && is_descendant(pid);

	struct proc_status ours, target;
	if (proc_read_status(AT_FDCWD, "/proc/self/status", &ours)) {
		facts.our_caps = ours.cap_effective;
		facts.our_seccomp = ours.seccomp;
	}
	if (proc_read_status(proc, "status", &target)) {
		memcpy(facts.uids, target.uid, sizeof(facts.uids));
		facts.caps = target.cap_permitted;
		/* The kernel gives the files of one that is not dumpable to root, but not
		 * its directory: task_dump_owner() in fs/proc/base.c. */
		struct stat stat;
		facts.dumpable = fstatat(proc, "mem", &stat, 0) < 0 || stat.st_uid == target.uid[1];
	}
	*ret_facts = facts;
}

/* ---- cause ------------------------------------------------------------- */

enum permission_cause permission_cause_of(const struct permission_facts *facts)
{
	if (facts->errnum == 0)
		return PERMISSION_FINE;
	if (facts->yama >= 3)
		return PERMISSION_YAMA;

	bool same_uid = true;
	for (int i = 0; i < 3; i++)
		same_uid &= facts->uids[i] == facts->our_uid;
	if (!(facts->our_caps & SYS_PTRACE)) {
		if (!same_uid)
			return facts->our_uid == 0 ? PERMISSION_ROOT_WITHOUT_CAPABILITY : PERMISSION_UID;
		if (!facts->dumpable)
			return PERMISSION_DUMPABLE;
		if (facts->caps & ~facts->our_caps)
			return PERMISSION_CAPABILITIES;
		if (facts->yama == 2 || (facts->yama == 1 && !facts->descendant))
			return PERMISSION_YAMA;
	} else if (!facts->initial_namespace) {
		return PERMISSION_NAMESPACE;
	} else if (facts->errnum == EACCES && !(facts->our_caps & (DAC_OVERRIDE | DAC_READ_SEARCH)) &&
		   (!same_uid || !facts->dumpable)) {
		return PERMISSION_FILE_MODE;
	}
	return facts->our_seccomp > 0 ? PERMISSION_SECCOMP : PERMISSION_MODULE;
}

bool permission_may_trace(const struct permission_facts *facts)
{
	return facts->our_caps & SYS_PTRACE;
}

const char *permission_yama_meaning(int scope)
{
	static const char *const meanings[] = {
		"processes of the same user may be read",
		"only a process's own children may be read",
		"only root may read other processes",
		"no process may be read until the machine starts anew",
	};
	return meanings[scope < 0 ? 0 : scope < 3 ? scope : 3];
}

/* ---- remedy ------------------------------------------------------------ */

static struct heapspy_error *rerun(struct heapspy_error *error, const char *prefix, pid_t pid,
				   pid_t replacement)
{
	CLEANUP(freep) char *command = own_command(pid, replacement);
	CLEANUP(freep) char *clean = command ? text_from_bytes(command, strlen(command)) : NULL;
	return clean ? error_remedy(error, "%s%s", prefix, clean) : error;
}

struct heapspy_error *permission_rerun(struct heapspy_error *error, pid_t pid, pid_t replacement)
{
	return rerun(error, "", pid, replacement);
}

/* From outside of the container, where its tool can give what is lacking here. */
static struct heapspy_error *rerun_in_container(struct heapspy_error *error, pid_t pid)
{
	char host[256] = "", prefix[300];
	const char *tool = container_tool();
	if (!tool || gethostname(host, sizeof(host) - 1) < 0)
		return error;
	CLEANUP(freep) char *name = shell_quote(host);
	if (!name)
		return error;
	snprintf(prefix, sizeof(prefix), "%s exec --privileged %s ", tool, name);
	return rerun(error, prefix, pid, pid);
}

static struct heapspy_error *rerun_with_rights(struct heapspy_error *error,
					       const struct permission_facts *facts)
{
	return facts->our_uid ? rerun(error, "sudo ", facts->pid, facts->pid)
			      : rerun_in_container(error, facts->pid);
}

/* ---- error ------------------------------------------------------------- */

/* Name of a user, from the file alone: getpwuid() may load and ask anything. */
static bool user_name(uid_t uid, char *buffer, size_t size)
{
	FILE *file = fopen("/etc/passwd", "re");
	if (!file)
		return false;
	struct passwd entry, *found = NULL;
	char text[4096];
	bool known = false;
	while (!known && fgetpwent_r(file, &entry, text, sizeof(text), &found) == 0) {
		known = found->pw_uid == uid;
		if (known)
			snprintf(buffer, size, "%s", found->pw_name);
	}
	fclose(file);
	return known;
}

static void explain_uid(struct heapspy_error *error, const struct permission_facts *facts)
{
	uid_t owner = facts->uids[1];
	if (owner == facts->our_uid)
		owner = facts->uids[0] != facts->our_uid ? facts->uids[0] : facts->uids[2];
	char name[64];
	if (!user_name(owner, name, sizeof(name))) {
		error_why(error, "it belongs to another user (uid %u)", owner);
		return;
	}
	CLEANUP(freep) char *clean = text_from_bytes(name, strlen(name));
	error_why(error, "it belongs to user %s (uid %u)", clean ?: "?", owner);
}

static void explain_root(struct heapspy_error *error, const struct permission_facts *facts)
{
	error_why(error, "this process is root without CAP_SYS_PTRACE%s",
		  facts->in_container ? ", as containers are by default" : "");
}

static void explain_capabilities(struct heapspy_error *error, const struct permission_facts *facts)
{
	char names[200];
	capability_names(facts->caps & ~facts->our_caps, names, sizeof(names));
	error_why(error, "it has capabilities that this process lacks: %s", names);
}

static void explain_dumpable(struct heapspy_error *error, const struct permission_facts *facts)
{
	(void)facts;
	error_why(error, "it is not dumpable: it changed its user, or asked for that with "
			 "prctl(PR_SET_DUMPABLE, 0)");
}

static void explain_file_mode(struct heapspy_error *error, const struct permission_facts *facts)
{
	(void)facts;
	error_why(error, "CAP_SYS_PTRACE alone does not open its files, "
			 "CAP_DAC_READ_SEARCH is needed with it");
	CLEANUP(freep) char *path = io_read_link(AT_FDCWD, "/proc/self/exe");
	CLEANUP(freep) char *word = path ? shell_quote(path) : NULL;
	if (word)
		error_remedy(error, "sudo setcap cap_sys_ptrace,cap_dac_read_search+ep %s", word);
}

static void explain_namespace(struct heapspy_error *error, const struct permission_facts *facts)
{
	(void)facts;
	error_why(error, "the capabilities of this process end at its user namespace, "
			 "and the target is outside of it");
}

static void explain_seccomp(struct heapspy_error *error, const struct permission_facts *facts)
{
	(void)facts;
	error_why(error, "a seccomp filter on this process forbids it");
}

static void explain_module(struct heapspy_error *error, const struct permission_facts *facts)
{
	(void)facts;
	CLEANUP(freep) char *text = io_read_file(AT_FDCWD, "/sys/kernel/security/lsm", MOST_TEXT, NULL);
	CLEANUP(freep) char *clean = text ? text_from_bytes(text, strcspn(text, "\n")) : NULL;
	if (clean && *clean)
		error_why(error, "a security module forbids it, one of: %s", clean);
	else
		error_why(error, "the kernel or a security module forbids it");
	error_remedy(error, "sudo dmesg | grep -iE 'apparmor|avc|denied'");
}

static void explain_yama(struct heapspy_error *error, const struct permission_facts *facts)
{
	error_why(error, "kernel.yama.ptrace_scope is %d: %s", facts->yama,
		  permission_yama_meaning(facts->yama));
	if (facts->yama >= 3) {
		error_remedy(error, "echo kernel.yama.ptrace_scope=1 | "
				    "sudo tee /etc/sysctl.d/99-ptrace.conf");
		error_remedy(error, "sudo reboot");
		return;
	}
	rerun_with_rights(error, facts);
	error_remedy(error, "sudo sysctl kernel.yama.ptrace_scope=0");
}

static const struct {
	const char *phrase;
	void (*explain)(struct heapspy_error *error, const struct permission_facts *facts);
	bool more_rights_help;
} causes[] = {
	[PERMISSION_FINE] = {NULL, NULL, false},
	[PERMISSION_FILE_MODE] = {"needs CAP_DAC_READ_SEARCH too", explain_file_mode, false},
	[PERMISSION_NAMESPACE] = {"outside our user namespace", explain_namespace, false},
	[PERMISSION_UID] = {"of another user", explain_uid, true},
	[PERMISSION_ROOT_WITHOUT_CAPABILITY] = {"needs CAP_SYS_PTRACE", explain_root, true},
	[PERMISSION_CAPABILITIES] = {"has capabilities we lack", explain_capabilities, true},
	[PERMISSION_DUMPABLE] = {"not dumpable", explain_dumpable, true},
	[PERMISSION_YAMA] = {"forbidden by Yama", explain_yama, false},
	[PERMISSION_SECCOMP] = {"forbidden by seccomp", explain_seccomp, false},
	[PERMISSION_MODULE] = {"forbidden by a security module", explain_module, false},
};

const char *permission_phrase(enum permission_cause cause)
{
	return causes[cause].phrase;
}

struct heapspy_error *permission_explain(const struct permission_facts *facts)
{
	struct heapspy_error *error =
		error_errno(HEAPSPY_PERMISSION, facts->errnum, "cannot read process %d", facts->pid);
	enum permission_cause cause = permission_cause_of(facts);
	if (causes[cause].explain)
		causes[cause].explain(error, facts);
	return causes[cause].more_rights_help ? rerun_with_rights(error, facts) : error;
}

struct heapspy_error *permission_yama_error(const struct permission_facts *facts)
{
	struct heapspy_error *error = error_new(HEAPSPY_PERMISSION, "cannot read any process");
	explain_yama(error, facts);
	return error;
}

struct heapspy_error *permission_error(pid_t pid, int proc, int errnum)
{
	struct permission_facts facts;
	permission_learn(pid, proc, errnum, &facts);
	return permission_explain(&facts);
}

struct heapspy_error *permission_hidden_error(pid_t pid)
{
	struct heapspy_error *error = error_new(HEAPSPY_PERMISSION, "cannot read process %d", pid);
	error_why(error, "it exists, but /proc does not show it: another user's, and /proc is "
			 "mounted with hidepid");
	return geteuid() ? rerun(error, "sudo ", pid, pid) : error;
}
