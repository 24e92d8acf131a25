/* SPDX-License-Identifier: MIT */
/* What a sampler publishes, for those who make it. */
#ifndef HEAP_SAMPLE_H
#define HEAP_SAMPLE_H

#include <heapspy/sampler.h>

/* Nothing is known yet. NULL without memory. */
struct heapspy_sample *sample_new(void);

/* A new one that begins as the one before. NULL without memory. */
struct heapspy_sample *sample_follow(const struct heapspy_sample *before);

/* Set, or with NULL remove, why it could not be read. */
void sample_set_trouble(struct heapspy_sample *sample, const struct heapspy_error *error);

#endif
