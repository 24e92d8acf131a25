/* SPDX-License-Identifier: MIT */
#include "target/sandbox/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* ---- capabilities -------------------------------------------------------------- */

/* Numbers of capability.h, for headers older than the kernel. */
enum {
	PERFMON = 38,            /* Linux 5.8 */
	CHECKPOINT_RESTORE = 40, /* Linux 5.9: /proc/PID/map_files */
};

#define BIT(capability) (UINT64_C(1) << (capability))

/* CAP_FOWNER is for O_NOATIME: reading leaves no trace. */
static const uint64_t for_files = BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER);
static const uint64_t for_processes = BIT(CAP_SYS_PTRACE) | BIT(CHECKPOINT_RESTORE);
static const uint64_t for_watching = BIT(PERFMON) | BIT(CAP_IPC_LOCK);
static const uint64_t for_tracing = BIT(CAP_SYS_NICE);

static uint64_t needed(enum privileges kept)
{
	switch (kept) {
	case PRIVILEGES_TRACER:
		return for_files | for_processes | for_tracing;
	case PRIVILEGES_WATCHER:
		return for_files | for_processes | for_watching;
	case PRIVILEGES_PROCESSES:
		return for_files | for_processes;
	case PRIVILEGES_FILES:
		break;
	}
	return for_files;
}

int privileges_reduce(enum privileges kept)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2];
	uint64_t keep = needed(kept);
	if (syscall(SYS_capget, &header, sets) < 0)
		return errno;
	for (unsigned i = 0; i < 2; i++) {
		sets[i].effective &= (uint32_t)(keep >> 32 * i);
		sets[i].permitted &= (uint32_t)(keep >> 32 * i);
		sets[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, sets) < 0 ? errno : 0;
}

/* ---- Landlock ------------------------------------------------------------------ */

/* landlock.h and the numbers of its calls, for headers older than the kernel. What each
 * version of it can forbid: bits of struct landlock_ruleset_attr. */
enum { CREATE_RULESET = 444, RESTRICT_SELF = 446, VERSION = 1 << 0 };

struct ruleset {
	uint64_t files, network, scopes;
};

static const struct {
	int version;
	struct ruleset forbidden;
} added[] = {
	/* EXECUTE, WRITE_FILE, REMOVE_DIR, REMOVE_FILE, MAKE_*; not READ_FILE, READ_DIR. */
	{1, {.files = 0x1fff & ~0xcu}},
	{2, {.files = 1u << 13}}, /* REFER */
	{3, {.files = 1u << 14}}, /* TRUNCATE */
	{4, {.network = 3}},      /* BIND_TCP, CONNECT_TCP */
	{5, {.files = 1u << 15}}, /* IOCTL_DEV: of devices opened from now on */
	{6, {.scopes = 3}},       /* ABSTRACT_UNIX_SOCKET, SIGNAL */
};

bool privileges_fence(void)
{
	long version = syscall(CREATE_RULESET, NULL, 0, VERSION);
	struct ruleset ruleset = {0};
	for (size_t i = 0; i < sizeof(added) / sizeof(*added) && added[i].version <= version; i++) {
		ruleset.files |= added[i].forbidden.files;
		ruleset.network |= added[i].forbidden.network;
		ruleset.scopes |= added[i].forbidden.scopes;
	}
	if (version < 1)
		return false;
	size_t size = version < 4   ? offsetof(struct ruleset, network)
		      : version < 6 ? offsetof(struct ruleset, scopes)
				    : sizeof(ruleset);
	CLEANUP(closep) int fd = (int)syscall(CREATE_RULESET, &ruleset, size, 0);
	return fd >= 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       syscall(RESTRICT_SELF, fd, 0) == 0;
}

/* ---- memory -------------------------------------------------------------------- */

void privileges_hide_memory(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	/* LeakSanitizer looks at us from another process. */
#ifndef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
