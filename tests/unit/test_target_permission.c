/* SPDX-License-Identifier: MIT */
/* Which of many things it is that forbids reading: from facts, also those that this
 * machine cannot be brought to. */
#include "unit.h"

#include <errno.h>
#include <unistd.h>

#include "target/process/permission.h"

static const uint64_t PTRACE = 1 << 19, READ_SEARCH = 1 << 2, NET_RAW = 1 << 13;

/* An ordinary user looks at an ordinary process of the same user, and may not. */
static const struct permission_facts ordinary = {
	.pid = 4711,
	.errnum = EACCES,
	.our_uid = 1000,
	.initial_namespace = true,
	.uids = {1000, 1000, 1000},
	.dumpable = true,
	.yama = -1,
};

static enum permission_cause cause;
static struct heapspy_error *error;

static void explain(struct permission_facts facts)
{
	heapspy_error_free(error);
	cause = permission_cause_of(&facts);
	error = permission_explain(&facts);
	assert_int_equal(error->code, HEAPSPY_PERMISSION);
	assert_string_equal(error->what, "cannot read process 4711");
	assert_non_null(error->why);
	assert_null(strchr(error->why, '\n'));
}

#define EXPLAIN(...)                                                           \
	do {                                                                   \
		struct permission_facts facts = ordinary;                      \
		__VA_ARGS__;                                                   \
		explain(facts);                                                \
	} while (0)

static void assert_has(const char *text, const char *part)
{
	if (!text || !strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text ? text : "(null)");
}

static void by_uid(void **state)
{
	(void)state;
	EXPLAIN(facts.uids[0] = facts.uids[1] = facts.uids[2] = 0);
	assert_int_equal(cause, PERMISSION_UID);
	assert_has(error->why, "user root (uid 0)");
	assert_has(error->remedy, "sudo ");
	EXPLAIN(facts.uids[2] = 4000000);
	assert_int_equal(cause, PERMISSION_UID);
	assert_has(error->why, "uid 4000000");
	EXPLAIN(facts.our_uid = 0);
	assert_int_equal(cause, PERMISSION_ROOT_WITHOUT_CAPABILITY);
	assert_has(error->why, "CAP_SYS_PTRACE");
	assert_true(!error->remedy || !strstr(error->remedy, "sudo"));
}

static void by_dumpable_and_capabilities(void **state)
{
	(void)state;
	EXPLAIN(facts.dumpable = false);
	assert_int_equal(cause, PERMISSION_DUMPABLE);
	assert_has(error->why, "dumpable");
	EXPLAIN(facts.caps = NET_RAW | PTRACE);
	assert_int_equal(cause, PERMISSION_CAPABILITIES);
	assert_has(error->why, "cap_net_raw, cap_sys_ptrace");
	EXPLAIN(facts.caps = facts.our_caps = NET_RAW);
	assert_int_equal(cause, PERMISSION_MODULE);
}

static void by_yama(void **state)
{
	(void)state;
	EXPLAIN(facts.yama = 0);
	assert_int_equal(cause, PERMISSION_MODULE);
	EXPLAIN(facts.yama = 1);
	assert_int_equal(cause, PERMISSION_YAMA);
	assert_has(error->why, "ptrace_scope is 1");
	assert_has(error->remedy, "sudo sysctl kernel.yama.ptrace_scope=0");
	EXPLAIN(facts.yama = 1, facts.descendant = true);
	assert_int_equal(cause, PERMISSION_MODULE);
	EXPLAIN(facts.yama = 2, facts.descendant = true);
	assert_int_equal(cause, PERMISSION_YAMA);
	EXPLAIN(facts.yama = 2, facts.our_uid = 0, facts.our_caps = PTRACE | READ_SEARCH);
	assert_int_equal(cause, PERMISSION_MODULE);
	EXPLAIN(facts.yama = 3, facts.our_uid = 0, facts.our_caps = PTRACE | READ_SEARCH);
	assert_int_equal(cause, PERMISSION_YAMA);
	assert_null(strstr(error->remedy, "sysctl kernel"));
	/* Another user's process is that first, whatever Yama says. */
	EXPLAIN(facts.yama = 1, facts.uids[1] = 1);
	assert_int_equal(cause, PERMISSION_UID);
	assert_string_equal(permission_yama_meaning(3), permission_yama_meaning(9));
	assert_non_null(permission_yama_meaning(-1));
}

static void by_the_rest(void **state)
{
	(void)state;
	EXPLAIN(facts.our_caps = PTRACE, facts.uids[0] = 0);
	assert_int_equal(cause, PERMISSION_FILE_MODE);
	assert_has(error->remedy, "sudo setcap cap_sys_ptrace,cap_dac_read_search+ep /");
	EXPLAIN(facts.our_caps = PTRACE | READ_SEARCH, facts.initial_namespace = false);
	assert_int_equal(cause, PERMISSION_NAMESPACE);
	EXPLAIN(facts.our_seccomp = 2);
	assert_int_equal(cause, PERMISSION_SECCOMP);
	EXPLAIN();
	assert_int_equal(cause, PERMISSION_MODULE);
	EXPLAIN(facts.errnum = 0);
	assert_int_equal(cause, PERMISSION_FINE);
	heapspy_error_free(error);
	error = NULL;
}

static void each_has_a_phrase(void **state)
{
	(void)state;
	assert_null(permission_phrase(PERMISSION_FINE));
	for (enum permission_cause each = PERMISSION_FINE + 1; each <= PERMISSION_MODULE; each++)
		assert_in_range(strlen(permission_phrase(each)), 5, 32);
}

/* The shell must give back the very arguments this test was started with. */
static void the_remedy_runs_as_printed(void **state)
{
	(void)state;
	struct heapspy_error *rerun = permission_rerun(permission_hidden_error(1), 1, 2);
	char command[8192], ours[4096] = "", shown[4096] = "";
	assert_true(readlink("/proc/self/exe", ours, sizeof(ours) - 1) > 0);
	char *line = strrchr(rerun->remedy, '\n');
	snprintf(command, sizeof(command), "printf '%%s\\n' %s", line ? line + 1 : rerun->remedy);
	FILE *shell = popen(command, "r");
	assert_non_null(fgets(shown, sizeof(shown), shell));
	shown[strcspn(shown, "\n")] = '\0';
	assert_string_equal(shown, ours);
	char quoted[100];
	assert_non_null(fgets(quoted, sizeof(quoted), shell));
	assert_string_equal(quoted, "it's $HOME; \"2\"\n");
	assert_non_null(fgets(quoted, sizeof(quoted), shell));
	assert_string_equal(quoted, "2\n"); /* was the PID */
	pclose(shell);
	heapspy_error_free(rerun);
}

int main(int argc, char **argv)
{
	if (argc == 1) {
		execl("/proc/self/exe", argv[0], "it's $HOME; \"2\"", "1", (char *)NULL);
		return 1;
	}
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_uid),
		cmocka_unit_test(by_dumpable_and_capabilities),
		cmocka_unit_test(by_yama),
		cmocka_unit_test(by_the_rest),
		cmocka_unit_test(each_has_a_phrase),
		cmocka_unit_test(the_remedy_runs_as_printed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
