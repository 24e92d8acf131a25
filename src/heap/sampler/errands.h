/* SPDX-License-Identifier: MIT */
/* What a sampler does when it is asked to, beside censuses. */
#ifndef HEAP_ERRANDS_H
#define HEAP_ERRANDS_H

#include <heapspy/sampler.h>

/* What was asked for and not done yet; copies of it can be taken. */
struct errands {
	uint64_t asked; /* so many, ever */
	uint64_t look, save, native; /* numbers, 0: not wanted */
	struct heapspy_instances_options objects; /* by the address of the type */
	struct heapspy_snapshot_options snapshot;
	double max_pause; /* of native */
	int fd;
};

/* NULL without memory. */
struct heapspy_look *errand_look(struct heapspy *heapspy, const struct errands *errands);
struct heapspy_stacks *errand_native(struct heapspy *heapspy, const struct errands *errands);
struct heapspy_saved *errand_save(struct heapspy *heapspy, const struct errands *errands);

#endif
