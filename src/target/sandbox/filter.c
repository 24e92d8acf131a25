/* SPDX-License-Identifier: MIT */
#include "target/sandbox/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "target/process/pages.h"
#include "target/process/procmap_query.h"
#include "target/stop/pause.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#error "which system calls are these?"
#endif

/* From 424 on a call has the same number everywhere. This one, process_mrelease(2) of
 * Linux 5.15, is the last that was looked at: what is newer does not exist. */
enum { NEWEST_CALL = 448 };

/* Of an argument, 64 bits: those of the mask are these. Or: it is at most this. */
struct condition {
	uint8_t argument;
	bool at_most; /* of 32 bits */
	uint64_t mask, value;
};

/* A call with up to two conditions, all of which must hold. */
struct rule {
	int call;
	unsigned count;
	struct condition conditions[2];
};

/* ---- conditions -------------------------------------------------------------- */

#define HAS(argument, mask, bits) {argument, false, (uint64_t)(mask), (uint64_t)(bits)}
#define HAS_NONE(argument, mask) HAS(argument, (uint32_t)(mask), 0)
#define IS(argument, value) HAS(argument, UINT64_MAX, value)
/* What the kernel takes as an int has no say in what is above it. */
#define IS_INT(argument, value) HAS(argument, UINT32_MAX, (uint32_t)(value))
#define AT_MOST(argument, value) {argument, true, 0, (uint64_t)(value)}

#define ANY(call) {SYS_##call, 0, {{0}}}
#define IF(call, condition) {SYS_##call, 1, {condition}}
#define IF_BOTH(call, first, second) {SYS_##call, 2, {first, second}}

/* __O_TMPFILE contains O_DIRECTORY, which is no harm: the bit of its own. */
enum { TMPFILE_BIT = O_TMPFILE & ~O_DIRECTORY };

enum {
	WRITING = O_ACCMODE | O_CREAT | O_TRUNC | TMPFILE_BIT,
	/* With both of them what exists is never opened. */
	NEW_FILE = O_CREAT | O_EXCL,
	THREAD = CLONE_VM | CLONE_THREAD,
	/* What a fork() does not have. */
	NO_FORK = CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_PTRACE | CLONE_PARENT | CLONE_THREAD |
		  CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
		  CLONE_NEWPID | CLONE_NEWNET,
};

/* ---- what is allowed --------------------------------------------------------- */

/* Memory without code, threads, time, files that are read. */
static const struct rule common[] = {
	ANY(brk), ANY(madvise), ANY(mremap), ANY(munmap),
	IF(mmap, HAS_NONE(2, PROT_EXEC)), IF(mprotect, HAS_NONE(2, PROT_EXEC)),

	IF(clone, HAS(0, THREAD, THREAD)), ANY(exit), ANY(exit_group), ANY(futex),
	ANY(get_robust_list), ANY(membarrier), ANY(rseq), ANY(sched_getaffinity),
	ANY(sched_yield), ANY(set_robust_list), ANY(set_tid_address),

	ANY(rt_sigaction), ANY(rt_sigpending), ANY(rt_sigprocmask), ANY(rt_sigreturn),
	ANY(rt_sigsuspend), ANY(rt_sigtimedwait), ANY(sigaltstack),

	ANY(clock_getres), ANY(clock_gettime), ANY(clock_nanosleep), ANY(gettimeofday),
	ANY(nanosleep), ANY(restart_syscall), ANY(time),

	ANY(getcpu), ANY(getegid), ANY(geteuid), ANY(getgid), ANY(getgroups),
	ANY(getpgid), ANY(getpgrp), ANY(getpid), ANY(getppid), ANY(getrandom),
	ANY(getresgid), ANY(getresuid), ANY(getrlimit), ANY(getrusage), ANY(getsid),
	ANY(gettid), ANY(getuid), ANY(sysinfo), ANY(times), ANY(uname),
	IF_BOTH(prlimit64, IS(0, 0), IS(2, 0)), IF(prctl, IS_INT(0, PR_SET_NAME)),

	IF(open, HAS_NONE(1, WRITING)), IF(openat, HAS_NONE(2, WRITING)),
	ANY(access), ANY(close), ANY(faccessat), ANY(faccessat2), ANY(fadvise64),
	ANY(fstat), ANY(fstatfs), ANY(getcwd), ANY(getdents64), ANY(lseek),
	ANY(lstat), ANY(newfstatat), ANY(pread64), ANY(preadv), ANY(read),
	ANY(readlink), ANY(readlinkat), ANY(readv), ANY(stat), ANY(statfs), ANY(statx),
	IF(fcntl, IS_INT(1, F_GETFD)), IF(fcntl, IS_INT(1, F_SETFD)), IF(fcntl, IS_INT(1, F_GETFL)),
	IF(fcntl, IS_INT(1, F_DUPFD_CLOEXEC)),

	ANY(process_vm_readv),
	IF(ioctl, IS_INT(1, PAGES_SCAN_REQUEST)), IF(ioctl, IS_INT(1, PROCMAP_QUERY_REQUEST)),
};

