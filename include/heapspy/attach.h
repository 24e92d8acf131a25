/* SPDX-License-Identifier: MIT */
/*
 * Attaching: from a PID, or a core file, to a proven CPython runtime that can be read.
 *
 * Attaching only opens files of /proc and reads memory; the target is neither
 * stopped nor changed. A `struct heapspy` belongs to one thread at a time.
 */
#ifndef HEAPSPY_ATTACH_H
#define HEAPSPY_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <heapspy/api.h>
#include <heapspy/error.h>

struct heapspy;

/* Where the offsets of CPython's structures may come from. */
enum heapspy_layout_source {
	HEAPSPY_LAYOUT_AUTO,          /* debug offsets over table; DWARF if no table fits */
	HEAPSPY_LAYOUT_DWARF,         /* debug information of the target's own build */
	HEAPSPY_LAYOUT_DEBUG_OFFSETS, /* _Py_DebugOffsets (3.13+), the table for the rest */
	HEAPSPY_LAYOUT_TABLE,         /* the built-in tables alone */
};

struct heapspy_attach_options {
	enum heapspy_layout_source layout;
};

/* X(NAME, name in JSON) */
#define HEAPSPY_TARGET_KINDS(X)                                                   \
	X(PROCESS, "process")                                                     \
	X(CORE, "core")         /* core file of the kernel or a debugger */       \
	X(SNAPSHOT, "snapshot") /* written by heapspy: <heapspy/snapshot.h> */

enum heapspy_target_kind {
#define X(name, json_name) HEAPSPY_TARGET_##name,
	HEAPSPY_TARGET_KINDS(X)
#undef X
};

/* How memory was read. X(NAME, name in JSON) */
#define HEAPSPY_CAPTURE_MODES(X)                                                  \
	X(RUNNING, "running") /* while the target went on */                      \
	X(STOPPED, "stopped") /* at one instant: all its threads were held */     \
	X(QUIET, "quiet")     /* at one instant: nothing in it moved by itself */ \
	X(FILE, "file")       /* from a core file: as it was when that was made */

enum heapspy_capture_mode {
#define X(name, json_name) HEAPSPY_CAPTURE_##name,
	HEAPSPY_CAPTURE_MODES(X)
#undef X
};

struct heapspy_target_info {
	enum heapspy_target_kind kind;
	pid_t pid;      /* of a file: the one its process had, 0 where it does not say */
	char *path;     /* of the file, as it was given, sanitised; NULL: a process */
	char **command; /* argv of the target, sanitised UTF-8; NULL at the end */
	char *executable; /* NULL: not known */
	double uptime;  /* seconds since the process started; NaN: not known */
};

struct heapspy_python_info {
	char version[24];           /* "3.14.0rc2" */
	uint32_t hexversion;        /* sys.hexversion */
	bool debug;                 /* --with-pydebug */
	bool free_threaded;         /* --disable-gil */
	const char *allocator;      /* "pymalloc", "pymalloc_debug", "malloc", "malloc_debug", "mimalloc" */
	const char *layout_id;      /* row of the table: "cpython-3.11" */
	const char *layout_source;  /* "table", "debug-offsets+table", "dwarf", ... */
};

/* options may be NULL. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_attach(pid_t pid, const struct heapspy_attach_options *options, struct heapspy **ret_heapspy);

/* The two halves of heapspy_attach(), for what is to be done between them:
 * <heapspy/sandbox.h>. The first opens all that is needed of the process later, and looks
 * at nothing that it wrote; only heapspy_target_info() has an answer then. `will_stop`:
 * start the process that will stop it, for those who could not do that later. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_reach(pid_t pid, bool will_stop, struct heapspy **ret_heapspy);

/* The second finds its Python. options may be NULL. After an error heapspy_detach()
 * is all that is left to do. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_recognise(struct heapspy *heapspy, const struct heapspy_attach_options *options);

/* A core file: the kernel's, gcore's, or a snapshot. What it left out is read from
 * the program files on this machine, where they are those of its process.
 * HEAPSPY_BAD_FILE: it is no core, or damaged; the error says where. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_open(const char *path, const struct heapspy_attach_options *options,
	     struct heapspy **ret_heapspy);

/* From any thread: what reads it fails from now on, soon, as if the process were gone. */
HEAPSPY_API void heapspy_cancel(struct heapspy *heapspy);

/* Takes NULL. */
HEAPSPY_API void heapspy_detach(struct heapspy *heapspy);

/* Both live as long as the attachment. */
HEAPSPY_API const struct heapspy_target_info *heapspy_target_info(const struct heapspy *heapspy);
HEAPSPY_API const struct heapspy_python_info *heapspy_python_info(const struct heapspy *heapspy);

/* "process", "core", "snapshot". Static text. */
HEAPSPY_API const char *heapspy_target_kind_name(enum heapspy_target_kind kind);

/* "running", "stopped", "quiet", "file". Static text. */
HEAPSPY_API const char *heapspy_capture_mode_name(enum heapspy_capture_mode mode);

#endif
