/* SPDX-License-Identifier: MIT */
/*
 * The rendering for spreadsheets: one table of a document as CSV (RFC 4180, but
 * lines end as they do here), with the keys as its heading; nothing else. Values
 * are as in JSON.
 */
#include "output/rendering.h"

#include <stdlib.h>
#include <string.h>

#include "output/unicode.h"

/* One line that grows. */
struct line {
	FILE *stream; /* NULL: none is being written */
	char *text;
	size_t size;
	unsigned fields;
};

struct csv {
	struct emitter emitter;
	unsigned row_depth; /* at which rows of the table are open; 0: outside of it */
	bool headed;
	bool done; /* the table was there: another of its name, deeper down, is not it */
	struct line heading, row;
};

static void line_begin(struct csv *csv, struct line *line)
{
	line->fields = 0;
	line->stream = open_memstream(&line->text, &line->size);
	if (!line->stream)
		csv->emitter.no_memory = true;
}

static void line_add(struct csv *csv, struct line *line, const char *text)
{
	char *safe = unicode_display(text, csv->emitter.style.ascii);
	if (!line->stream || !safe) {
		csv->emitter.no_memory = true;
		free(safe);
		return;
	}
	if (line->fields++ > 0)
		fputc(',', line->stream);
	if (strpbrk(safe, "\",")) {
		fputc('"', line->stream);
		for (const char *at = safe; *at; at++)
			fputs((char[]){*at, *at == '"' ? '"' : 0, 0}, line->stream);
		fputc('"', line->stream);
	} else {
		fputs(safe, line->stream);
	}
	free(safe);
}

static void line_fini(struct line *line)
{
	if (line->stream)
		fclose(line->stream);
	free(line->text);
	*line = (struct line){0};
}

static void line_end(struct csv *csv, struct line *line)
{
	if (line->stream && fflush(line->stream) == 0)
		fprintf(csv->emitter.style.stream, "%s\n", line->text);
	else
		csv->emitter.no_memory = true;
	line_fini(line);
}

/* Is what is being opened or closed, at the depth of its parent, a row? */
static bool is_row(const struct csv *csv, enum container container)
{
	return container == CONTAINER_OBJECT && csv->row_depth &&
	       csv->emitter.depth + 1 == csv->row_depth;
}

static void csv_open(struct emitter *emitter, enum container container, const char *key,
		     const char *label)
{
	(void)label;
	struct csv *csv = (struct csv *)emitter;
	bool named = key && strcmp(key, emitter->style.csv) == 0;
	if (container == CONTAINER_TABLE && named && !csv->done) {
		csv->row_depth = emitter->depth + 2;
	} else if (is_row(csv, container)) {
		if (!csv->headed)
			line_begin(csv, &csv->heading);
		line_begin(csv, &csv->row);
	}
}

static void csv_close(struct emitter *emitter, enum container container)
{
	struct csv *csv = (struct csv *)emitter;
	if (is_row(csv, container)) {
		if (!csv->headed)
			line_end(csv, &csv->heading);
		line_end(csv, &csv->row);
		csv->headed = true;
	} else if (container == CONTAINER_TABLE && emitter->depth + 2 == csv->row_depth) {
		csv->row_depth = 0;
		csv->done = true;
	}
}

static void csv_value(struct emitter *emitter, const char *key, const char *label,
		      const struct value *value)
{
	(void)label;
	struct csv *csv = (struct csv *)emitter;
	if (!key || !csv->row_depth || emitter->depth != csv->row_depth)
		return;
	if (!csv->headed)
		line_add(csv, &csv->heading, key);
	char space[FORMAT_SIZE];
	line_add(csv, &csv->row, value->known ? value_plain(value, space) : "");
}

static void csv_fini(struct emitter *emitter)
{
	struct csv *csv = (struct csv *)emitter;
	line_fini(&csv->heading);
	line_fini(&csv->row);
}

static const struct emitter_ops csv_ops = {
	.open = csv_open,
	.close = csv_close,
	.value = csv_value,
	.fini = csv_fini,
};

struct emitter *csv_emitter_new(const struct emitter_style *style)
{
	return emitter_new(sizeof(struct csv), &csv_ops, style);
}
