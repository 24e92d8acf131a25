/* SPDX-License-Identifier: MIT */
#include "cmd/page.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"

bool locale_is_unicode(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* 0 where it is not known: then nothing is cut. */
static unsigned width_of(int fd)
{
	struct winsize size;
	return isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

bool page_wants_colour(enum colour colour, int fd)
{
	if (colour != COLOUR_AUTO)
		return colour == COLOUR_ALWAYS;
	const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");
	return isatty(fd) && !(none && *none) && terminal && strcmp(terminal, "dumb") != 0;
}

static struct emitter *new_emitter(const struct options *options, const char *csv, bool series,
				   FILE *stream)
{
	int fd = fileno(stream);
	struct emitter_style style = {
		.stream = stream,
		.ascii = options->ascii,
		.csv = csv,
		.streaming = series,
		.compact = series || options->format == FORMAT_NDJSON,
	};
	switch (options->format) {
	case FORMAT_TABLE:
		style.ascii = options->ascii || !locale_is_unicode();
		style.width = width_of(fd);
		style.colour = page_wants_colour(options->colour, fd);
		return text_emitter_new(&style);
	case FORMAT_JSON:
	case FORMAT_NDJSON:
		return json_emitter_new(&style);
	case FORMAT_CSV:
		return csv_emitter_new(&style);
	default: /* no document: the command writes it itself */
		return NULL;
	}
}

struct heapspy_error *page_open(const struct options *options, const char *csv, bool series,
				struct page *ret_page)
{
	if (options->format == FORMAT_CSV && !csv)
		return error_why(error_new(HEAPSPY_USAGE, "there is no CSV of this"),
				 "it is not a single table; --format ndjson has all of it");
	struct page page = {0};
	struct heapspy_error *error = output_open(options->output, options->force, &page.output);
	if (error)
		return error;
	page.emitter = new_emitter(options, csv, series, page.output.stream);
	if (!page.emitter) {
		page_fini(&page);
		return error_no_memory();
	}
	*ret_page = page;
	return NULL;
}

struct heapspy_error *page_flush(struct page *page)
{
	struct heapspy_error *error = emitter_error(page->emitter);
	return error ? error : output_flush(&page->output);
}

struct heapspy_error *page_finish(struct page *page)
{
	struct heapspy_error *error = emitter_error(page->emitter);
	return error ? error : output_finish(&page->output);
}

void page_fini(struct page *page)
{
	emitter_free(page->emitter);
	output_fini(&page->output);
	page->emitter = NULL;
}
