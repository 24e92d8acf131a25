/* SPDX-License-Identifier: MIT */
#include "base/line_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_SIZE = 1 << 16 };

/* More bytes behind those there are. False: errno. */
static bool fill(struct line_reader *reader)
{
	if (reader->start > 0) {
		memmove(reader->buffer, reader->buffer + reader->start,
			reader->end - reader->start);
		reader->end -= reader->start;
		reader->start = 0;
	}
	if (reader->end == reader->size) {
		size_t size = reader->size ? reader->size * 2 : FIRST_SIZE;
		char *larger = realloc(reader->buffer, size);
		if (!larger)
			return false;
		reader->buffer = larger;
		reader->size = size;
	}
	ssize_t got;
	do
		got = read(reader->fd, reader->buffer + reader->end, reader->size - reader->end);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return false;
	reader->at_end = got == 0;
	reader->end += (size_t)got;
	return true;
}

enum line_kind line_reader_next(struct line_reader *reader, const char **ret_line,
				size_t *ret_length)
{
	size_t seen = 0;
	for (;;) {
		char *line = reader->buffer ? reader->buffer + reader->start : NULL;
		size_t length = reader->end - reader->start;
		char *newline = length > seen ? memchr(line + seen, '\n', length - seen) : NULL;
		bool rest = !newline && reader->at_end;
		if (newline)
			length = (size_t)(newline - line);
		if (length > reader->longest)
			return LINE_TOO_LONG;
		if (rest && length == 0)
			return LINE_NONE;
		if (newline || rest) {
			*ret_line = line;
			*ret_length = length;
			reader->start += length + (newline != NULL);
			return newline ? LINE_WHOLE : LINE_REST;
		}
		seen = length;
		if (!fill(reader))
			return LINE_ERROR;
	}
}

void line_reader_fini(struct line_reader *reader)
{
	free(reader->buffer);
	reader->buffer = NULL;
}
