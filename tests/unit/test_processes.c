/* SPDX-License-Identifier: MIT */
/* The list of Python processes, the memory account of one, and the diagnosis. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <heapspy/doctor.h>
#include <heapspy/processes.h>

#include "child.h"
#include "heap/account/account.h"
#include "target/target.h"

enum { NOBODY = 65534, MIB = 1 << 20 };

/* ---- the list ---------------------------------------------------------------- */

static const struct heapspy_process *find(const struct heapspy_processes *processes, pid_t pid)
{
	for (size_t i = 0; i < processes->count; i++)
		if (processes->items[i].pid == pid)
			return &processes->items[i];
	return NULL;
}

static void be_python(void *context)
{
	(void)context;
	child_say("", 1);
	static const char code[] = "import time; time.sleep(1000)";
	execl("/usr/bin/python3", "python3", "-c", code, "\033[31m", (char *)NULL);
	execlp("python3", "python3", "-c", code, "\033[31m", (char *)NULL);
	_exit(1);
}

static void be_python_of_nobody(void *context)
{
	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		_exit(1);
	be_python(context);
}

/* Maps a file that is called as a library of Python is, and is no Python otherwise. */
static void embed_python(void *name)
{
	int fd = open(name, O_CREAT | O_RDWR, 0600);
	if (fd < 0 || ftruncate(fd, 4096) < 0 ||
	    mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		_exit(1);
	unlink(name);
	child_say("", 1);
}

static void be_nothing(void *context)
{
	(void)context;
	child_say("", 1);
}

static struct child new_child(void (*body)(void *context), void *context)
{
	struct child child = child_start(body, context);
	char word;
	child_hear(&child, &word, 1);
	return child;
}

static bool is_executing(const struct child *child, const char *wanted)
{
	char path[64], name[64] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", child->pid);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(name, sizeof(name), file));
	fclose(file);
	return strncmp(name, wanted, strlen(wanted)) == 0;
}

static void listing(void **state)
{
	(void)state;
	struct child python = new_child(be_python, NULL), other = new_child(be_nothing, NULL);
	struct child embedder = new_child(embed_python, (char *)"/tmp/libpython3.9.so.1.0");
	struct child ancient = new_child(embed_python, (char *)"/tmp/libpython2.6.so.1.0");
	struct child dead = new_child(be_nothing, NULL);
	kill(dead.pid, SIGKILL);
	while (!is_executing(&python, "python3"))
		;
	struct heapspy_processes processes;
	assert_no_error(heapspy_processes_list(&processes));
	const struct heapspy_process *found = find(&processes, python.pid);
	assert_non_null(found);
	assert_non_null(found->version);
	assert_int_equal(strncmp(found->version, "3.", 2), 0);
	assert_int_equal(found->uid, geteuid());
	assert_true(found->rss > 0 && found->rss % 4096 == 0);
	assert_non_null(strstr(found->command, "python3 -c import time; time.sleep(1000) \\x1b[31m"));
	assert_null(found->obstacle);
	found = find(&processes, embedder.pid);
	assert_non_null(found);
	assert_string_equal(found->version, "3.9");
	assert_null(found->obstacle);
	found = find(&processes, ancient.pid);
	assert_non_null(found);
	assert_string_equal(found->obstacle, "Python 2.6 is not supported");
	assert_null(find(&processes, other.pid));
	assert_null(find(&processes, dead.pid));
	assert_null(find(&processes, getpid()));
	for (size_t i = 1; i < processes.count; i++)
		assert_true(processes.items[i - 1].pid < processes.items[i].pid);
	heapspy_processes_fini(&processes);
	assert_int_equal(processes.count, 0);
	child_end(&python);
	child_end(&other);
	child_end(&embedder);
	child_end(&ancient);
	child_end(&dead);
}

static void list_as_nobody(void *context)
{
	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		_exit(1);
	struct heapspy_processes processes;
	char obstacle[64] = "not listed";
	heapspy_error_free(heapspy_processes_list(&processes));
	const struct heapspy_process *found = find(&processes, *(pid_t *)context);
	if (found)
		snprintf(obstacle, sizeof(obstacle), "%s", found->obstacle ? found->obstacle : "none");
	child_say(obstacle, sizeof(obstacle));
}

static void listing_without_rights(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("SKIPPED: needs root\n");
		skip();
	}
	struct child roots = new_child(be_python, NULL), nobodys = new_child(be_python_of_nobody, NULL);
	while (!is_executing(&roots, "python3") || !is_executing(&nobodys, "python3"))
		;
	char obstacle[64];
	struct child looker = child_start(list_as_nobody, &roots.pid);
	child_hear(&looker, obstacle, sizeof(obstacle));
	child_end(&looker);
	assert_string_equal(obstacle, "of another user");
	looker = child_start(list_as_nobody, &nobodys.pid);
	child_hear(&looker, obstacle, sizeof(obstacle));
	child_end(&looker);
	assert_string_equal(obstacle, "none");
	child_end(&roots);
	child_end(&nobodys);
}

