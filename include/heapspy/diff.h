/* SPDX-License-Identifier: MIT */
/*
 * What changed between two dumps, type by type.
 *
 * Types are matched by their names, since addresses are another process's, or
 * another run's; type objects of one name are summed up. Nothing is read for it
 * but the two dumps, so that any two can be compared: of one process at two
 * times, of two processes, live or from files.
 */
#ifndef HEAPSPY_DIFF_H
#define HEAPSPY_DIFF_H

#include <stddef.h>
#include <stdint.h>

#include <heapspy/api.h>
#include <heapspy/dump.h>
#include <heapspy/error.h>
#include <heapspy/memory.h>

/* A number at two times; HEAPSPY_UNKNOWN where it is not known. */
struct heapspy_change {
	uint64_t before, after;
};

struct heapspy_type_change {
	const char *name; /* belongs to one of the dumps */
	struct heapspy_change objects, bytes;
};

struct heapspy_diff {
	struct heapspy_type_change *types; /* by growth in bytes, largest first */
	size_t type_count;
	size_t changed; /* types that have another number of objects or bytes */
	struct heapspy_change objects, bytes; /* of the whole heap */
	char **incomplete; /* reasons: what is missing in either dump; count 0: complete */
	size_t incomplete_count;
};

/* A type that only one dump has is 0 in the other; it is unknown there if that
 * dump does not list all its types. The dumps must outlive the diff. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_diff_make(const struct heapspy_dump *before, const struct heapspy_dump *after,
		  struct heapspy_diff **ret_diff);

/* Takes NULL. */
HEAPSPY_API void heapspy_diff_free(struct heapspy_diff *diff);

/* For sorting, as strcmp(): what grew by more comes first, what is not known last. */
HEAPSPY_API int heapspy_change_compare(const struct heapspy_change *left,
				       const struct heapspy_change *right);

#endif
