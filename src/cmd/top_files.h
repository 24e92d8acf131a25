/* SPDX-License-Identifier: MIT */
/* The files that the dashboard writes when it is asked to. */
#ifndef CMD_TOP_FILES_H
#define CMD_TOP_FILES_H

#include "output/file.h"
#include "tui/tui.h"

struct top_files {
	struct tui_files files; /* what the dashboard gets */
	const struct heapspy_target_info *target;
	const struct heapspy_python_info *python;
	bool ascii;
	struct output snapshot; /* being written, if it has a stream */
	char *path;             /* of that */
};

/* It must not be moved afterwards. The infos are those of what is watched. */
void top_files_init(struct top_files *files, const struct heapspy_target_info *target,
		    const struct heapspy_python_info *python, bool ascii);

/* What is not finished is gone. Takes one that is all zeros. */
void top_files_fini(struct top_files *files);

#endif
