/* SPDX-License-Identifier: MIT */
#include "output/failure.h"

#include <stdlib.h>
#include <string.h>

#include <heapspy/memory.h>

#include "output/parts.h"
#include "output/unicode.h"

enum { MOST_REMEDIES = 16 };

/* One line that stands in for itself where there is no memory to make it safe. */
static void print_line(FILE *stream, const char *lead, const char *line, bool ascii)
{
	char *shown = unicode_display(line, ascii);
	fprintf(stream, "%s%s\n", lead, shown ?: "out of memory");
	free(shown);
}

/* Splits a copy of the remedy at its lines: how many. */
static size_t split_remedy(char *copy, const char *lines[MOST_REMEDIES])
{
	size_t count = 0;
	for (char *line; (line = strsep(&copy, "\n")) && count < MOST_REMEDIES;)
		lines[count++] = line;
	return count;
}

void print_failure(FILE *stream, const struct heapspy_error *error, bool ascii)
{
	const char *lines[MOST_REMEDIES];
	char *copy = error->remedy ? strdup(error->remedy) : NULL;
	size_t count = copy ? split_remedy(copy, lines) : 0;

	print_line(stream, "heapspy: ", error->what, ascii);
	if (error->why)
		print_line(stream, "  why: ", error->why, ascii);
	for (size_t i = 0; i < count; i++)
		print_line(stream, i ? "       " : "  try: ", lines[i], ascii);
	free(copy);
}

static void emit_fields(struct emitter *emitter, const struct heapspy_error *error)
{
	const char *lines[MOST_REMEDIES];
	char *copy = error->remedy ? strdup(error->remedy) : NULL;
	size_t count = copy ? split_remedy(copy, lines) : 0;

	emit_text(emitter, "code", "code", heapspy_code_name(error->code));
	emit_id(emitter, "exit_status", "exit status", heapspy_exit_status(error->code));
	emit_text(emitter, "what", "what", error->what);
	emit_text(emitter, "why", "why", error->why);
	emit_remarks(emitter, "try", "try", lines, count);
	emit_text(emitter, "errno", NULL, error->errnum ? strerrorname_np(error->errnum) : NULL);
	emit_address(emitter, "address", NULL, error->address ?: HEAPSPY_UNKNOWN);
	free(copy);
}

void emit_failure(struct emitter *emitter, const char *key, const char *label,
		  const struct heapspy_error *error)
{
	emit_object(emitter, key, label);
	emit_fields(emitter, error);
	emit_end(emitter);
}

void output_failure(struct emitter *emitter, const struct heapspy_error *error)
{
	emit_document_of(emitter, "heapspy.error/1", 0);
	emit_fields(emitter, error);
	emit_end(emitter);
}
