/* SPDX-License-Identifier: MIT */
/* The files that the dashboard writes when it is asked to. */
#ifndef CMD_TOP_FILES_H
#define CMD_TOP_FILES_H

#include "output/file.h"
#include "tui/tui.h"

struct top_files {
	struct tui_files files; /* what the dashboard gets */
	bool ascii;
	struct output snapshot; /* being written, if it has a stream */
	char *path;             /* of that */
};

/* It must not be moved afterwards. */
void top_files_init(struct top_files *files, bool ascii);

/* What is not finished is gone. Takes one that is all zeros. */
void top_files_fini(struct top_files *files);

#endif
