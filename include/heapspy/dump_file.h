/* SPDX-License-Identifier: MIT */
/*
 * A dump that was kept: what `heapspy dump --json` wrote (schema heapspy.dump/1),
 * read back.
 *
 * The file is not trusted: texts are sanitised anew, a number that cannot be one
 * is an error, what it does not say is unknown. What later versions may add is
 * passed over.
 */
#ifndef HEAPSPY_DUMP_FILE_H
#define HEAPSPY_DUMP_FILE_H

#include <heapspy/api.h>
#include <heapspy/attach.h>
#include <heapspy/dump.h>
#include <heapspy/error.h>

struct heapspy_dump_file {
	char *path;                        /* as it was given, sanitised */
	struct heapspy_target_info target; /* of what the dump is */
	char *python;                      /* version, NULL: not known */
	struct heapspy_dump *dump;         /* capture.time NaN: not known. Of the collectors and
	                                      of size classes it has nothing. `total` is of the
	                                      whole heap, also where a limit or a filter kept
	                                      types out of the file */
};

/* A regular file, a pipe (<(heapspy dump --json 4711)) or a device. HEAPSPY_BAD_FILE: it
 * cannot be opened, is no such dump, or is damaged: the error says where. */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_dump_load(const char *path, struct heapspy_dump_file **ret_file);

/* Takes NULL. */
HEAPSPY_API void heapspy_dump_file_free(struct heapspy_dump_file *file);

#endif
