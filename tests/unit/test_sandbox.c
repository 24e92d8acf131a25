/* SPDX-License-Identifier: MIT */
/* From inside the sandbox, and from inside the tracer, each forbidden act is tried on a
 * process that would feel it; what is needed for reading is tried too. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <heapspy/sandbox.h>

#include "child.h"
#include "target/sandbox/filter.h"
#include "target/sandbox/privileges.h"
#include "target/stop/pause.h"

enum { PAGE = 4096 };

#ifdef __SANITIZE_ADDRESS__
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif

/* ---- the victim -------------------------------------------------------------- */

static struct {
	uint64_t word;
	int signals;
} told;

static struct child victim;
static uint64_t *word; /* in its memory, and as it was in ours when it was started */
static char place[64]; /* a directory with a file in it */
static int opened, ours; /* the victim's memory for reading; a file of ours for writing */

static void note(int number)
{
	(void)number;
	told.signals++;
}

static void suffer(void *unused)
{
	(void)unused;
	for (int number = 1; number < NSIG; number++)
		signal(number, note);
	child_say("", 1);
	for (;;) {
		child_wait();
		told.word = *word;
		child_say(&told, sizeof(told));
	}
}

static int begin(void **state)
{
	char hello, path[96];
	(void)state;
	word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*word = 4711;
	victim = child_start(suffer, NULL);
	child_hear(&victim, &hello, 1);
	snprintf(path, sizeof(path), "/proc/%d/mem", victim.pid);
	opened = open(path, O_RDONLY | O_CLOEXEC);
	strcpy(place, "/tmp/heapspy-test-XXXXXX");
	if (!mkdtemp(place) || opened < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/file", place);
	ours = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	return ours < 0 ? -1 : 0;
}

/* It noticed nothing, and is as it was. */
static int end(void **state)
{
	char path[96];
	(void)state;
	child_go_on(&victim);
	child_hear(&victim, &told, sizeof(told));
	assert_int_equal(told.word, 4711);
	assert_int_equal(told.signals, 0);
	child_end(&victim);
	snprintf(path, sizeof(path), "%s/file", place);
	struct stat stat;
	assert_int_equal(lstat(path, &stat), 0);
	assert_int_equal(stat.st_mode, S_IFREG | 0600);
	assert_int_equal(stat.st_nlink, 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(place), 0); /* nothing else is in it */
	close(opened);
	close(ours);
	munmap(word, PAGE);
	return 0;
}

static const char *in_place(const char *name)
{
	static char path[96];
	snprintf(path, sizeof(path), "%s/%s", place, name);
	return path;
}

static int open_of_victim(const char *file, int flags)
{
	char path[96];
	snprintf(path, sizeof(path), "/proc/%d/%s", victim.pid, file);
	return open(path, flags);
}

/* ---- acts: -1 with errno where they are refused -------------------------------
 *
 * Were they let through they would do no harm beyond the victim and its directory. */

static char iov_bytes[8];
static struct iovec local = {iov_bytes, sizeof(iov_bytes)};

#define ACT(name, expression)                                                            \
	static long name(void)                                                           \
	{                                                                                \
		return (long)(expression);                                               \
	}

/* Into its memory. */
ACT(write_memory, process_vm_writev(victim.pid, &local, 1, &(struct iovec){word, 8}, 1, 0))
ACT(open_memory_to_write, open_of_victim("mem", O_WRONLY))
ACT(open_memory_for_both, open_of_victim("mem", O_RDWR))
ACT(reopen_memory, syscall(SYS_open, "/proc/self/fd/0", O_RDWR))
ACT(open_clear_refs, open_of_victim("clear_refs", O_WRONLY))
ACT(open_oom_score, open_of_victim("oom_score_adj", O_WRONLY))
ACT(seize, ptrace(PTRACE_SEIZE, victim.pid, NULL, NULL))
ACT(attach, ptrace(PTRACE_ATTACH, victim.pid, NULL, NULL))
ACT(poke, ptrace(PTRACE_POKEDATA, victim.pid, word, NULL))
ACT(be_traced, ptrace(PTRACE_TRACEME, 0, NULL, NULL))
ACT(advise, syscall(440, -1, &local, 1, MADV_PAGEOUT, 0)) /* process_madvise() */
ACT(release, syscall(448, -1, 0))                         /* process_mrelease() */
ACT(migrate, syscall(SYS_migrate_pages, victim.pid, 0, NULL, NULL))
ACT(move_its_pages, syscall(SYS_move_pages, victim.pid, 0, NULL, NULL, NULL, 0))
ACT(compare, syscall(SYS_kcmp, getpid(), victim.pid, 0, 0, 0))

/* To it. */
ACT(terminate, kill(victim.pid, SIGTERM))
ACT(terminate_group, kill(-victim.pid, SIGTERM))
ACT(terminate_thread, syscall(SYS_tgkill, victim.pid, victim.pid, SIGTERM))
ACT(terminate_task, syscall(SYS_tkill, victim.pid, SIGTERM))
ACT(queue, syscall(SYS_rt_sigqueueinfo, victim.pid, SIGTERM, &(siginfo_t){.si_code = -1}))
ACT(queue_thread,
    syscall(SYS_rt_tgsigqueueinfo, victim.pid, victim.pid, SIGTERM, &(siginfo_t){.si_code = -1}))
ACT(signal_pidfd, syscall(424, 0, SIGTERM, NULL, 0))      /* pidfd_send_signal() */
ACT(take_descriptor, syscall(438, 0, 0, 0))               /* pidfd_getfd() */
ACT(signal_by_owner, fcntl(0, F_SETOWN, victim.pid))
ACT(signal_by_choice, fcntl(0, F_SETSIG, SIGKILL))
ACT(type_for_terminal, ioctl(0, TIOCSTI, "x"))
ACT(limit, prlimit(victim.pid, RLIMIT_CPU, &(struct rlimit){1, 1}, NULL))
ACT(limit_self, setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1}))
ACT(renice, setpriority(PRIO_PROCESS, (id_t)victim.pid, 19))
ACT(pin, sched_setaffinity(victim.pid, sizeof(cpu_set_t), &(cpu_set_t){{1}}))
ACT(reschedule, sched_setscheduler(victim.pid, SCHED_IDLE, &(struct sched_param){0}))
ACT(deprioritise, syscall(SYS_ioprio_set, 1, victim.pid, 3 << 13))

