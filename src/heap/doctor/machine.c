/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/io.h"
#include "heap/doctor/diagnose.h"
#include "target/process/permission.h"

static void check_kernel(struct heapspy_diagnosis *diagnosis)
{
	struct utsname name;
	if (uname(&name) == 0)
		diagnosis_add(diagnosis, "kernel", true, "%s %s, %s", name.sysname, name.release,
			      name.machine);
}

/* The hidepid option of the /proc we see: proc(5). */
static bool hides_processes(void)
{
	CLEANUP(freep) char *mounts = io_read_file(AT_FDCWD, "/proc/self/mounts", 1 << 24, NULL);
	for (char *line = mounts, *next; line && *line; line = next) {
		next = strchrnul(line, '\n');
		if (*next)
			*next++ = '\0';
		char *option = strstr(line, "hidepid=");
		if (strncmp(line, "proc /proc proc ", 16) == 0 && option)
			return strncmp(option, "hidepid=0", 9) != 0 && strncmp(option, "hidepid=off", 11) != 0;
	}
	return false;
}

static void check_proc(struct heapspy_diagnosis *diagnosis)
{
	if (access("/proc/self/maps", R_OK) < 0) {
		diagnosis_add(diagnosis, "proc", false, "/proc is not mounted");
		if (!diagnosis->error) {
			diagnosis->error = error_new(HEAPSPY_PERMISSION, "cannot read any process");
			error_why(diagnosis->error, "/proc is not mounted");
			error_remedy(diagnosis->error, "sudo mount -t proc proc /proc");
		}
		return;
	}
	diagnosis_add(diagnosis, "proc", true, "%s",
		      hides_processes() ? "mounted with hidepid: other users' processes are not seen"
					: "mounted");
}

static void check_reading(struct heapspy_diagnosis *diagnosis)
{
	char from = 1, to = 0;
	struct iovec local = {&to, 1}, remote = {&from, 1};
	if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1)
		diagnosis_add(diagnosis, "reading", true, "process_vm_readv works");
	else
		diagnosis_add(diagnosis, "reading", true,
			      "process_vm_readv is refused (%s): /proc/PID/mem is read, at half the speed",
			      strerrordesc_np(errno) ?: "?");
}

static void check_pagemap(struct heapspy_diagnosis *diagnosis)
{
	char touched = 1;
	uint64_t entry = 0;
	CLEANUP(closep) int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	off_t offset = (off_t)((uintptr_t)&touched / (uintptr_t)sysconf(_SC_PAGESIZE) * sizeof(entry));
	bool works = fd >= 0 && io_pread_all(fd, &entry, sizeof(entry), offset) == sizeof(entry) &&
		     entry >> 63;
	diagnosis_add(diagnosis, "pagemap", works, "%s",
		      works ? "tells which pages are in memory"
			    : "not to be had: reading can bring pages of the target into memory");
}

static void check_rights(struct heapspy_diagnosis *diagnosis, bool target_readable)
{
	CLEANUP(closep) int proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct permission_facts facts;
	permission_learn(getpid(), proc, 0, &facts);
	bool may_trace = permission_may_trace(&facts);

	if (facts.yama < 0)
		diagnosis_add(diagnosis, "yama", true, "not in this kernel");
	else
		diagnosis_add(diagnosis, "yama",
			      target_readable || facts.yama == 0 || (facts.yama < 3 && may_trace),
			      "ptrace_scope is %d: %s", facts.yama, permission_yama_meaning(facts.yama));
	diagnosis_add(diagnosis, "rights", true, "%s%s", facts.our_uid == 0 ? "root" : "not root",
		      !may_trace ? ", without CAP_SYS_PTRACE: processes of this user can be read"
		      : facts.initial_namespace
			      ? ", with CAP_SYS_PTRACE: processes of all users can be read"
			      : ", with CAP_SYS_PTRACE in a user namespace: processes in it can be read");
	/* Without a target this is the most that can be said; with one, the refusal it
	 * met tells more. */
	if (!diagnosis->error && !target_readable && facts.yama > 0 && (facts.yama >= 3 || !may_trace))
		diagnosis->error = permission_yama_error(&facts);
}

void diagnose_machine(struct heapspy_diagnosis *diagnosis, bool target_readable)
{
	check_kernel(diagnosis);
	check_proc(diagnosis);
	check_reading(diagnosis);
	check_pagemap(diagnosis);
	check_rights(diagnosis, target_readable);
}
