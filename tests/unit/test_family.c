/* SPDX-License-Identifier: MIT */
/* A process and what it started, in both ways of finding out. */
#include "unit.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "heap/processes/family.h"

/* Says the PIDs of a child, a child of that, and a child of another thread. */
struct tree {
	pid_t child, grandchild, of_thread;
};

static pid_t fork_one(void)
{
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static void *fork_in_thread(void *ret_pid)
{
	*(pid_t *)ret_pid = fork_one();
	/* Its children are its own as long as it lives. */
	for (;;)
		pause();
	return NULL;
}

static void be_a_tree(void *context)
{
	struct tree tree = {0};
	pthread_t thread;
	int ends[2];
	(void)context;
	if (pipe(ends) < 0)
		_exit(1);
	tree.child = fork();
	if (tree.child == 0) {
		pid_t pid = fork_one();
		if (write(ends[1], &pid, sizeof(pid)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(ends[0], &tree.grandchild, sizeof(tree.grandchild)) < 0)
		_exit(1);
	pthread_create(&thread, NULL, fork_in_thread, &tree.of_thread);
	while (!__atomic_load_n(&tree.of_thread, __ATOMIC_ACQUIRE))
		;
	child_say(&tree, sizeof(tree));
}

static const struct heapspy_relative *by_pid(const struct heapspy_family *family, pid_t pid)
{
	for (size_t i = 0; i < family->count; i++)
		if (family->items[i].pid == pid)
			return &family->items[i];
	return NULL;
}

static void assert_relative(const struct heapspy_family *family, pid_t pid, pid_t parent,
			    unsigned depth)
{
	const struct heapspy_relative *found = by_pid(family, pid);
	assert_non_null(found);
	assert_int_equal(found->parent, parent);
	assert_int_equal(found->depth, depth);
	assert_true(found->age >= 0 && found->age < 3600);
	assert_ptr_equal(heapspy_family_find(family, pid, found->start), found);
	assert_null(heapspy_family_find(family, pid, found->start + 1));
}

static bool has_ended(pid_t root, pid_t pid, bool listed)
{
	struct heapspy_family family;
	assert_null(family_list(&root, 1, listed, &family));
	bool there = by_pid(&family, pid) != NULL;
	heapspy_family_fini(&family);
	return !there;
}

static void descendants(void **state)
{
	(void)state;
	for (int listed = 0; listed < 2; listed++) {
		struct child root = child_start(be_a_tree, NULL);
		struct tree tree;
		child_hear(&root, &tree, sizeof(tree));
		/* One asked for twice, one that is there already, one that is nobody. */
		pid_t pids[] = {root.pid, tree.child, root.pid, 1 << 30};
		struct heapspy_family family;
		assert_null(family_list(pids, 4, listed, &family));
		assert_int_equal(family.count, 4);
		assert_false(family.cut);
		assert_relative(&family, root.pid, getpid(), 0);
		assert_relative(&family, tree.child, root.pid, 0);
		assert_relative(&family, tree.grandchild, tree.child, 1);
		assert_relative(&family, tree.of_thread, root.pid, 1);
		heapspy_family_fini(&family);
		assert_int_equal(family.count, 0);

		/* A zombie is gone: its parent does not reap it. */
		kill(tree.of_thread, SIGKILL);
		while (!has_ended(root.pid, tree.of_thread, listed))
			;
		kill(tree.grandchild, SIGKILL);
		kill(tree.child, SIGKILL);
		while (!has_ended(root.pid, tree.child, listed))
			;
		child_end(&root);
	}
}

static void nobody(void **state)
{
	(void)state;
	pid_t pid = 1 << 30;
	struct heapspy_family family;
	assert_null(heapspy_family_list(&pid, 1, &family));
	assert_int_equal(family.count, 0);
	heapspy_family_fini(&family);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descendants),
		cmocka_unit_test(nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
