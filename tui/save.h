/* SPDX-License-Identifier: MIT */
/* Files that the user asks for: views, and snapshots, which the sampler writes. */
#ifndef TUI_SAVE_H
#define TUI_SAVE_H

#include "group.h"

struct saver {
	const struct tui_files *files; /* NULL: nothing can be written */
	/* The snapshot that is being written. */
	uint64_t number; /* of the sampler's, 0: none is */
	const struct member *member; /* whose heap it is */
	char path[256];
};

/* Write what the prompt on the screen was answered with. */
void save_file(struct saver *saver, struct group *group);

/* The member took a sample: is the snapshot written? True: it is, or failed; and the screen
 * says so. */
bool save_look(struct saver *saver, struct group *group, const struct member *member);

/* The member and its sampler are no more. */
void save_forget(struct saver *saver, const struct member *member);

#endif
