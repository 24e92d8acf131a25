/* SPDX-License-Identifier: MIT */
/*
 * The rendering for people. An object is a line: its title, then its values; a
 * table is a table:
 *
 *	memory     rss 118.4M   swap 0B   peak 120.1M
 *
 *	  GC SIZE  SHARE  GC OBJECTS  TYPE
 *	   61.3M   52.0%     510,233  dict
 *
 * On a terminal lines end at its width: values go on in the next line, the last
 * column of a table is cut. Elsewhere nothing is cut.
 */
#include "output/rendering.h"

#include <stdlib.h>
#include <string.h>

#include "base/shell.h"
#include "output/plot.h"
#include "output/table.h"
#include "output/unicode.h"

enum {
	TITLE_COLUMNS = 11, /* of the titles on the left */
	GAP_COLUMNS = 3,    /* between values of a line */
};

struct text {
	struct emitter emitter;
	unsigned hidden;      /* open containers that are not shown */
	bool in_line;         /* a line is being written */
	unsigned column;      /* where it is */
	bool wrote;           /* something has been written */
	bool apart;           /* a table came last: leave a line free */
	unsigned table_depth; /* at which the outermost table is open, plus 1; 0: none */
	unsigned numbers[EMITTER_DEPTH]; /* of the row at each depth, for tables in rows */
	struct table *table;
};

static void put_style(struct text *text, const char *sequence)
{
	if (text->emitter.style.colour)
		fputs(sequence, text->emitter.style.stream);
}

static void end_line(struct text *text)
{
	if (text->in_line)
		putc_unlocked('\n', text->emitter.style.stream);
	text->in_line = false;
}

static void begin_line(struct text *text, const char *title)
{
	FILE *stream = text->emitter.style.stream;
	end_line(text);
	if (text->apart)
		putc_unlocked('\n', stream);
	text->apart = false;
	if (*title) {
		put_style(text, STYLE_BOLD);
		fputs(title, stream);
		put_style(text, STYLE_NONE);
	}
	text->column = unicode_columns(title);
	text->in_line = true;
	text->wrote = true;
}

static void text_open(struct emitter *emitter, enum container container, const char *key,
		      const char *label)
{
	(void)key;
	struct text *text = (struct text *)emitter;
	if (text->hidden || !label) {
		text->hidden++;
		return;
	}
	if (container == CONTAINER_TABLE && !text->table_depth) {
		end_line(text);
		text->table_depth = emitter->depth + 1;
	}
	if (container == CONTAINER_TABLE)
		text->numbers[emitter->depth] = 0;
	else if (!text->table_depth && *label && container == CONTAINER_OBJECT)
		begin_line(text, label);
}

static void text_close(struct emitter *emitter, enum container container)
{
	struct text *text = (struct text *)emitter;
	if (text->hidden) {
		text->hidden--;
		return;
	}
	if (container == CONTAINER_DOCUMENT)
		end_line(text);
	if (!text->table_depth)
		return;
	unsigned parent = emitter->depth;
	if (container == CONTAINER_OBJECT && emitter->open[parent - 1] == CONTAINER_TABLE) {
		text->numbers[parent - 1]++;
		if (parent == text->table_depth)
			table_end_row(text->table);
	}
	if (container == CONTAINER_TABLE && parent + 1 == text->table_depth) {
		text->table_depth = 0;
		bool goes_on = emitter->style.streaming && table_is_headed(text->table);
		bool apart = text->wrote && !goes_on;
		if (table_print(text->table, &emitter->style, apart)) {
			text->apart = true;
			text->wrote = true;
		}
		if (!emitter->style.streaming)
			table_reset(text->table);
	}
}

/* A table within a row becomes columns of it, numbered as its rows are. */
static void add_cell(struct text *text, const char *label, char *shown, const struct value *value)
{
	const struct emitter *emitter = &text->emitter;
	char *heading;
	int length = -1;
	for (unsigned depth = text->table_depth; depth < emitter->depth && length < 0; depth++)
		if (emitter->open[depth] == CONTAINER_TABLE)
			length = asprintf(&heading, "%s%u", label, text->numbers[depth]);
	if (length < 0)
		heading = strdup(label);
	bool number = value->kind <= VALUE_RATIO;
	bool alarming = value->kind == VALUE_CHECK && !value->flag.set;
	table_add(text->table, heading, value->known ? shown : NULL, number, alarming);
	free(heading);
}