/* Files. */
ACT(create, open(in_place("new"), O_CREAT | O_WRONLY, 0600))
ACT(create_old, syscall(SYS_creat, in_place("new"), 0600))
ACT(create_unnamed, open(place, O_TMPFILE | O_WRONLY, 0600))
ACT(open_to_write, open(in_place("file"), O_WRONLY))
ACT(open_to_cut, open(in_place("file"), O_RDONLY | O_TRUNC))
ACT(cut, truncate(in_place("file"), 0))
ACT(remove_file, syscall(SYS_unlink, in_place("file")))
ACT(remove_at, unlinkat(AT_FDCWD, in_place("file"), 0))
ACT(remove_directory, syscall(SYS_rmdir, place))
ACT(rename_file, rename(in_place("file"), "/tmp/elsewhere"))
ACT(rename_at, renameat2(AT_FDCWD, in_place("file"), AT_FDCWD, "/tmp/elsewhere", 0))
ACT(link_file, linkat(AT_FDCWD, in_place("file"), AT_FDCWD, "/tmp/elsewhere", 0))
ACT(link_symbolically, symlinkat("x", AT_FDCWD, in_place("link")))
ACT(make_directory, mkdirat(AT_FDCWD, in_place("directory"), 0700))
ACT(make_node, mknod(in_place("node"), S_IFIFO | 0600, 0))
ACT(change_mode, chmod(in_place("file"), 04755))
ACT(change_mode_of_ours, fchmod(ours, 04755))
ACT(change_owner, fchown(ours, 1, 1))
ACT(change_times, utimensat(AT_FDCWD, in_place("file"), NULL, 0))
ACT(set_attribute, syscall(SYS_fsetxattr, ours, "user.x", "x", 1, 0))
ACT(open_by_handle, syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, O_RDWR))
ACT(mount_something, mount("none", in_place("nowhere"), "tmpfs", 0, NULL))
ACT(move_root, chroot(in_place("nowhere")))

