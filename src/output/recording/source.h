/* SPDX-License-Identifier: MIT */
/*
 * The text of source lines, where this machine has the files. What a recording names
 * is not trusted: only regular files are read that are source by their names, or
 * scripts of Python.
 */
#ifndef OUTPUT_RECORDING_SOURCE_H
#define OUTPUT_RECORDING_SOURCE_H

#include <heapspy/stack.h>

struct source_files;

/* `until`: files that were changed later are counted; NaN: none. NULL where there is
 * no memory. */
struct source_files *source_files_new(double until);
void source_files_free(struct source_files *files);

/* Without the spaces around it, sanitised; NULL: it cannot be had. It lives until the
 * next call. */
const char *source_line(struct source_files *files, const struct heapspy_frame *frame);

/* How many of the files that were read are newer than the recording. */
size_t source_files_changed(const struct source_files *files);

#endif
