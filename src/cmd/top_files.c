/* SPDX-License-Identifier: MIT */
#include "cmd/top_files.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "output/emitter.h"
#include "output/parts.h"

DEFINE_CLEANUP(struct heapspy_error *, heapspy_error_free)

static enum tui_saved explain(const struct heapspy_error *error, char *why, size_t size)
{
	if (!error)
		return TUI_SAVED;
	if (error->errnum == EEXIST)
		return TUI_EXISTS;
	snprintf(why, size, "%s%s%s%s%s", error->what, error->why ? ": " : "", error->why ?: "",
		 error->errnum ? ": " : "", error->errnum ? strerror(error->errnum) : "");
	return TUI_FAILED;
}

/* ---- tables ---------------------------------------------------------------------------- */

static void emit_rounded(struct emitter *emitter, const char *key, double value)
{
	if (isnan(value))
		emit_text(emitter, key, key, NULL);
	else
		emit_signed(emitter, key, key, (int64_t)value);
}

static void emit_value(struct emitter *emitter, const struct tui_column *column,
		       const union tui_value *value)
{
	const char *key = column->key;
	switch (column->kind) {
	case TUI_NAME:
		emit_text(emitter, key, key, value->text);
		break;
	case TUI_COUNT:
		emit_count(emitter, key, key, value->natural);
		break;
	case TUI_CHANGE:
		emit_rounded(emitter, key, value->real);
		break;
	case TUI_SIGNED:
		emit_signed(emitter, key, key, value->integer);
		break;
	case TUI_ID:
		emit_id(emitter, key, key, value->integer);
		break;
	case TUI_BYTES:
		emit_bytes(emitter, key, key, value->natural);
		break;
	case TUI_BYTES_CHANGE:
		emit_rounded(emitter, key, value->real);
		break;
	case TUI_ADDRESS:
		emit_address(emitter, key, key, value->natural);
		break;
	case TUI_RATIO:
		emit_ratio(emitter, key, key, value->real);
		break;
	case TUI_TIME:
		if (isnan(value->real))
			emit_text(emitter, key, key, NULL);
		else
			emit_time(emitter, key, key, value->real);
		break;
	case TUI_FLAG:
		emit_flag(emitter, key, key, value->natural != 0, "yes", "no");
		break;
	}
}

static void emit_view(struct emitter *emitter, const struct tui_table *table)
{
	emit_document_of(emitter, "heapspy.top/1", table->time);
	emit_text(emitter, "view", NULL, table->view);
	if (table->target) {
		emit_target(emitter, table->target, true);
		emit_python(emitter, table->python, true);
	}
	emit_object(emitter, NULL, "view");
	emit_text(emitter, NULL, "", table->view);
	emit_time(emitter, NULL, "", table->time);
	emit_end(emitter);
	emit_table(emitter, "rows", "");
	for (size_t i = 0; i < table->row_count; i++) {
		emit_row(emitter);
		for (size_t j = 0; j < table->column_count; j++)
			emit_value(emitter, &table->columns[j],
				   &table->values[i * table->column_count + j]);
		emit_end(emitter);
	}
	emit_end(emitter);
	emit_end(emitter);
}

static struct emitter *new_emitter(const struct top_files *files, enum tui_format format,
				   FILE *stream)
{
	struct emitter_style style = {.stream = stream, .ascii = files->ascii, .csv = "rows"};
	return format == TUI_JSON  ? json_emitter_new(&style)
	       : format == TUI_CSV ? csv_emitter_new(&style)
				   : text_emitter_new(&style);
}

static struct heapspy_error *write_view(const struct top_files *files, const char *path,
					bool replace, enum tui_format format,
					const struct tui_table *table)
{
	CLEANUP(output_fini) struct output output = {.directory = -1};
	struct heapspy_error *error = output_open(path, replace, &output);
	if (error)
		return error;
	if (!output.path || !output.is_published) {
		error = error_new(HEAPSPY_OUTPUT, "cannot write to %s", path);
		return error_why(error, "it is no regular file");
	}
	/* Of single objects it shows what they hold. */
	if (strcmp(table->view, "objects") == 0 && (error = output_make_private(&output)))
		return error;
	CLEANUP(emitter_freep) struct emitter *emitter = new_emitter(files, format, output.stream);
	if (!emitter)
		return error_no_memory();
	emit_view(emitter, table);
	error = emitter_error(emitter);
	return error ? error : output_finish(&output);
}

static enum tui_saved save(void *context, const char *path, bool replace, enum tui_format format,
			   const struct tui_table *table, char *why, size_t size)
{
	CLEANUP(heapspy_error_freep)
	struct heapspy_error *error = write_view(context, path, replace, format, table);
	return explain(error, why, size);
}

/* ---- snapshots --------------------------------------------------------------------------- */

static void drop_snapshot(struct top_files *files)
{
	if (files->snapshot.stream)
		output_fini(&files->snapshot);
	free(files->path);
	files->path = NULL;
	files->snapshot = (struct output){.directory = -1};
}

static struct heapspy_error *open_snapshot(struct top_files *files, const char *path, bool replace)
{
	drop_snapshot(files);
	files->path = strdup(path);
	if (!files->path)
		return error_no_memory();
	struct heapspy_error *error = output_open(files->path, replace, &files->snapshot);
	if (error)
		return error;
	if (!files->snapshot.path || !files->snapshot.is_published) {
		error = error_new(HEAPSPY_OUTPUT, "a snapshot cannot be written to %s", path);
		return error_why(error, "it needs a regular file");
	}
	return output_make_private(&files->snapshot);
}

static enum tui_saved open_file(void *context, const char *path, bool replace, int *ret_fd,
				char *why, size_t size)
{
	struct top_files *files = context;
	CLEANUP(heapspy_error_freep)
	struct heapspy_error *error = open_snapshot(files, path, replace);
	if (error)
		drop_snapshot(files);
	else
		*ret_fd = fileno(files->snapshot.stream);
	return explain(error, why, size);
}

static enum tui_saved close_file(void *context, bool keep, char *why, size_t size)
{
	struct top_files *files = context;
	CLEANUP(heapspy_error_freep)
	struct heapspy_error *error = keep ? output_finish(&files->snapshot) : NULL;
	enum tui_saved saved = explain(error, why, size);
	drop_snapshot(files);
	return saved;
}

void top_files_init(struct top_files *files, bool ascii)
{
	*files = (struct top_files){
	    .files = {.context = files, .save = save, .open = open_file, .close = close_file},
	    .ascii = ascii,
	    .snapshot = {.directory = -1},
	};
}

void top_files_fini(struct top_files *files)
{
	drop_snapshot(files);
}
