/* SPDX-License-Identifier: MIT */
#include "save.h"

#include <stdio.h>

#include "export.h"
#include "text.h"

static void export(const struct saver *saver, struct group *group)
{
	struct app *app = group_app(group);
	const struct tui_files *files = saver->files;
	struct tui_table table;
	char text[400], why[256] = "there is no memory";
	enum tui_saved saved = TUI_FAILED;
	if (group->open ? export_make(app, &table) : export_make_list(group, &table)) {
		saved = files->save(files->context, app->path, app->replace, app->format, &table,
				    why, sizeof(why));
		snprintf(text, sizeof(text), "written: %s, %zu rows", app->path, table.row_count);
		export_fini(&table);
	}
	app_file_done(app, saved, saved == TUI_SAVED ? text : saved == TUI_EXISTS ? "" : why);
}

/* In the list it is of the one that was asked for, wherever it is now. */
static struct member *member_to_save(const struct group *group)
{
	for (size_t i = 0; i < group->count && !group->open; i++)
		if (group->members[i]->pid == group->saved)
			return group->members[i];
	return group->open;
}

static void begin_snapshot(struct saver *saver, struct group *group)
{
	const struct tui_files *files = saver->files;
	struct app *app = group_app(group);
	const struct member *member = member_to_save(group);
	char text[400], why[256] = "another snapshot is being written";
	enum tui_saved opened = TUI_FAILED;
	int fd;
	if (!member || !member->sampler || member_is_gone(member))
		snprintf(why, sizeof(why), "it is gone: there is no memory to read");
	else if (!saver->number)
		opened = files->open(files->context, app->path, app->replace, &fd, why, sizeof(why));
	if (opened == TUI_SAVED) {
		struct heapspy_snapshot_options options = {.without_text = member->app.without_text};
		snprintf(saver->path, sizeof(saver->path), "%s", app->path);
		saver->number = heapspy_sampler_save(member->sampler, &options, fd);
		saver->member = member;
	}
	snprintf(text, sizeof(text), "writing %s", app->path);
	app_file_done(app, opened, opened == TUI_SAVED ? text : opened == TUI_EXISTS ? "" : why);
}

void save_file(struct saver *saver, struct group *group)
{
	struct app *app = group_app(group);
	if (!saver->files)
		app_file_done(app, TUI_FAILED, "nothing can be written here");
	else if (app->prompt == PROMPT_SNAPSHOT)
		begin_snapshot(saver, group);
	else
		export(saver, group);
}

bool save_look(struct saver *saver, struct group *group, const struct member *member)
{
	const struct heapspy_sample *sample = member->app.model.sample;
	const struct heapspy_saved *saved = sample ? sample->saved : NULL;
	struct app *app = group_app(group);
	char why[256] = "", bytes[TEXT_SIZE], seconds[TEXT_SIZE];
	if (saver->member != member || !saver->number || !saved || saved->number != saver->number)
		return false;
	bool written = !saved->trouble;
	enum tui_saved closed =
		saver->files->close(saver->files->context, written, why, sizeof(why));
	saver->number = 0;
	if (!written)
		snprintf(app->message, sizeof(app->message), "no snapshot: %s", saved->trouble);
	else if (closed != TUI_SAVED)
		snprintf(app->message, sizeof(app->message), "%s", why);
	else
		snprintf(app->message, sizeof(app->message), "written: %s on disk in %s: %s",
			 text_bytes(bytes, saved->snapshot.stored),
			 text_seconds(seconds, saved->snapshot.duration), saver->path);
	return true;
}

void save_forget(struct saver *saver, const struct member *member)
{
	char why[256];
	if (saver->member != member || !saver->number)
		return;
	saver->files->close(saver->files->context, false, why, sizeof(why));
	saver->number = 0;
}
