/* SPDX-License-Identifier: MIT */
#include "heap/sampler/sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct heapspy_census *heapspy_census_keep(struct heapspy_census *census)
{
	if (census)
		__atomic_add_fetch(&census->references, 1, __ATOMIC_RELAXED);
	return census;
}

void heapspy_census_drop(struct heapspy_census *census)
{
	if (!census || __atomic_sub_fetch(&census->references, 1, __ATOMIC_ACQ_REL))
		return;
	heapspy_dump_free(census->dump);
	free(census);
}

struct heapspy_stacks *heapspy_stacks_keep(struct heapspy_stacks *stacks)
{
	if (stacks)
		__atomic_add_fetch(&stacks->references, 1, __ATOMIC_RELAXED);
	return stacks;
}

void heapspy_stacks_drop(struct heapspy_stacks *stacks)
{
	if (!stacks || __atomic_sub_fetch(&stacks->references, 1, __ATOMIC_ACQ_REL))
		return;
	heapspy_stack_fini(&stacks->stack);
	free(stacks->trouble);
	free(stacks);
}

struct heapspy_sample *heapspy_sample_keep(struct heapspy_sample *sample)
{
	if (sample)
		__atomic_add_fetch(&sample->references, 1, __ATOMIC_RELAXED);
	return sample;
}

void heapspy_sample_drop(struct heapspy_sample *sample)
{
	if (!sample || __atomic_sub_fetch(&sample->references, 1, __ATOMIC_ACQ_REL))
		return;
	heapspy_census_drop(sample->census);
	heapspy_stacks_drop(sample->stacks);
	heapspy_stacks_drop(sample->native);
	heapspy_look_drop(sample->look);
	heapspy_saved_drop(sample->saved);
	free(sample->interpreters);
	free(sample->trouble);
	free(sample);
}
struct heapspy_sample *sample_new(void)
{
	struct heapspy_sample *sample = malloc(sizeof(*sample));
	if (sample)
		*sample = (struct heapspy_sample){
		    .references = 1,
		    .rss = HEAPSPY_UNKNOWN,
		    .swap = HEAPSPY_UNKNOWN,
		    .rss_peak = HEAPSPY_UNKNOWN,
		    .virt = HEAPSPY_UNKNOWN,
		};
	return sample;
}

struct heapspy_sample *sample_follow(const struct heapspy_sample *before)
{
	struct heapspy_sample *sample = malloc(sizeof(*sample));
	struct heapspy_interpreter *interpreters =
	    malloc((before->interpreter_count + 1) * sizeof(*interpreters));
	if (!sample || !interpreters) {
		free(sample);
		free(interpreters);
		return NULL;
	}
	*sample = *before;
	sample->references = 1;
	sample->trouble = before->trouble ? strdup(before->trouble) : NULL;
	sample->interpreters = interpreters;
	if (before->interpreter_count)
		memcpy(interpreters, before->interpreters,
		       before->interpreter_count * sizeof(*interpreters));
	heapspy_census_keep(sample->census);
	heapspy_stacks_keep(sample->stacks);
	heapspy_stacks_keep(sample->native);
	heapspy_look_keep(sample->look);
	heapspy_saved_keep(sample->saved);
	return sample;
}

void sample_set_trouble(struct heapspy_sample *sample, const struct heapspy_error *error)
{
	free(sample->trouble);
	sample->trouble = NULL;
	if (!error)
		return;
	sample->trouble_code = error->code;
	if (asprintf(&sample->trouble, "%s%s%s", error->what, error->why ? ": " : "",
		     error->why ?: "") < 0)
		sample->trouble = NULL;
	if (error->code == HEAPSPY_GONE || error->code == HEAPSPY_NO_PROCESS)
		sample->state = HEAPSPY_SAMPLE_GONE;
}
