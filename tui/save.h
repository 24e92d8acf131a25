/* SPDX-License-Identifier: MIT */
/* Files that the user asks for: views, and snapshots, which the sampler writes. */
#ifndef TUI_SAVE_H
#define TUI_SAVE_H

#include "app.h"

struct saver {
	const struct tui_files *files; /* NULL: nothing can be written */
	/* The snapshot that is being written. */
	uint64_t number; /* of the sampler's, 0: none is */
	const struct app *app;
	char path[256];
};

/* Write what app->prompt was answered with. `sampler` is that of the app. */
void save_file(struct saver *saver, struct app *app, struct heapspy_sampler *sampler);

/* The app took a sample: is the snapshot written? True: it is, or failed. */
bool save_look(struct saver *saver, struct app *app);

/* The app and its sampler are no more. */
void save_forget(struct saver *saver, const struct app *app);

#endif
