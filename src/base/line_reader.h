/* SPDX-License-Identifier: MIT */
/* A file line by line, whatever is in it, with no line longer than what was said. */
#ifndef BASE_LINE_READER_H
#define BASE_LINE_READER_H

#include <stdbool.h>
#include <stddef.h>

struct line_reader {
	int fd; /* stays the caller's */
	size_t longest;
	char *buffer;
	size_t size, start, end;
	bool at_end;
};

enum line_kind {
	LINE_WHOLE,
	LINE_REST,     /* the last, that no newline ends */
	LINE_NONE,     /* there are no more */
	LINE_TOO_LONG,
	LINE_ERROR,    /* of reading, or of memory: errno */
};

/* The next line, without its newline; valid until the next call. */
enum line_kind line_reader_next(struct line_reader *reader, const char **ret_line,
				size_t *ret_length);

void line_reader_fini(struct line_reader *reader);

#endif
