/* SPDX-License-Identifier: MIT */
/* Opening what cannot be opened: each refusal really met, and the one cause named. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "target/target.h"

enum { NOBODY = 65534 };

static void needs_root(void)
{
	if (geteuid() != 0) {
		print_message("SKIPPED: needs root\n");
		skip();
	}
}

/* ---- the looker: opens a target as somebody else, tells what came of it -------- */

struct outcome {
	int code; /* of the error, -1: opened and read */
	char what[256], why[512], remedy[1024];
};

struct look {
	void (*become)(void);
	pid_t pid;
	const char *text; /* lies in the target at the same address as here */
};

static const char text_in_all[] = "the same text in each fork";

static void look(void *context)
{
	const struct look *self = context;
	struct outcome outcome = {.code = -1};
	struct target *target = NULL;
	if (self->become)
		self->become();
	struct heapspy_error *error = target_open_process(self->pid, &target);
	char text[sizeof(text_in_all)] = "";
	if (error) {
		outcome.code = error->code;
		snprintf(outcome.what, sizeof(outcome.what), "%s", error->what);
		snprintf(outcome.why, sizeof(outcome.why), "%s", error->why ? error->why : "");
		snprintf(outcome.remedy, sizeof(outcome.remedy), "%s", error->remedy ? error->remedy : "");
		heapspy_error_free(error);
	} else if (target_read(target, (uintptr_t)text_in_all, text, sizeof(text)) != FAULT_NONE ||
		   memcmp(text, text_in_all, sizeof(text)) != 0 ||
		   target_verify(target) != FAULT_NONE) {
		outcome.code = -2;
	}
	target_free(target);
	child_say(&outcome, sizeof(outcome));
}

static struct outcome look_as(void (*become)(void), pid_t pid)
{
	struct look self = {become, pid, text_in_all};
	struct child looker = child_start(look, &self);
	struct outcome outcome;
	child_hear(&looker, &outcome, sizeof(outcome));
	child_end(&looker);
	return outcome;
}

static void assert_refused(struct outcome outcome, enum heapspy_code code, const char *why,
			   const char *remedy)
{
	if (outcome.code != (int)code || !strstr(outcome.why, why) || !strstr(outcome.remedy, remedy))
		fail_msg("code %d: %s: %s / %s", outcome.code, outcome.what, outcome.why, outcome.remedy);
}

static void assert_opened(struct outcome outcome)
{
	if (outcome.code != -1)
		fail_msg("code %d: %s: %s / %s", outcome.code, outcome.what, outcome.why, outcome.remedy);
}

/* ---- whom to be, looker or looked at -------------------------------------------- */

static void become_nobody(void)
{
	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		_exit(1);
	prctl(PR_SET_DUMPABLE, 1);
}

static void hold_capabilities(uint64_t set)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.permitted = set, .effective = set},
		{.permitted = set >> 32, .effective = set >> 32},
	};
	if (syscall(SYS_capset, &header, data) < 0)
		_exit(1);
	prctl(PR_SET_DUMPABLE, 1);
}

static void become_nobody_with(uint64_t set)
{
	prctl(PR_SET_KEEPCAPS, 1);
	become_nobody();
	hold_capabilities(set);
}

static void become_nobody_undumpable(void)
{
	become_nobody();
	prctl(PR_SET_DUMPABLE, 0);
}

static void become_nobody_with_net_raw(void)
{
	become_nobody_with(1 << CAP_NET_RAW);
}

static void become_nobody_with_ptrace(void)
{
	become_nobody_with(1 << CAP_SYS_PTRACE);
}

static void become_nobody_with_both(void)
{
	become_nobody_with(1 << CAP_SYS_PTRACE | 1 << CAP_DAC_READ_SEARCH);
}

static void become_root_without_capabilities(void)
{
	hold_capabilities(0);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(1);
	close(fd);
}

static void become_root_of_a_namespace(void)
{
	become_nobody();
	if (unshare(CLONE_NEWUSER) < 0)
		_exit(1);
	write_text("/proc/self/setgroups", "deny");
	write_text("/proc/self/uid_map", "0 65534 1");
	write_text("/proc/self/gid_map", "0 65534 1");
}

static void private_mounts(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(1);
}