/* The world. */
ACT(make_socket, socket(AF_INET, SOCK_STREAM, 0))
ACT(make_local_socket, socket(AF_UNIX, SOCK_DGRAM, 0))
ACT(make_pair, socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0}))
ACT(connect_to, connect(0, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_UNIX}, 4))
ACT(execute, execl("/bin/false", "false", NULL))
ACT(execute_at, syscall(SYS_execveat, AT_FDCWD, "/bin/false", NULL, NULL, 0))
ACT(start_process, syscall(SYS_fork))
ACT(start_process_by_clone, syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0))
ACT(map_code, mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
ACT(make_code, mprotect(word, PAGE, PROT_READ | PROT_EXEC))
ACT(make_key_code, syscall(SYS_pkey_mprotect, word, PAGE, PROT_EXEC, -1))
ACT(watch, syscall(SYS_perf_event_open, NULL, victim.pid, -1, -1, 0))
ACT(load_program, syscall(SYS_bpf, 0, NULL, 0))
ACT(handle_faults, syscall(SYS_userfaultfd, 0))
ACT(use_ring, syscall(425, 1, &(struct io_uring_params){0}))
ACT(enter_namespace, setns(0, 0))
ACT(leave_namespace, unshare(CLONE_NEWUSER))
ACT(load_module, syscall(SYS_finit_module, 0, "", 0))
ACT(use_keys, syscall(SYS_keyctl, 0, 0))
ACT(set_clock, syscall(SYS_clock_settime, 0, NULL))
ACT(reboot_all, syscall(SYS_reboot, 0, 0, 0, NULL))
ACT(name_host, syscall(SYS_sethostname, NULL, 1))
ACT(become_user, setuid(0))
ACT(gain_capability, syscall(SYS_capset, NULL, NULL))
ACT(show_memory, prctl(PR_SET_DUMPABLE, 1))
ACT(filter_again, syscall(SYS_seccomp, 1, 0, NULL))
ACT(make_timer, timer_create(CLOCK_MONOTONIC, NULL, &(timer_t){0}))

/* Calls that have a fallback, or that nobody knows yet. */
ACT(open_new_way, syscall(437, AT_FDCWD, "/", NULL, 0))
ACT(clone_new_way, syscall(435, NULL, 0))
ACT(call_of_tomorrow, syscall(463, 0, 0, 0, 0))
ACT(call_of_later, syscall(1000))

/* Under Landlock alone: the filter lets it through. */
ACT(read_memory, process_vm_readv(victim.pid, &local, 1, &(struct iovec){word, 8}, 1, 0))
ACT(open_memory, open_of_victim("mem", O_RDONLY))

/* Of the tracer. */
ACT(seize_to_kill, ptrace(PTRACE_SEIZE, victim.pid, NULL, PTRACE_O_EXITKILL))
ACT(interrupt, ptrace(PTRACE_INTERRUPT, victim.pid, NULL, NULL))
ACT(peek, ptrace(PTRACE_PEEKDATA, victim.pid, word, NULL))
ACT(go_on, ptrace(PTRACE_CONT, victim.pid, NULL, NULL))
ACT(step, ptrace(PTRACE_SINGLESTEP, victim.pid, NULL, NULL))
ACT(trace_calls, ptrace(PTRACE_SYSCALL, victim.pid, NULL, NULL))
ACT(kill_traced, ptrace(PTRACE_KILL, victim.pid, NULL, NULL))
ACT(set_registers, ptrace(PTRACE_SETREGSET, victim.pid, 1, &local))
ACT(set_old_registers, ptrace(PTRACE_SETREGS, victim.pid, NULL, iov_bytes))
ACT(poke_user, ptrace(PTRACE_POKEUSER, victim.pid, NULL, NULL))
ACT(set_options, ptrace(PTRACE_SETOPTIONS, victim.pid, NULL, PTRACE_O_EXITKILL))
ACT(set_signal, ptrace(PTRACE_SETSIGINFO, victim.pid, NULL, iov_bytes))
ACT(set_mask, ptrace(PTRACE_SETSIGMASK, victim.pid, 8, iov_bytes))
ACT(request_in_disguise, syscall(SYS_ptrace, (1L << 32) | PTRACE_ATTACH, victim.pid, 0, 0))
ACT(detach_strangely, ptrace(PTRACE_DETACH, victim.pid, NULL, 1000))

/* ---- trying ---------------------------------------------------------------------- */

struct act {
	const char *name;
	long (*try)(void);
	bool not_sanitized; /* sanitizers need it */
};

#define TRY(name) {#name, name, false}
#define TRY_PLAIN(name) {#name, name, true}

/* What is forbidden to all of us. */
static const struct act forbidden[] = {
	TRY(write_memory), TRY(open_memory_to_write), TRY(open_memory_for_both),
	TRY(reopen_memory), TRY(open_clear_refs), TRY(open_oom_score), TRY_PLAIN(attach),
	TRY_PLAIN(poke), TRY_PLAIN(be_traced), TRY(advise), TRY(release), TRY(migrate),
	TRY(move_its_pages), TRY(compare),

	TRY_PLAIN(terminate), TRY_PLAIN(terminate_group),
	TRY_PLAIN(terminate_thread), TRY(terminate_task), TRY(queue), TRY(queue_thread),
	TRY(signal_pidfd), TRY(take_descriptor), TRY(signal_by_owner), TRY(signal_by_choice),
	TRY(type_for_terminal), TRY(limit), TRY(limit_self), TRY(renice), TRY(pin),
	TRY(reschedule), TRY(deprioritise),

	TRY(create), TRY(create_old), TRY(create_unnamed), TRY(open_to_write), TRY(open_to_cut),
	TRY(cut), TRY(remove_file), TRY(remove_at), TRY(remove_directory), TRY(rename_file),
	TRY(rename_at), TRY(link_file), TRY(link_symbolically), TRY(make_directory),
	TRY(make_node), TRY(change_mode), TRY(change_mode_of_ours), TRY(change_owner),
	TRY(change_times), TRY(set_attribute), TRY(open_by_handle), TRY(mount_something),
	TRY(move_root),

	TRY(make_socket), TRY(make_local_socket), TRY(make_pair), TRY(connect_to), TRY(execute),
	TRY(execute_at), TRY(start_process), TRY(map_code), TRY(make_code), TRY(make_key_code),
	TRY(watch), TRY(load_program), TRY(handle_faults), TRY(use_ring), TRY(enter_namespace),
	TRY(leave_namespace), TRY(load_module), TRY(use_keys), TRY(set_clock), TRY(reboot_all),
	TRY(name_host), TRY(become_user), TRY(gain_capability), TRY_PLAIN(show_memory),
	TRY(filter_again),
};

static const struct act not_for_readers[] = {
	TRY_PLAIN(seize), TRY_PLAIN(start_process_by_clone), TRY(make_timer),
};

static const struct act not_for_tracers[] = {
	TRY_PLAIN(peek), TRY_PLAIN(go_on), TRY_PLAIN(step), TRY_PLAIN(trace_calls),
	TRY_PLAIN(kill_traced), TRY_PLAIN(set_registers), TRY_PLAIN(set_old_registers),
	TRY_PLAIN(poke_user), TRY_PLAIN(set_options), TRY_PLAIN(set_signal), TRY_PLAIN(set_mask),
	TRY_PLAIN(request_in_disguise), TRY_PLAIN(detach_strangely), TRY_PLAIN(seize_to_kill),
};

static const struct act unknown[] = {
	TRY(open_new_way), TRY(clone_new_way), TRY(call_of_tomorrow), TRY(call_of_later),
};

/* Which of them are not refused so: told on standard error, and counted. */
static int try_all(const struct act *acts, size_t count, int expected)
{
	int wrong = 0;
	for (size_t i = 0; i < count; i++) {
		if (is_sanitized && acts[i].not_sanitized)
			continue;
		errno = 0;
		long result = acts[i].try();
		if (result == -1 && errno == expected)
			continue;
		dprintf(STDERR_FILENO, "%s: %ld, %s\n", acts[i].name, result, strerrorname_np(errno));
		wrong++;
	}
	return wrong;
}

#define TRY_ALL(acts, expected) try_all(acts, sizeof(acts) / sizeof(*(acts)), expected)

/* In a process of its own, whose exit status is how much went wrong. */
static void run_inside(int (*body)(void))
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(body());
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("status %x", status);
}

