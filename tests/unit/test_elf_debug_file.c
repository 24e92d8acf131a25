/* SPDX-License-Identifier: MIT */
/* Debug information apart from its program: found where it should be, and only
 * the right one. The files are made with objcopy, under a root of their own. */
#include "fixtures.h"

#include <unistd.h>

#include "base/cleanup.h"
#include "elf/dwarf.h"
#include "elf_fixture.h"

static char root[64];
static char program[128];

/* With ROOT, FIXTURE and OTHER in its environment. */
static void shell(const char *script)
{
	CLEANUP(freep) char *command = NULL;
	assert_true(asprintf(&command, "set -eu\n%s", script) > 0);
	assert_int_equal(system(command), 0);
}

/* A fresh root in which `program` is stripped and its debug information is in
 * the file called debug, which the test puts into place. */
static int set_up(void **state)
{
	(void)state;
	strcpy(root, "/tmp/heapspy-debug-XXXXXX");
	assert_non_null(mkdtemp(root));
	setenv("ROOT", root, 1);
	setenv("FIXTURE", fixture("dwarf5"), 1);
	setenv("OTHER", fixture("dwarf4"), 1);
	snprintf(program, sizeof(program), "%s/usr/lib/program.so", root);
	shell("mkdir -p $ROOT/usr/lib/debug/usr/lib $ROOT/usr/lib/.debug\n"
	      "cd $ROOT/usr/lib\n"
	      "objcopy --only-keep-debug \"$FIXTURE\" program.debug\n"
	      "objcopy --strip-all --add-gnu-debuglink=program.debug \"$FIXTURE\" program.so\n"
	      "mv program.debug $ROOT/debug");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	shell("rm -rf \"$ROOT\"");
	return 0;
}

static void assert_found(void)
{
	CLEANUP(dwarf_freep) struct dwarf *dwarf = NULL;
	assert_no_error(dwarf_open_file(program, &dwarf));
	int32_t offset = -1;
	assert_true(dwarf_offset(dwarf, "FixtureOuter", "nested.box.deep", &offset));
	assert_int_equal(offset, offsetof(struct fixture_outer, nested.box.deep));
}

static void assert_not_found(void)
{
	struct dwarf *dwarf;
	struct heapspy_error *error = dwarf_open_file(program, &dwarf);
	assert_non_null(error);
	assert_int_equal(error->code, HEAPSPY_REFUSED);
	heapspy_error_free(error);
}

#define BUILD_ID                                                                                   \
	"id=$(readelf -n $ROOT/usr/lib/program.so | sed -n 's/.*Build ID: //p')\n"                 \
	"rest=${id#??}; dir=$ROOT/usr/lib/debug/.build-id/${id%$rest}; mkdir -p $dir\n"            \
	"file=$dir/$rest.debug\n"

#define WITHOUT_BUILD_ID "objcopy --remove-section=.note.gnu.build-id $ROOT/usr/lib/program.so\n"

static void by_build_id(void **state)
{
	(void)state;
	assert_not_found();
	shell(BUILD_ID "mv $ROOT/debug $file");
	assert_found();
}

static void by_debug_link(void **state)
{
	(void)state;
	static const char *const places[] = {"usr/lib/.debug/program.debug",
					     "usr/lib/program.debug",
					     "usr/lib/debug/usr/lib/program.debug"};
	for (int with_build_id = 1; with_build_id >= 0; with_build_id--) {
		if (!with_build_id)
			shell(WITHOUT_BUILD_ID);
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			setenv("PLACE", places[i], 1);
			shell("mv $ROOT/debug $ROOT/$PLACE");
			assert_found();
			shell("mv $ROOT/$PLACE $ROOT/debug");
			assert_not_found();
		}
	}
}

/* In the right place, but of another build. */
static void not_the_wrong_one(void **state)
{
	(void)state;
	shell(BUILD_ID "cp \"$OTHER\" $file");
	assert_not_found();
	shell("cp \"$OTHER\" $ROOT/usr/lib/.debug/program.debug");
	assert_not_found();
	/* By checksum: one byte more. */
	shell(WITHOUT_BUILD_ID "cp $ROOT/debug $ROOT/usr/lib/.debug/program.debug\n"
			       "echo >>$ROOT/usr/lib/.debug/program.debug");
	assert_not_found();
	shell("cp $ROOT/debug $ROOT/usr/lib/.debug/program.debug");
	assert_found();
}

/* Links are followed below the root, and never above it. */
static void links_stay_below_the_root(void **state)
{
	(void)state;
	shell(BUILD_ID "ln -s $ROOT/debug $file"); /* which below the root means ROOT/ROOT/debug */
	assert_not_found();
	shell(BUILD_ID "ln -sf ../../../../../../../../../../..$ROOT/debug $file");
	assert_not_found();
	shell(BUILD_ID "ln -sf /debug $file");
	assert_found();
	shell(BUILD_ID "ln -sf ../../../../../../../../../../../debug $file");
	assert_found();
}

/* What cannot be read as a file must not hold us up. */
static void no_fifos(void **state)
{
	(void)state;
	shell(BUILD_ID "mkfifo $file");
	assert_not_found();
	shell(BUILD_ID "rm $file; mkdir $file");
	assert_not_found();
}

static void what_dwz_moved(void **state)
{
	(void)state;
	if (system("dwz --version >/dev/null 2>&1") != 0) {
		print_message("there is no dwz: skipped\n");
		skip();
	}
	static const char *const names[] = {"/usr/lib/debug/.dwz/common.debug",
					    "debug/.dwz/common.debug"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		setenv("NAME", names[i], 1);
		shell("cd $ROOT/usr/lib; mkdir -p debug/.dwz; cp \"$FIXTURE\" program.so\n"
		      "cp \"$FIXTURE\" other.so\n"
		      "dwz -m debug/.dwz/common.debug -M $NAME program.so other.so\n"
		      "readelf -SW program.so | grep -q gnu_debugaltlink");
		assert_found();
		shell("mv $ROOT/usr/lib/debug/.dwz/common.debug $ROOT/common");
		assert_not_found();
		shell("cp \"$OTHER\" $ROOT/usr/lib/debug/.dwz/common.debug");
		assert_not_found();
	}
	shell("cd $ROOT/usr/lib; file=$ROOT/common\n"
	      "id=$(readelf -n $file | sed -n 's/.*Build ID: //p'); rest=${id#??}\n"
	      "dir=debug/.build-id/${id%$rest}; mkdir -p $dir; mv $file $dir/$rest.debug");
	assert_found();
}

int main(int count, char **arguments)
{
	(void)count;
	fixtures = arguments + 1;
	alarm(60);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
	    TEST(by_build_id),	     TEST(by_debug_link),
	    TEST(not_the_wrong_one), TEST(links_stay_below_the_root),
	    TEST(no_fifos),	     TEST(what_dwz_moved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
