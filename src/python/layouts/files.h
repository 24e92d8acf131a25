/* SPDX-License-Identifier: MIT */
/* Layouts from files named on a command line: for the programs of this folder. */
#ifndef LAYOUTS_FILES_H
#define LAYOUTS_FILES_H

#include <heapspy/error.h>

#include "python/layout.h"

/* From the debug information of the file `python`; `modules` are "MODULE=FILE",
 * the extension modules. A module that cannot be read is complained of. */
struct heapspy_error *layout_from_files(const char *python, char **modules, int count,
					struct layout *ret_layout);

/* Write the error to stderr and end it. */
void complain(const char *program, struct heapspy_error *error);

#endif