#define CHECK(condition)                                                                 \
	do {                                                                             \
		if (!(condition)) {                                                      \
			dprintf(STDERR_FILENO, "%s: %s\n", #condition, strerror(errno)); \
			wrong++;                                                         \
		}                                                                        \
	} while (0)

/* ---- what goes on working ---------------------------------------------------------- */

static void *count_up(void *number)
{
	++*(int *)number;
	return NULL;
}

static int read_on(void)
{
	int wrong = 0, number = 0;
	pthread_t thread;
	char text[64];
	uint64_t seen = 0;
	sigset_t none;
	sigemptyset(&none);
	CHECK(pread(opened, &seen, sizeof(seen), (off_t)(uintptr_t)word) == sizeof(seen));
	CHECK(seen == 4711);
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && read(fd, text, sizeof(text)) == sizeof(text));
	int named = open("/etc/passwd", O_PATH | O_CLOEXEC);
	snprintf(text, sizeof(text), "/proc/self/fd/%d", named);
	int again = open(text, O_RDONLY | O_CLOEXEC);
	CHECK(named >= 0 && again >= 0 && read(again, text, 1) == 1);
	CHECK(pthread_create(&thread, NULL, count_up, &number) == 0 &&
	      pthread_join(thread, NULL) == 0 && number == 1);
	CHECK(poll(&(struct pollfd){opened, POLLIN, 0}, 1, 0) >= 0);
	CHECK(signalfd(-1, &none, SFD_CLOEXEC) >= 0);
	CHECK(memfd_create("test", MFD_CLOEXEC) >= 0);
	CHECK(write(ours, "x", 1) == 1 && ftruncate(ours, 0) == 0 && fsync(ours) == 0);
	void *memory = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED && mprotect(memory, PAGE, PROT_READ | PROT_WRITE) == 0);
	return wrong;
}

