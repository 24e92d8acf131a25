/* SPDX-License-Identifier: MIT */
/*
 * The rendering for programs: one JSON document (RFC 8259) after the other,
 * indented with a row of a table to a line, or compact with a document to a
 * line. Written as it comes, never held in memory.
 */
#include "output/rendering.h"

#include <stdlib.h>

#include "output/unicode.h"

struct json {
	struct emitter emitter;
	bool first;      /* nothing has been written yet into the innermost container */
	unsigned hidden; /* open containers that are not shown */
};

static FILE *stream_of(const struct json *json)
{
	return json->emitter.style.stream;
}

static void put_string(struct json *json, const char *text)
{
	FILE *stream = stream_of(json);
	char *safe = unicode_display(text, false);
	if (!safe) {
		json->emitter.no_memory = true;
		return;
	}
	putc_unlocked('"', stream);
	const char *at = safe;
	for (const char *from = at; *at; from = at) {
		uint32_t point = unicode_next(&at);
		if (point == '"' || point == '\\')
			fprintf(stream, "\\%c", (int)point);
		else if (point < 0x80 || !json->emitter.style.ascii)
			fwrite(from, 1, (size_t)(at - from), stream);
		else if (point < 0x10000)
			fprintf(stream, "\\u%04x", point);
		else
			fprintf(stream, "\\u%04x\\u%04x", 0xd7c0 + (point >> 10),
				0xdc00 + (point & 0x3ff));
	}
	putc_unlocked('"', stream);
	free(safe);
}

/* Do the items of the container at this depth stay on one line? Those of a row do. */
static bool is_on_one_line(const struct emitter *emitter, unsigned depth)
{
	for (unsigned i = 0; i + 1 < depth; i++)
		if (emitter->open[i] == CONTAINER_TABLE)
			return true;
	return emitter->style.compact;
}

static void put_break(struct json *json)
{
	FILE *stream = stream_of(json);
	putc_unlocked('\n', stream);
	for (unsigned i = 0; i < json->emitter.depth; i++)
		fputs("  ", stream);
}

/* What stands before each item of a container: comma, line, key. */
static void put_lead(struct json *json, const char *key)
{
	FILE *stream = stream_of(json);
	bool one_line = is_on_one_line(&json->emitter, json->emitter.depth);
	if (!json->first)
		fputs(one_line && !json->emitter.style.compact ? ", " : ",", stream);
	if (json->emitter.depth > 0 && !one_line)
		put_break(json);
	json->first = false;
	if (key) {
		put_string(json, key);
		fputs(json->emitter.style.compact ? ":" : ": ", stream);
	}
}

static bool is_array(enum container container)
{
	return container == CONTAINER_LIST || container == CONTAINER_TABLE;
}

static void json_open(struct emitter *emitter, enum container container, const char *key,
		      const char *label)
{
	(void)label;
	struct json *json = (struct json *)emitter;
	bool needs_key = emitter->depth > 0 && !is_array(emitter->open[emitter->depth - 1]);
	if (json->hidden || (needs_key && !key)) {
		json->hidden++;
		return;
	}
	if (container == CONTAINER_DOCUMENT)
		json->first = true;
	put_lead(json, key);
	putc_unlocked(is_array(container) ? '[' : '{', stream_of(json));
	json->first = true;
}

static void json_close(struct emitter *emitter, enum container container)
{
	struct json *json = (struct json *)emitter;
	if (json->hidden) {
		json->hidden--;
		return;
	}
	bool one_line = is_on_one_line(emitter, emitter->depth + 1);
	if (!json->first && !one_line)
		put_break(json);
	putc_unlocked(is_array(container) ? ']' : '}', stream_of(json));
	if (container == CONTAINER_DOCUMENT)
		putc_unlocked('\n', stream_of(json));
	json->first = false;
}

static void put_strings(struct json *json, const struct value *value)
{
	const char *separator = json->emitter.style.compact ? "," : ", ";
	putc_unlocked('[', stream_of(json));
	for (size_t i = 0; i < value->texts.count; i++) {
		if (i > 0)
			fputs(separator, stream_of(json));
		put_string(json, value->texts.items[i]);
	}
	putc_unlocked(']', stream_of(json));
}

static void json_value(struct emitter *emitter, const char *key, const char *label,
		       const struct value *value)
{
	(void)label;
	struct json *json = (struct json *)emitter;
	if (json->hidden || !key || !value->known)
		return;
	put_lead(json, key);
	char space[FORMAT_SIZE];
	switch (value->kind) {
	case VALUE_COMMAND:
	case VALUE_REMARKS:
		put_strings(json, value);
		break;
	case VALUE_ADDRESS: /* beyond what a number of JSON holds exactly */
	case VALUE_TIME:
	case VALUE_TEXT:
		put_string(json, value_plain(value, space));
		break;
	default:
		fputs(value_plain(value, space), stream_of(json));
		break;
	}
}

static const struct emitter_ops json_ops = {
	.open = json_open,
	.close = json_close,
	.value = json_value,
};

struct emitter *json_emitter_new(const struct emitter_style *style)
{
	return emitter_new(sizeof(struct json), &json_ops, style);
}
