/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "target/process/capability.h"
#include "target/process/proc.h"

static void stat_with_any_name(void **state)
{
	(void)state;
	static const char *const names[] = {"cat", "a) R 1 2 3", ")", "(", "x\n) Z 1", ""};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char text[400];
		snprintf(text, sizeof(text),
			 "12 (%s) S 7 12 12 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 11 "
			 "18446744073709551615 1 1 0 0 0 0\n", names[i]);
		struct proc_stat stat;
		assert_true(proc_parse_stat(text, strlen(text), &stat));
		assert_int_equal(stat.state, 'S');
		assert_int_equal(stat.ppid, 7);
		assert_int_equal(stat.flags, 4194304);
		assert_int_equal(stat.start_time, 987654);
		assert_int_equal(stat.rss, 11 * sysconf(_SC_PAGESIZE));
		for (size_t cut = 0; cut + 80 < strlen(text); cut++)
			assert_false(proc_parse_stat(text, cut, &stat) && stat.start_time == 987654 &&
				     stat.rss == 0);
	}
	struct proc_stat stat;
	assert_false(proc_parse_stat("", 0, &stat));
	assert_false(proc_parse_stat("1 (a", 4, &stat));
	assert_false(proc_parse_stat("1 (a) R 1", 9, &stat));
}

static void status_lines(void **state)
{
	(void)state;
	struct proc_status status;
	assert_true(proc_parse_status("Name:\tx\\nUid:\t9\t9\t9\t9\nTgid:\t5\nPid:\t6\nTracerPid:\t8\n"
				      "Uid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nVmHWM:\t   20 kB\n"
				      "VmRSS:\t   10 kB\nCapPrm:\t000001ffffffffff\nCapEff:\t0\n"
				      "NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t77\n", &status));
	assert_int_equal(status.tgid, 5);
	assert_int_equal(status.pid, 6);
	assert_int_equal(status.tracer, 8);
	assert_int_equal(status.uid[0], 1);
	assert_int_equal(status.uid[2], 3);
	assert_int_equal(status.vm_rss, 10 << 10);
	assert_int_equal(status.vm_hwm, 20 << 10);
	assert_true(status.vm_swap == UINT64_MAX);
	assert_int_equal(status.cap_permitted, 0x1ffffffffff);
	assert_int_equal(status.seccomp, 2);
	assert_int_equal(status.no_new_privs, 1);
	assert_false(proc_parse_status("", &status));
	assert_false(proc_parse_status("Tgid:\t5\nUid:\t1\n", &status));
	assert_true(proc_parse_status("Tgid:\t5\nUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1", &status));
	assert_int_equal(status.seccomp, -1);
}

static void rollup_lines(void **state)
{
	(void)state;
	struct proc_rollup rollup;
	assert_true(proc_parse_rollup("5580-7ffd ---p 00000000 00:00 0 [rollup]\nRss: 884 kB\nPss: 385 kB\n"
				      "Pss_Dirty: 68 kB\nPrivate_Clean: 64 kB\nPrivate_Dirty: 68 kB\n"
				      "Swap: 4 kB\nSwapPss: 5 kB\n", &rollup));
	assert_int_equal(rollup.rss, 884 << 10);
	assert_int_equal(rollup.pss, 385 << 10);
	assert_int_equal(rollup.private_clean + rollup.private_dirty, 132 << 10);
	assert_int_equal(rollup.swap, 4 << 10);
	assert_false(proc_parse_rollup("Rss: 1 kB\n", &rollup));
}

static void hostile_child(void *context)
{
	(void)context;
	prctl(PR_SET_NAME, "\033]0;p\a)");
	child_say("", 1);
}

static void real_process(void **state)
{
	(void)state;
	struct child child = child_start(hostile_child, NULL);
	char path[32], word;
	child_hear(&child, &word, 1);
	snprintf(path, sizeof(path), "/proc/%d", child.pid);
	int proc = open(path, O_DIRECTORY);
	struct proc_stat stat;
	struct proc_status status;
	struct proc_rollup rollup;
	assert_true(proc_read_stat(proc, "stat", &stat));
	assert_int_equal(stat.ppid, getpid());
	assert_true(proc_uptime(stat.start_time) < 60);
	assert_true(proc_read_status(proc, "status", &status));
	assert_int_equal(status.tgid, child.pid);
	assert_int_equal(status.uid[1], geteuid());
	assert_true(proc_read_rollup(proc, &rollup));
	assert_true(rollup.rss >= rollup.pss && rollup.pss > 0);

	char **command = proc_read_command(proc);
	assert_non_null(command[0]);
	proc_command_free(command);
	char *executable = proc_read_executable(proc), ours[4096] = "";
	assert_true(readlink("/proc/self/exe", ours, sizeof(ours) - 1) > 0);
	assert_string_equal(executable, ours);
	free(executable);
	child_end(&child);
	assert_false(proc_read_stat(proc, "stat", &stat));
	close(proc);
}

/* With no argument at all, the name in brackets; and that name is hostile. */
static void no_arguments(void **state)
{
	(void)state;
	int proc = open("/proc/2", O_DIRECTORY); /* kthreadd, where it can be seen */
	if (proc >= 0) {
		char *line = proc_read_command_line(proc);
		assert_true(line[0] == '[' || line[0] != '\0');
		free(line);
		close(proc);
	}
	struct child child = child_start(hostile_child, NULL);
	char path[32], word;
	child_hear(&child, &word, 1);
	snprintf(path, sizeof(path), "/proc/%d", child.pid);
	proc = open(path, O_DIRECTORY);
	kill(child.pid, 9);
	siginfo_t info;
	waitid(P_PID, child.pid, &info, WEXITED | WNOWAIT);
	char *line = proc_read_command_line(proc);
	assert_string_equal(line, "[\\x1b]0;p\\x07)]");
	free(line);
	char **command = proc_read_command(proc);
	assert_null(command[0]);
	proc_command_free(command);
	close(proc);
	child_end(&child);
}

static void capabilities(void **state)
{
	(void)state;
	char text[100], tiny[8];
	capability_names(1ull << 19, text, sizeof(text));
	assert_string_equal(text, "cap_sys_ptrace");
	capability_names(0x1ffffffffff, text, sizeof(text));
	assert_string_equal(text, "cap_chown, cap_dac_override, cap_dac_read_search and 38 more");
	capability_names(0, text, sizeof(text));
	assert_string_equal(text, "");
	capability_names(0x1ffffffffff, tiny, sizeof(tiny));
	assert_true(strlen(tiny) < sizeof(tiny));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_with_any_name), cmocka_unit_test(status_lines),
		cmocka_unit_test(rollup_lines),       cmocka_unit_test(real_process),
		cmocka_unit_test(no_arguments),       cmocka_unit_test(capabilities),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