static const struct rule reader[] = {
	ANY(dup), ANY(fdatasync), ANY(fsync), ANY(ftruncate), ANY(pwrite64), ANY(write),
	ANY(writev),
	/* O_NONBLOCK and O_APPEND: what a descriptor is open for stays. */
	IF(fcntl, IS_INT(1, F_SETFL)),

	ANY(epoll_create1), ANY(epoll_ctl), ANY(epoll_pwait), ANY(epoll_wait),
	ANY(eventfd2), ANY(pipe2), ANY(poll), ANY(ppoll), ANY(pselect6), ANY(select),
	ANY(signalfd4), ANY(timerfd_create), ANY(timerfd_settime),
	IF(ioctl, IS_INT(1, FIONREAD)), IF(ioctl, IS_INT(1, TCGETS)), IF(ioctl, IS_INT(1, TIOCGWINSZ)),

	/* With our own small processes: the one that stops, which is given memory, and the one
	 * that gives the output its name. There is no way to another socket. */
	ANY(memfd_create), ANY(pidfd_open), ANY(recvfrom), ANY(sendmsg), ANY(sendto),
	ANY(wait4), ANY(waitid),

	/* To nobody: is there somebody? */
	IF(kill, IS(1, 0)),
};

static const struct rule creates[] = {
	IF(openat, HAS(2, NEW_FILE | O_TRUNC, NEW_FILE)),
	IF(openat, HAS(2, TMPFILE_BIT | O_CREAT | O_TRUNC, TMPFILE_BIT)),
	ANY(linkat), ANY(renameat), ANY(renameat2), ANY(unlinkat), IF(fchmod, HAS_NONE(1, ~0777u)),
};

/* PERF_EVENT_IOC_*: linux/perf_event.h, which is for those who watch. */
#define PERF_IOCTL(number) IF(ioctl, IS_INT(1, _IO('$', number)))

static const struct rule watches[] = {
	/* Of one process, never of all, which is -1. */
	IF(perf_event_open, AT_MOST(1, INT32_MAX)),
	PERF_IOCTL(0), PERF_IOCTL(1), PERF_IOCTL(5), /* ENABLE, DISABLE, SET_OUTPUT */
};

static const struct rule screen[] = {
	IF(ioctl, IS_INT(1, TCSETS)), IF(ioctl, IS_INT(1, TCSETSW)), IF(ioctl, IS_INT(1, TCSETSF)),
	IF(ioctl, IS_INT(1, TCFLSH)), IF(ioctl, IS_INT(1, TIOCGPGRP)),
};

static const struct rule tracer[] = {
	IF_BOTH(ptrace, IS(0, PAUSE_SEIZE), IS(3, 0)),
	IF(ptrace, IS(0, PAUSE_INTERRUPT)),
	IF(ptrace, IS(0, PAUSE_GETREGSET)),
	IF_BOTH(ptrace, IS(0, PAUSE_DETACH), AT_MOST(3, 64)),
	ANY(wait4), ANY(waitid),
	ANY(timer_create), ANY(timer_delete), ANY(timer_settime),
	IF_BOTH(setpriority, IS(0, PRIO_PROCESS), IS(1, 0)),
	IF(prctl, IS_INT(0, PR_SET_PDEATHSIG)), IF(prctl, IS_INT(0, PR_SET_TIMERSLACK)),

	/* The one that starts others is told to, and tells. */
	IF(clone, HAS_NONE(0, NO_FORK)),
	ANY(recvmsg), ANY(write),
};

/* A fallback is at hand, which is as good. */
static const int absent[] = {SYS_clone3, SYS_close_range, SYS_openat2};

/* What sanitizers do at the end, and to tell of what they found. */
static const struct rule sanitizers[] = {
	ANY(clone), ANY(kill), ANY(prctl), ANY(ptrace), ANY(tgkill), ANY(write),
	ANY(process_vm_readv), ANY(dup2), ANY(wait4), ANY(pipe), ANY(getdents),
};

#ifdef __SANITIZE_ADDRESS__
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif

/* ---- putting it together -------------------------------------------------------

 * No library does it: libseccomp 2.5 ends the process that it is in where memory runs
 * out, or leaves rules out and does not tell. This needs none. */

struct program {
	size_t length;
	struct sock_filter code[BPF_MAXINSNS];
};