static uint64_t capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2];
	if (syscall(SYS_capget, &header, sets) < 0)
		return UINT64_MAX;
	return sets[0].permitted | (uint64_t)sets[1].permitted << 32;
}

/* The filter denies capget() too. */
static int keeps_few(enum privileges kept, uint64_t most)
{
	int wrong = 0;
	CHECK(privileges_reduce(kept) == 0);
	CHECK((capabilities() & ~most) == 0);
	return wrong;
}

/* ---- profiles ---------------------------------------------------------------------- */

static int enter(const struct heapspy_sandbox *sandbox)
{
	struct heapspy_error *error = heapspy_sandbox_enter(sandbox);
	if (error)
		dprintf(STDERR_FILENO, "%s: %s\n", error->what, error->why ?: "");
	return error != NULL;
}

static int read_processes(void)
{
	if (enter(&(struct heapspy_sandbox){.processes = true}))
		return 1;
	int wrong = TRY_ALL(forbidden, EPERM) + TRY_ALL(not_for_readers, EPERM) +
		    TRY_ALL(unknown, ENOSYS) + read_on();
	CHECK(read_memory() == 8);
	CHECK(open_memory() >= 0);
	CHECK(kill(victim.pid, 0) == 0); /* to nobody */
	CHECK(is_sanitized || prctl(PR_GET_DUMPABLE) != 1);
	return wrong;
}

static bool has_landlock(void)
{
	return syscall(444, NULL, 0, 1) >= 1;
}

static int read_files(void)
{
	bool fenced = has_landlock();
	if (enter(&(struct heapspy_sandbox){0}))
		return 1;
	int wrong = TRY_ALL(forbidden, EPERM) + TRY_ALL(not_for_readers, EPERM) +
		    TRY_ALL(unknown, ENOSYS) + read_on();
	if (!fenced)
		return wrong;
	CHECK(read_memory() == -1 && errno == EPERM);
	CHECK(open_memory() == -1 && errno == EACCES);
	return wrong;
}

/* Without the filter: what Landlock alone forbids. */
static int only_fence(void)
{
	int wrong = 0;
	if (!has_landlock())
		return 0;
	CHECK(privileges_fence());
	CHECK(create() == -1 && errno == EACCES);
	CHECK(open_to_write() == -1 && errno == EACCES);
	CHECK(remove_file() == -1 && errno == EACCES);
	CHECK(rename_file() == -1 && (errno == EACCES || errno == EXDEV));
	CHECK(make_directory() == -1 && errno == EACCES);
	CHECK(execute() == -1 && errno == EACCES);
	CHECK(read_memory() == -1 && errno == EPERM);
	CHECK(open_memory() == -1 && errno == EACCES);
	if (syscall(444, NULL, 0, 1) >= 6)
		CHECK(terminate() == -1 && errno == EPERM);
	return wrong;
}

