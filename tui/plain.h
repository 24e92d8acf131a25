/* SPDX-License-Identifier: MIT */
/* The dashboard as lines that are appended: for logs, pipes and screen readers. */
#ifndef TUI_PLAIN_H
#define TUI_PLAIN_H

#include <stdio.h>

#include "app.h"

/* What a sample brought, beyond the ones before: a line of a new reading, lines of a
 * new census. */
struct plain {
	uint64_t reading, census;
	size_t events; /* of those logged, how many were printed */
	uint64_t done; /* readings printed */
};

void plain_print(struct plain *plain, struct app *app, FILE *stream);

#endif