enum { ALLOW = SECCOMP_RET_ALLOW, REFUSE = SECCOMP_RET_ERRNO };

static void emit(struct program *program, uint16_t code, uint32_t value, uint8_t if_true,
		 uint8_t if_false)
{
	if (program->length < BPF_MAXINSNS)
		program->code[program->length] =
			(struct sock_filter)BPF_JUMP(code, value, if_true, if_false);
	program->length++;
}

static void load_word(struct program *program, size_t offset)
{
	emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void answer(struct program *program, uint32_t what)
{
	emit(program, BPF_RET | BPF_K, what, 0, 0);
}

/* Half of an argument. Jumps that have to go to the next rule are completed there. */
static void test_half(struct program *program, const struct condition *condition, bool high)
{
	unsigned shift = high ? 32 : 0;
	uint32_t mask = (uint32_t)(condition->mask >> shift);
	uint32_t value = (uint32_t)(condition->value >> shift);
	if (!condition->at_most && !mask)
		return;
	/* The low half comes first: of little endian. */
	load_word(program, offsetof(struct seccomp_data, args) + 8 * condition->argument +
				   (high ? 4 : 0));
	if (condition->at_most && !high) {
		emit(program, BPF_JMP | BPF_JGT | BPF_K, value, UINT8_MAX, 0);
		return;
	}
	if (!condition->at_most && mask != UINT32_MAX)
		emit(program, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, value, 0, UINT8_MAX);
}

static void complete_jumps(struct program *program, size_t from)
{
	for (size_t i = from; i < program->length && i < BPF_MAXINSNS; i++) {
		struct sock_filter *one = &program->code[i];
		uint8_t distance = (uint8_t)(program->length - i - 1);
		if (one->jt == UINT8_MAX)
			one->jt = distance;
		if (one->jf == UINT8_MAX)
			one->jf = distance;
	}
}

/* Begins with the number of the call, or of the one before, at hand. */
static void add_rule(struct program *program, const struct rule *rule)
{
	size_t from = program->length;
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)rule->call, 0, UINT8_MAX);
	for (unsigned i = 0; i < rule->count; i++) {
		test_half(program, &rule->conditions[i], false);
		test_half(program, &rule->conditions[i], true);
	}
	answer(program, ALLOW);
	complete_jumps(program, from);
	if (rule->count)
		load_word(program, offsetof(struct seccomp_data, nr));
}

static void add(struct program *program, const struct rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_rule(program, &rules[i]);
}

#define ADD(program, rules) add(program, rules, sizeof(rules) / sizeof(*(rules)))

static void begin(struct program *program)
{
	load_word(program, offsetof(struct seccomp_data, arch));
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
	answer(program, REFUSE | EPERM); /* 32-bit calls */
	load_word(program, offsetof(struct seccomp_data, nr));
	emit(program, BPF_JMP | BPF_JGT | BPF_K, NEWEST_CALL, 0, 1);
	answer(program, REFUSE | ENOSYS);
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++) {
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)absent[i], 0, 1);
		answer(program, REFUSE | ENOSYS);
	}
}

/* raise(), abort(); and a child of ours, if there is one. */
static void add_signals(struct program *program, pid_t child)
{
	const struct rule rules[] = {
		IF(kill, IS_INT(0, getpid())),
		IF(tgkill, IS_INT(0, getpid())),
		IF(kill, IS_INT(0, child)),
	};
	add(program, rules, child ? 3 : 2);
}

static void add_reader(struct program *program, const struct filter_allowances *allowances)
{
	ADD(program, reader);
	add_signals(program, allowances->child);
	if (allowances->creates)
		ADD(program, creates);
	if (allowances->watches)
		ADD(program, watches);
	if (allowances->screen)
		ADD(program, screen);
}

static int load(const struct program *program)
{
	struct sock_fprog filter = {
		.len = (unsigned short)program->length,
		.filter = (struct sock_filter *)program->code,
	};
	if (program->length > BPF_MAXINSNS)
		return E2BIG;
	/* What runs with it can never gain rights by an execve(): else the kernel would let
	 * only root have a filter. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return errno;
	long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
			      &filter);
	return result < 0 ? errno : result > 0 ? EBUSY : 0;
}

int filter_install(enum filter_kind kind, const struct filter_allowances *allowances)
{
	static const struct filter_allowances none;
	struct program program = {.length = 0};
	begin(&program);
	/* What is asked for most comes first. */
	ADD(&program, common);
	/* The tracer starts others, who have another PID. */
	if (kind == FILTER_TRACER)
		ADD(&program, tracer);
	else
		add_reader(&program, allowances ?: &none);
	if (is_sanitized)
		ADD(&program, sanitizers);
	answer(&program, REFUSE | EPERM);
	return load(&program);
}