static int may_create(void)
{
	int wrong = 0;
	if (enter(&(struct heapspy_sandbox){.processes = true, .creates = true}))
		return 1;
	CHECK(open(in_place("file"), O_CREAT | O_EXCL | O_WRONLY, 0600) == -1 && errno == EEXIST);
	CHECK(open(in_place("new"), O_CREAT | O_EXCL | O_WRONLY, 0600) >= 0);
	CHECK(unlinkat(AT_FDCWD, in_place("new"), 0) == 0);
	int fd = open(place, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	char unnamed[40];
	snprintf(unnamed, sizeof(unnamed), "/proc/self/fd/%d", fd);
	CHECK(fchmod(fd, 0600) == 0);
	CHECK(fchmod(fd, 04755) == -1 && errno == EPERM);
	CHECK(linkat(AT_FDCWD, unnamed, AT_FDCWD, in_place("new"), AT_SYMLINK_FOLLOW) == 0);
	int directory = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(renameat2(directory, "new", directory, "newer", RENAME_NOREPLACE) == 0);
	CHECK(renameat2(directory, "newer", directory, "new", 0) == 0);
	CHECK(unlinkat(AT_FDCWD, in_place("new"), 0) == 0);
	CHECK(open_to_write() == -1 && errno == EPERM);
	CHECK(open_memory_to_write() == -1 && errno == EPERM);
	return wrong;
}

static int may_signal_a_child(void)
{
	int wrong = 0;
	pid_t child = fork();
	if (child == 0)
		for (;;)
			pause();
	if (enter(&(struct heapspy_sandbox){.processes = true, .child = child}))
		return 1;
	CHECK(is_sanitized || terminate() == -1); /* short of doing it */
	CHECK(kill(child, SIGKILL) == 0);
	CHECK(waitpid(child, NULL, 0) == child);
	return wrong;
}

static int may_watch(void)
{
	int wrong = 0;
	if (enter(&(struct heapspy_sandbox){.processes = true, .watches = true}))
		return 1;
	/* The kernel's own answer: there are no attributes; of all processes it is not asked. */
	CHECK(watch() == -1 && errno == EFAULT);
	CHECK(syscall(SYS_perf_event_open, NULL, -1, 0, -1, 0) == -1 && errno == EPERM);
	return wrong;
}

static int trace_and_no_more(void)
{
	int status, wrong = filter_install(FILTER_TRACER, NULL);
	wrong += TRY_ALL(forbidden, EPERM) + TRY_ALL(unknown, ENOSYS);
	CHECK(seize() == 0 && interrupt() == 0);
	siginfo_t info;
	CHECK(waitid(P_PID, (id_t)victim.pid, &info, WSTOPPED | WNOWAIT | __WALL) == 0);
	wrong += TRY_ALL(not_for_tracers, EPERM);
	CHECK(read_memory() == 8);
	CHECK(ptrace(PTRACE_DETACH, victim.pid, NULL, NULL) == 0);
	/* It can start others, who can no more than it. */
	pid_t child = fork();
	if (child == 0)
		_exit(TRY_ALL(forbidden, EPERM));
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	return wrong;
}

static int keep_for_processes(void)
{
	return keeps_few(PRIVILEGES_PROCESSES,
			 1ull << CAP_SYS_PTRACE | 1 << CAP_DAC_READ_SEARCH | 1 << CAP_FOWNER |
				 1ull << 40);
}

static int keep_for_watching(void)
{
	return keeps_few(PRIVILEGES_WATCHER,
			 1ull << CAP_SYS_PTRACE | 1 << CAP_DAC_READ_SEARCH | 1 << CAP_FOWNER |
				 1 << CAP_IPC_LOCK | 1ull << 38 | 1ull << 40);
}

static int keep_for_files(void)
{
	return keeps_few(PRIVILEGES_FILES, 1 << CAP_DAC_READ_SEARCH | 1 << CAP_FOWNER);
}

#define PROFILE(name, body)                                                              \
	static void name(void **state)                                                   \
	{                                                                                \
		(void)state;                                                             \
		run_inside(body);                                                        \
	}

PROFILE(reader_of_processes, read_processes)
PROFILE(reader_of_files, read_files)
PROFILE(fence, only_fence)
PROFILE(who_creates, may_create)
PROFILE(who_has_a_child, may_signal_a_child)
PROFILE(who_watches, may_watch)
PROFILE(tracer, trace_and_no_more)
PROFILE(capabilities_for_processes, keep_for_processes)
PROFILE(capabilities_for_watching, keep_for_watching)
PROFILE(capabilities_for_files, keep_for_files)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reader_of_processes, begin, end),
		cmocka_unit_test_setup_teardown(reader_of_files, begin, end),
		cmocka_unit_test_setup_teardown(fence, begin, end),
		cmocka_unit_test_setup_teardown(who_creates, begin, end),
		cmocka_unit_test_setup_teardown(who_has_a_child, begin, end),
		cmocka_unit_test_setup_teardown(who_watches, begin, end),
		cmocka_unit_test_setup_teardown(tracer, begin, end),
		cmocka_unit_test(capabilities_for_processes),
		cmocka_unit_test(capabilities_for_watching),
		cmocka_unit_test(capabilities_for_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