static void spawn_for_ever(void *context)
{
	(void)context;
	signal(SIGCHLD, SIG_IGN);
	child_say("", 1);
	for (;;)
		if (fork() == 0)
			_exit(0);
}

/* Processes vanish and come while they are listed. */
static void listing_in_a_storm(void **state)
{
	(void)state;
	struct child storm = new_child(spawn_for_ever, NULL), python = new_child(be_python, NULL);
	while (!is_executing(&python, "python3"))
		;
	for (int i = 0; i < 30; i++) {
		struct heapspy_processes processes;
		assert_no_error(heapspy_processes_list(&processes));
		assert_non_null(find(&processes, python.pid));
		heapspy_processes_fini(&processes);
	}
	child_end(&storm);
	child_end(&python);
}

static void listing_among_many(void **state)
{
	(void)state;
	enum { MANY = 300 };
	struct child children[MANY], python = new_child(be_python, NULL);
	while (!is_executing(&python, "python3"))
		;
	for (size_t i = 0; i < MANY; i++)
		children[i] = new_child(be_nothing, NULL);
	struct heapspy_processes processes;
	assert_no_error(heapspy_processes_list(&processes));
	assert_non_null(find(&processes, python.pid));
	for (size_t i = 0; i < MANY; i++)
		assert_null(find(&processes, children[i].pid));
	heapspy_processes_fini(&processes);
	for (size_t i = 0; i < MANY; i++)
		child_end(&children[i]);
	child_end(&python);
}

/* ---- the account --------------------------------------------------------------- */

static void hold_memory(void *context)
{
	(void)context;
	char *memory = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(memory, 64 * MIB, MADV_NOHUGEPAGE);
	memset(memory, 1, 32 * MIB);
	memset(memory, 1, 24 * MIB);
	madvise(memory + 24 * MIB, 8 * MIB, MADV_DONTNEED);
	child_say("", 1);
}

static void account(void **state)
{
	(void)state;
	struct child child = new_child(hold_memory, NULL);
	struct target *target = NULL;
	struct heapspy_memory memory;
	assert_no_error(target_open_process(child.pid, &target));
	assert_no_error(account_read(target, NULL, &memory, NULL));
	/* The rest is that of the test itself: more where it was built with a sanitizer. */
	assert_in_range(memory.rss, 24 * MIB, 1024 * MIB);
	assert_in_range(memory.uss, 24 * MIB, memory.rss);
	assert_in_range(memory.pss, memory.uss, memory.rss);
	assert_in_range(memory.rss_peak, memory.rss + 7 * MIB, memory.rss + 16 * MIB);
	assert_true(memory.virt >= 64 * MIB && memory.virt != HEAPSPY_UNKNOWN);
	assert_int_equal(memory.swap, 0);
	assert_in_range(memory.rss, child_status(&child, "VmRSS") * 1024 - MIB,
			child_status(&child, "VmRSS") * 1024 + MIB);
	kill(child.pid, SIGKILL);
	siginfo_t info;
	waitid(P_PID, child.pid, &info, WEXITED | WNOWAIT);
	struct heapspy_error *error = account_read(target, NULL, &memory, NULL);
	assert_int_equal(error->code, HEAPSPY_GONE);
	heapspy_error_free(error);
	target_free(target);
	child_end(&child);
}

