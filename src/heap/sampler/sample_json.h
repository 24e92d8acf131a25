/* SPDX-License-Identifier: MIT */
/* A sample as JSON, there and back: the lines of <heapspy/replay.h>. */
#ifndef HEAP_SAMPLE_JSON_H
#define HEAP_SAMPLE_JSON_H

#include <stdbool.h>

#include <jansson.h>

#include <heapspy/sampler.h>

/* NULL without memory. */
json_t *sample_to_json(const struct heapspy_sample *sample, const struct heapspy_census *written);

/* After `before`, which may be NULL and has the census where the line has none. False:
 * it is not one, or there is no memory. */
bool sample_from_json(const json_t *json, const struct heapspy_sample *before,
		      struct heapspy_sample **ret_sample);

/* A text of the object, sanitised, the caller's; NULL where there is none. */
char *json_text(const json_t *object, const char *key);

#endif