static void see_a_hidden_proc(void)
{
	private_mounts();
	if (mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
		_exit(1);
	become_nobody();
}

static void see_no_proc(void)
{
	private_mounts();
	if (umount2("/proc", MNT_DETACH) < 0 && mount("tmpfs", "/proc", "tmpfs", 0, NULL) < 0)
		_exit(1);
}

static void have_few_descriptors(void)
{
	struct rlimit limit = {6, 6};
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void forbid(const int (*calls)[2], size_t count)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	for (size_t i = 0; i < count; i++)
		seccomp_rule_add(filter, SCMP_ACT_ERRNO(calls[i][1]), calls[i][0], 0);
	if (seccomp_load(filter) < 0)
		_exit(1);
	seccomp_release(filter);
}

static void be_contained(void)
{
	static const int calls[][2] = {
		{SCMP_SYS(process_vm_readv), EPERM}, {SCMP_SYS(ptrace), EPERM},
		{SCMP_SYS(pidfd_open), EPERM},       {SCMP_SYS(openat2), EPERM},
	};
	forbid(calls, 4);
}

static void be_on_an_old_kernel(void)
{
	static const int calls[][2] = {
		{SCMP_SYS(process_vm_readv), ENOSYS},
		{SCMP_SYS(pidfd_open), ENOSYS},
		{SCMP_SYS(openat2), ENOSYS},
	};
	forbid(calls, 3);
}

static void live(void *become)
{
	if (become)
		((void (*)(void))become)();
	child_say("", 1);
}

static struct child new_child(void (*become)(void))
{
	struct child child = child_start(live, (void *)become);
	char word;
	child_hear(&child, &word, 1);
	return child;
}

/* ---- no such process -------------------------------------------------------------- */

static void not_there(void **state)
{
	(void)state;
	assert_refused(look_as(NULL, 0), HEAPSPY_USAGE, "positive", "");
	assert_refused(look_as(NULL, -1), HEAPSPY_USAGE, "positive", "");
	assert_refused(look_as(NULL, INT32_MIN), HEAPSPY_USAGE, "positive", "");
	assert_refused(look_as(NULL, INT32_MAX), HEAPSPY_NO_PROCESS, "no process has this PID", "");
	struct child child = new_child(NULL);
	child_end(&child);
	assert_refused(look_as(NULL, child.pid), HEAPSPY_NO_PROCESS, "no process has this PID", "");

	struct target *target;
	struct heapspy_error *error = target_open_process(getpid(), &target);
	assert_int_equal(error->code, HEAPSPY_USAGE);
	heapspy_error_free(error);
}

static void dead_already(void **state)
{
	(void)state;
	struct child child = new_child(NULL);
	kill(child.pid, SIGKILL);
	siginfo_t info;
	waitid(P_PID, child.pid, &info, WEXITED | WNOWAIT);
	struct outcome outcome = look_as(NULL, child.pid);
	assert_refused(outcome, HEAPSPY_NO_PROCESS, "its parent", "");
	assert_non_null(strstr(outcome.what, "already dead"));
	child_end(&child);
}

static void kernel_thread(void **state)
{
	(void)state;
	if (getpgid(2) != 0) {
		print_message("SKIPPED: no kernel thread is seen here\n");
		skip();
	}
	assert_refused(look_as(NULL, 2), HEAPSPY_NOT_PYTHON, "thread of the kernel", "");
}

static void *tell_tid(void *unused)
{
	pid_t tid = gettid();
	child_say(&tid, sizeof(tid));
	for (;;)
		pause();
	return unused;
}

static void live_with_a_thread(void *unused)
{
	(void)unused;
	pthread_t thread;
	pthread_create(&thread, NULL, tell_tid, NULL);
}

static void thread_is_no_process(void **state)
{
	(void)state;
	struct child child = child_start(live_with_a_thread, NULL);
	pid_t tid;
	char why[64];
	child_hear(&child, &tid, sizeof(tid));
	snprintf(why, sizeof(why), "thread of process %d", child.pid);
	assert_refused(look_as(NULL, tid), HEAPSPY_NO_PROCESS, why, "");
	child_end(&child);
}

/* ---- not allowed ------------------------------------------------------------------- */

static void another_user(void **state)
{
	(void)state;
	needs_root();
	struct child roots = new_child(NULL), nobodys = new_child(become_nobody);
	assert_opened(look_as(NULL, roots.pid));
	assert_opened(look_as(NULL, nobodys.pid));
	assert_opened(look_as(become_nobody, nobodys.pid));
	assert_refused(look_as(become_nobody, roots.pid), HEAPSPY_PERMISSION, "user root (uid 0)", "sudo /");
	assert_refused(look_as(become_root_without_capabilities, nobodys.pid), HEAPSPY_PERMISSION,
		       "root without CAP_SYS_PTRACE", "");
	assert_refused(look_as(become_nobody_with_ptrace, roots.pid), HEAPSPY_PERMISSION,
		       "CAP_DAC_READ_SEARCH", "sudo setcap");
	assert_opened(look_as(become_nobody_with_both, roots.pid));
	child_end(&roots);
	child_end(&nobodys);
}

static void not_dumpable(void **state)
{
	(void)state;
	needs_root();
	struct child child = new_child(become_nobody_undumpable);
	assert_opened(look_as(NULL, child.pid));
	assert_refused(look_as(become_nobody, child.pid), HEAPSPY_PERMISSION, "dumpable", "sudo /");
	child_end(&child);
}

static void more_capabilities(void **state)
{
	(void)state;
	needs_root();
	struct child child = new_child(become_nobody_with_net_raw);
	assert_opened(look_as(NULL, child.pid));
	assert_opened(look_as(become_nobody_with_net_raw, child.pid));
	assert_refused(look_as(become_nobody, child.pid), HEAPSPY_PERMISSION, "cap_net_raw", "sudo /");
	child_end(&child);
}

static void user_namespace(void **state)
{
	(void)state;
	needs_root();
	struct child child = new_child(NULL), inside = new_child(become_root_of_a_namespace);
	assert_refused(look_as(become_root_of_a_namespace, child.pid), HEAPSPY_PERMISSION,
		       "user namespace", "");
	assert_opened(look_as(NULL, inside.pid));
	child_end(&child);
	child_end(&inside);
}

static void hidden(void **state)
{
	(void)state;
	needs_root();
	struct child child = new_child(NULL);
	assert_refused(look_as(see_a_hidden_proc, child.pid), HEAPSPY_PERMISSION, "hidepid", "sudo /");
	assert_refused(look_as(see_no_proc, child.pid), HEAPSPY_PERMISSION, "/proc is not mounted",
		       "sudo mount -t proc proc /proc");
	child_end(&child);
	assert_refused(look_as(see_a_hidden_proc, child.pid), HEAPSPY_NO_PROCESS, "no process", "");
}

static void our_own_limits(void **state)
{
	(void)state;
	struct child child = new_child(NULL);
	assert_refused(look_as(have_few_descriptors, child.pid), HEAPSPY_LIMIT, "", "");
	child_end(&child);
}

/* ---- no obstacle --------------------------------------------------------------------- */

static void contained(void **state)
{
	(void)state;
	struct child child = new_child(NULL);
	assert_opened(look_as(be_contained, child.pid));
	assert_opened(look_as(be_on_an_old_kernel, child.pid));
	child_end(&child);
}

static void traced_or_stopped(void **state)
{
	(void)state;
	struct child child = new_child(NULL);
	assert_int_equal(ptrace(PTRACE_SEIZE, child.pid, NULL, NULL), 0);
	assert_opened(look_as(NULL, child.pid));
	kill(child.pid, SIGSTOP);
	assert_opened(look_as(NULL, child.pid));
	child_end(&child);
}

/* ---- races ----------------------------------------------------------------------------- */

static void end_soon(void *context)
{
	volatile unsigned turns = *(unsigned *)context;
	child_say("", 1);
	while (turns)
		turns--;
	_exit(0);
}

/* Whenever it ends, it is opened or it is gone, and nothing else. */
static void ends_while_it_is_opened(void **state)
{
	(void)state;
	srand(5);
	for (int i = 0; i < 300; i++) {
		unsigned turns = rand() % 200000;
		struct child child = child_start(end_soon, &turns);
		struct target *target = NULL;
		char word;
		child_hear(&child, &word, 1);
		struct heapspy_error *error = target_open_process(child.pid, &target);
		if (error && error->code != HEAPSPY_GONE && error->code != HEAPSPY_NO_PROCESS)
			fail_msg("%s: %s", error->what, error->why);
		heapspy_error_free(error);
		target_free(target);
		child_end(&child);
	}
}

static void exec_again_and_again(void *unused)
{
	(void)unused;
	child_say("", 1);
	execl("/bin/sh", "sh", "-c", "n=$((${n:-0}+1)); export n; exec /bin/sh -c \"$0\" \"$0\"",
	      "n=$((${n:-0}+1)); export n; exec /bin/sh -c \"$0\" \"$0\"", (char *)NULL);
	_exit(1);
}

static void becomes_another_while_it_is_opened(void **state)
{
	(void)state;
	struct child child = child_start(exec_again_and_again, NULL);
	char word;
	int opened = 0;
	child_hear(&child, &word, 1);
	for (int i = 0; i < 300; i++) {
		struct target *target = NULL;
		struct heapspy_error *error = target_open_process(child.pid, &target);
		if (error && error->code != HEAPSPY_GONE)
			fail_msg("%s: %s", error->what, error->why);
		heapspy_error_free(error);
		opened += target != NULL;
		if (target) {
			char byte;
			const struct maps *maps = target_maps(target);
			for (size_t k = 0; k < maps->count; k++)
				(void)!target_read(target, maps->items[k].start, &byte, 1);
		}
		target_free(target);
	}
	assert_true(opened > 0);
	child_end(&child);
}

static void *exec_itself(void *test)
{
	execl("/proc/self/exe", "test", "again", test, (char *)NULL);
	return NULL;
}

/* Started anew again and again, by another thread than the first, as long as the
 * test lives. */
static _Noreturn void be_again(char *test)
{
	if (getppid() != atoi(test))
		_exit(0);
	pthread_t threads[3];
	for (size_t i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, exec_itself, test);
	for (;;)
		pause();
}

static void begin_again(void *unused)
{
	(void)unused;
	char test[16];
	snprintf(test, sizeof(test), "%d", getppid());
	child_say("", 1);
	exec_itself(test);
}

/* Its first thread is a zombie for a moment, but it is never dead. */
static void another_thread_becomes_another(void **state)
{
	(void)state;
	struct child child = child_start(begin_again, NULL);
	char word;
	int opened = 0;
	child_hear(&child, &word, 1);
	for (int i = 0; i < 2000; i++) {
		struct target *target = NULL;
		struct heapspy_error *error = target_open_process(child.pid, &target);
		if (error && error->code != HEAPSPY_GONE)
			fail_msg("%s: %s", error->what, error->why);
		opened += target != NULL;
		heapspy_error_free(error);
		target_free(target);
	}
	assert_true(opened > 0);
	child_end(&child);
}

static const char *own_memory;

static void live_with_memory(void *letter)
{
	char *memory = mmap((void *)0x500000000000, 4096, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	memset(memory, *(char *)letter, 4096);
	child_say("", 1);
}

/* The next process gets the PID of the last one: clone3() can ask for one. */
static void pid_of_a_stranger(void **state)
{
	(void)state;
	needs_root();
	char letter = 'm', word;
	own_memory = (char *)0x500000000000;
	struct child child = child_start(live_with_memory, &letter);
	child_hear(&child, &word, 1);
	struct target *target = NULL;
	assert_no_error(target_open_process(child.pid, &target));
	char byte = 0;
	assert_int_equal(target_read(target, (uintptr_t)own_memory, &byte, 1), FAULT_NONE);
	assert_int_equal(byte, 'm');
	child_end(&child);

	pid_t wanted = child.pid;
	struct clone_args arguments = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1};
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t stranger = syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (stranger == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		mmap((void *)0x500000000000, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0);
		(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	assert_int_equal(stranger, wanted);
	assert_int_equal(read(ready[0], &word, 1), 1);
	/* What is read now may be the stranger's; that it does not count is said. */
	(void)!target_read(target, (uintptr_t)own_memory, &byte, 1);
	assert_int_equal(target_verify(target), FAULT_GONE);
	assert_int_equal(target_read(target, (uintptr_t)own_memory, &byte, 1), FAULT_GONE);
	struct heapspy_error *error = target_refresh(target);
	assert_int_equal(error->code, HEAPSPY_GONE);
	heapspy_error_free(error);
	kill(stranger, SIGKILL);
	waitpid(stranger, NULL, 0);
	target_free(target);
	close(ready[0]);
	close(ready[1]);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "again") == 0)
		be_again(argv[2]);
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_there),
		cmocka_unit_test(dead_already),
		cmocka_unit_test(kernel_thread),
		cmocka_unit_test(thread_is_no_process),
		cmocka_unit_test(another_user),
		cmocka_unit_test(not_dumpable),
		cmocka_unit_test(more_capabilities),
		cmocka_unit_test(user_namespace),
		cmocka_unit_test(hidden),
		cmocka_unit_test(our_own_limits),
		cmocka_unit_test(contained),
		cmocka_unit_test(traced_or_stopped),
		cmocka_unit_test(ends_while_it_is_opened),
		cmocka_unit_test(becomes_another_while_it_is_opened),
		cmocka_unit_test(another_thread_becomes_another),
		cmocka_unit_test(pid_of_a_stranger),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