/* ---- the diagnosis --------------------------------------------------------------- */

static const struct heapspy_check *check(const struct heapspy_diagnosis *diagnosis, const char *name)
{
	for (size_t i = 0; i < diagnosis->check_count; i++)
		if (strcmp(diagnosis->checks[i].name, name) == 0)
			return &diagnosis->checks[i];
	return NULL;
}

static void assert_check(const struct heapspy_diagnosis *diagnosis, const char *name, bool passed)
{
	const struct heapspy_check *found = check(diagnosis, name);
	if (!found || found->passed != passed)
		fail_msg("check %s: %s", name, found ? found->detail : "is missing");
}

static void diagnosis_of_the_machine(void **state)
{
	(void)state;
	struct heapspy_diagnosis diagnosis;
	assert_no_error(heapspy_diagnose(0, true, &diagnosis));
	static const char *const names[] = {"kernel", "proc", "reading", "pagemap", "yama", "rights"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_non_null(check(&diagnosis, names[i]));
	assert_null(check(&diagnosis, "process"));
	assert_int_equal(diagnosis.offset_count, 0);
	heapspy_diagnosis_fini(&diagnosis);
	heapspy_diagnosis_fini(&diagnosis);
}

static void diagnosis_of_a_stranger(void **state)
{
	(void)state;
	struct heapspy_diagnosis diagnosis;
	struct child child = new_child(be_nothing, NULL);
	assert_no_error(heapspy_diagnose(child.pid, true, &diagnosis));
	assert_check(&diagnosis, "process", true);
	assert_check(&diagnosis, "permission", true);
	assert_check(&diagnosis, "interpreter", false);
	assert_null(check(&diagnosis, "runtime"));
	assert_int_equal(diagnosis.error->code, HEAPSPY_NOT_PYTHON);
	heapspy_diagnosis_fini(&diagnosis);
	child_end(&child);

	assert_no_error(heapspy_diagnose(child.pid, true, &diagnosis));
	assert_check(&diagnosis, "process", false);
	assert_null(check(&diagnosis, "permission"));
	assert_int_equal(diagnosis.error->code, HEAPSPY_NO_PROCESS);
	heapspy_diagnosis_fini(&diagnosis);
	assert_no_error(heapspy_diagnose(-5, false, &diagnosis));
	assert_int_equal(diagnosis.error->code, HEAPSPY_USAGE);
	heapspy_diagnosis_fini(&diagnosis);
}

static void diagnosis_of_python(void **state)
{
	(void)state;
	struct child child = child_start(be_python, NULL);
	struct heapspy_diagnosis diagnosis;
	struct timespec start, now;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) { /* until it has started */
		assert_no_error(heapspy_diagnose(child.pid, true, &diagnosis));
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (!diagnosis.error || now.tv_sec - start.tv_sec > 10)
			break;
		heapspy_diagnosis_fini(&diagnosis);
	}
	if (diagnosis.error)
		fail_msg("%s: %s", diagnosis.error->what, diagnosis.error->why);
	static const char *const names[] = {"process", "permission", "interpreter", "version", "layout",
					    "runtime"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_check(&diagnosis, names[i], true);
	assert_true(diagnosis.offset_count > 100);
	for (size_t i = 0; i < diagnosis.offset_count; i++) {
		const struct heapspy_offset *offset = &diagnosis.offsets[i];
		assert_non_null(offset->structure);
		assert_non_null(offset->field);
		assert_non_null(offset->source);
		if (offset->used == -1)
			continue;
		assert_true(offset->used == offset->table || offset->used == offset->dwarf ||
			    offset->used == offset->debug_offsets);
	}
	heapspy_diagnosis_fini(&diagnosis);
	child_end(&child);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(listing),
		cmocka_unit_test(listing_without_rights),
		cmocka_unit_test(listing_in_a_storm),
		cmocka_unit_test(listing_among_many),
		cmocka_unit_test(account),
		cmocka_unit_test(diagnosis_of_the_machine),
		cmocka_unit_test(diagnosis_of_a_stranger),
		cmocka_unit_test(diagnosis_of_python),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
