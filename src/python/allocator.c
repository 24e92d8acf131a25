/* SPDX-License-Identifier: MIT */
#include "python/allocator.h"

#include <string.h>

#include "python/obmalloc.h"

static bool uses_pymalloc(struct python *python)
{
	struct arenas arenas;
	if (obmalloc_arenas(python, &arenas) != FAULT_NONE)
		return false;
	bool any = arenas.count != 0;
	arenas_fini(&arenas);
	return any;
}

/* sys.modules is one of the first objects of all: malloc took it from the heap that
 * grows by brk, mimalloc never does. */
static bool uses_mimalloc(struct python *python)
{
	uint64_t modules = peek_u64(python->peek, python->interpreters[0].address +
							  OFFSET(&python->layout, InterpreterState, modules));
	const struct mapping *mapping = maps_find(target_maps(python->target), modules);
	return peek_take_fault(python->peek) == FAULT_NONE && mapping &&
	       python_since(python, PYTHON_VERSION(3, 13)) && strcmp(mapping->path, "[heap]") != 0;
}

const char *allocator_name(struct python *python)
{
	bool debug = python->hook_bytes != 0;
	if (uses_pymalloc(python))
		return debug ? "pymalloc_debug" : "pymalloc";
	if (uses_mimalloc(python))
		return debug ? "mimalloc_debug" : "mimalloc";
	return debug ? "malloc_debug" : "malloc";
}
