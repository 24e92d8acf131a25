/* SPDX-License-Identifier: MIT */
/*
 * A CPython runtime inside a target: found, and proven to be what it seems.
 *
 * A wrong offset returns plausible numbers, so no candidate is believed before
 * it was proven: interpreter and thread state point at each other, the heads of
 * the GC lists are circular, type(type) is type, sys.modules is a dict, and the
 * version words agree.
 */
#ifndef PYTHON_RUNTIME_H
#define PYTHON_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/attach.h>
#include <heapspy/error.h>

#include "base/cleanup.h"
#include "elf/module.h"
#include "python/layout.h"
#include "target/peek.h"
#include "target/target.h"

/* More interpreters than any program has; a longer chain is damaged. */
#define PYTHON_MAX_INTERPRETERS 1024

struct interpreter {
	uint64_t address; /* PyInterpreterState */
	int64_t id;
	uint64_t gc; /* its struct _gc_runtime_state; in 3.8 the one of the runtime */
};

/* The static variables of Objects/obmalloc.c, up to 3.11, once they were sought: where each
 * lies; 0: not known. python/obmalloc_find.c */
struct arena_variables {
	bool sought; /* by their symbols */
	uint64_t arenas, maxarenas;
	uint64_t allocated, highwater, large_blocks;
	/* Of a stripped build: so many slots of this table were proven to be its own. */
	uint64_t table;
	uint32_t proven;
};

struct python {
	struct target *target;     /* not owned */
	struct peek *peek;         /* owned; everything small is read through it */
	struct elf_module *module; /* owned: the file that holds the runtime; NULL if none does */
	uint64_t address;          /* of _PyRuntime */
	uint32_t hexversion;       /* sys.hexversion */
	bool debug;                /* --with-pydebug */
	struct layout layout;
	char layout_source[64];

	uint64_t type_type; /* PyType_Type */
	uint64_t dict_type; /* PyDict_Type */

	/* The debug hooks of the allocators (PYTHONMALLOC=debug, pydebug) put this many
	 * bytes before every block: 16 or 0. Objects/obmalloc.c, 3.8 - 3.15. */
	unsigned hook_bytes;

	struct arena_variables arena_variables;

	uint64_t name_reads; /* that names of types took in this sample: python/type_name.c */

	struct interpreter *interpreters; /* main interpreter first */
	size_t interpreter_count;
};

/* Find the runtime of a target and prove it. The error says what was found
 * instead: no Python, one that we do not read, one that is not ready. */
struct heapspy_error *python_open(struct target *target, enum heapspy_layout_source source,
				  struct python **ret_python);

void python_free(struct python *python);
DEFINE_CLEANUP(struct python *, python_free)

/* Learn the interpreters anew: they come and go. FAULT_STRANGE when the chain
 * is damaged. */
enum fault python_list_interpreters(struct python *python);

/* Read it from another target that holds the same process: a copy of it, and back. */
void python_retarget(struct python *python, struct target *target);

/* 3.12 as PYTHON_VERSION(3, 12): compares with hexversion. */
#define PYTHON_VERSION(major, minor) ((uint32_t)(major) << 24 | (uint32_t)(minor) << 16)

static inline bool python_since(const struct python *python, uint32_t version)
{
	return python->hexversion >= version;
}

#endif
