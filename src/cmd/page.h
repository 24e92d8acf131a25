/* SPDX-License-Identifier: MIT */
/* What a command writes on: an output and the emitter that was asked for. */
#ifndef CMD_PAGE_H
#define CMD_PAGE_H

#include "cmd/options.h"
#include "output/emitter.h"
#include "output/file.h"

struct page {
	struct output output;
	struct emitter *emitter;
};

/* `csv` is the key of the table that CSV prints, NULL: there is none. `series`:
 * many documents, one after the other. */
HEAPSPY_CHECK struct heapspy_error *page_open(const struct options *options, const char *csv,
					      bool series, struct page *ret_page);

/* A document is done, and its reader is to have it. */
HEAPSPY_CHECK struct heapspy_error *page_flush(struct page *page);

/* All are done. */
HEAPSPY_CHECK struct heapspy_error *page_finish(struct page *page);

/* What is not finished is lost. */
void page_fini(struct page *page);

/* Are colours wanted on it? */
bool page_wants_colour(enum colour colour, int fd);

/* Can the locale show what is not ASCII? */
bool locale_is_unicode(void);

#endif
