/* SPDX-License-Identifier: MIT */
/*
 * What every harness does with a target: all that heapspy can say of it, in every
 * rendering, with a look at whether that is fit to be seen.
 */
#ifndef TESTS_FUZZ_EXERCISE_H
#define TESTS_FUZZ_EXERCISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/dump.h>
#include <heapspy/error.h>

#include "heap/attach.h"
#include "output/emitter.h"
#include "require.h"
#include "target/target.h"

/* Takes the target, also where there is no Python in it: then NULL. */
struct heapspy *exercise_attach(struct target *target, bool live);

/* Summary, stacks, collectors. */
void exercise_heap(struct heapspy *heapspy, unsigned choice);

/* Its message in both renderings. Takes the error, or NULL. */
void exercise_error(struct heapspy_error *error);

/* Text for people: UTF-8, no control characters but line feeds. */
void require_printable(const char *text, size_t length);

/* A document in each rendering. */
typedef struct heapspy_error *exercise_print(struct emitter *emitter, void *context);
void exercise_output(exercise_print *print, void *context, const char *csv, unsigned choice);

/* A file in memory that holds these bytes: its name, good until the next call. */
const char *exercise_file(const uint8_t *bytes, size_t length);

#endif