static void put_item(struct text *text, const char *label, const char *shown)
{
	FILE *stream = text->emitter.style.stream;
	unsigned width = text->emitter.style.width, wide = unicode_columns(shown);
	unsigned whole = wide + (*label ? unicode_columns(label) + 1 : 0);
	bool first = !text->in_line || text->column < TITLE_COLUMNS;
	if (!text->in_line || (width && !first && text->column + GAP_COLUMNS + whole > width)) {
		begin_line(text, "");
		first = true;
	}
	unsigned gap = first ? TITLE_COLUMNS - text->column : GAP_COLUMNS;
	fprintf(stream, "%*s", (int)gap, "");
	if (*label) {
		put_style(text, STYLE_DIM);
		fputs(label, stream);
		put_style(text, STYLE_NONE);
		putc_unlocked(' ', stream);
	}
	fputs(shown, stream);
	text->column += gap + whole;
}

static char *join(const struct value *value)
{
	char *joined = NULL;
	size_t size;
	FILE *stream = open_memstream(&joined, &size);
	if (!stream)
		return NULL;
	for (size_t i = 0; i < value->texts.count; i++) {
		if (i > 0)
			fputs(value->kind == VALUE_COMMAND ? " " : "; ", stream);
		if (value->kind == VALUE_COMMAND)
			shell_word(stream, value->texts.items[i]);
		else
			fputs(value->texts.items[i], stream);
	}
	if (fclose(stream) == 0)
		return joined;
	free(joined);
	return NULL;
}

/* Belongs to the caller; NULL where there is no memory. */
static char *show(const struct text *text, const struct value *value)
{
	char space[FORMAT_SIZE];
	if (!value->known)
		return strdup("-");
	switch (value->kind) {
	case VALUE_COUNT:
		format_count(space, value->natural);
		break;
	case VALUE_SIGNED:
		format_signed(space, value->integer);
		break;
	case VALUE_BYTES:
		format_bytes(space, value->natural);
		break;
	case VALUE_CHANGE:
		format_change(space, value->integer);
		break;
	case VALUE_BYTES_CHANGE:
		format_bytes_change(space, value->integer);
		break;
	case VALUE_SECONDS:
		format_seconds(space, value->real);
		break;
	case VALUE_RATIO:
		format_ratio(space, value->real);
		break;
	case VALUE_TIME:
		format_time(space, value->real, !text->table_depth);
		break;
	case VALUE_FLAG:
	case VALUE_CHECK:
		return strdup(value->flag.set ? value->flag.yes : value->flag.no);
	case VALUE_COMMAND:
	case VALUE_REMARKS: {
		char *joined = join(value);
		char *shown = joined ? unicode_display(joined, text->emitter.style.ascii) : NULL;
		free(joined);
		return shown;
	}
	case VALUE_PLOT:
		break;
	case VALUE_TEXT:
		return unicode_display(value->text, text->emitter.style.ascii);
	case VALUE_ID:
	case VALUE_ADDRESS:
		return strdup(value_plain(value, space));
	}
	return strdup(space);
}

static void put_plot(struct text *text, const struct plot *plot)
{
	end_line(text);
	if (text->wrote)
		putc_unlocked('\n', text->emitter.style.stream);
	text->emitter.no_memory |= !plot_print(plot, &text->emitter.style);
	text->wrote = true;
	text->apart = true;
}

static void text_value(struct emitter *emitter, const char *key, const char *label,
		       const struct value *value)
{
	(void)key;
	struct text *text = (struct text *)emitter;
	if (text->hidden || !label)
		return;
	if (value->kind == VALUE_PLOT) {
		put_plot(text, value->plot);
		return;
	}
	char *shown = show(text, value);
	if (!shown)
		emitter->no_memory = true;
	else if (text->table_depth)
		add_cell(text, label, shown, value);
	else if (*shown)
		put_item(text, label, shown);
	emitter->no_memory |= text->table && table_failed(text->table);
	free(shown);
}

static void text_fini(struct emitter *emitter)
{
	table_free(((struct text *)emitter)->table);
}

static const struct emitter_ops text_ops = {
	.open = text_open,
	.close = text_close,
	.value = text_value,
	.fini = text_fini,
};

struct emitter *text_emitter_new(const struct emitter_style *style)
{
	struct text *text = emitter_new(sizeof(*text), &text_ops, style);
	if (!text)
		return NULL;
	text->table = table_new();
	if (text->table)
		return &text->emitter;
	emitter_free(&text->emitter);
	return NULL;
}
