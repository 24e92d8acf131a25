/* SPDX-License-Identifier: MIT */
/* An error, for people and for programs: schema/error-1.json. */
#ifndef OUTPUT_FAILURE_H
#define OUTPUT_FAILURE_H

#include <stdio.h>

#include <heapspy/error.h>

#include "output/emitter.h"

/* The message: what failed; indented below it why, and what to try. */
void print_failure(FILE *stream, const struct heapspy_error *error, bool ascii);

/* As an object within a document. */
void emit_failure(struct emitter *emitter, const char *key, const char *label,
		  const struct heapspy_error *error);

/* As a document of its own. */
void output_failure(struct emitter *emitter, const struct heapspy_error *error);

#endif
