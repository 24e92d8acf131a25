/* SPDX-License-Identifier: MIT */
#include "heap/sampler/errands.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

DEFINE_CLEANUP(struct heapspy_error *, heapspy_error_free)

struct heapspy_look *heapspy_look_keep(struct heapspy_look *look)
{
	if (look)
		__atomic_add_fetch(&look->references, 1, __ATOMIC_RELAXED);
	return look;
}

void heapspy_look_drop(struct heapspy_look *look)
{
	if (!look || __atomic_sub_fetch(&look->references, 1, __ATOMIC_ACQ_REL))
		return;
	heapspy_instances_free(look->instances);
	free(look->trouble);
	free(look);
}

struct heapspy_saved *heapspy_saved_keep(struct heapspy_saved *saved)
{
	if (saved)
		__atomic_add_fetch(&saved->references, 1, __ATOMIC_RELAXED);
	return saved;
}

void heapspy_saved_drop(struct heapspy_saved *saved)
{
	if (!saved || __atomic_sub_fetch(&saved->references, 1, __ATOMIC_ACQ_REL))
		return;
	free(saved->trouble);
	free(saved);
}

/* One line. NULL: there is no error, or no memory. */
static char *trouble_of(const struct heapspy_error *error)
{
	char *text = NULL;
	if (error &&
	    asprintf(&text, "%s%s%s", error->what, error->why ? ": " : "", error->why ?: "") < 0)
		return NULL;
	return text;
}

struct heapspy_look *errand_look(struct heapspy *heapspy, const struct errands *errands)
{
	struct heapspy_look *look = calloc(1, sizeof(*look));
	if (!look)
		return NULL;
	*look = (struct heapspy_look){
	    .references = 1,
	    .number = errands->look,
	    .type = errands->objects.type,
	};
	CLEANUP(heapspy_error_freep)
	struct heapspy_error *error =
	    heapspy_instances_read(heapspy, &errands->objects, &look->instances);
	look->trouble = trouble_of(error);
	return look;
}

struct heapspy_stacks *errand_native(struct heapspy *heapspy, const struct errands *errands)
{
	const struct heapspy_stack_options options = {
	    .native = true,
	    .max_pause = errands->max_pause,
	};
	struct heapspy_stacks *stacks = calloc(1, sizeof(*stacks));
	if (!stacks)
		return NULL;
	stacks->references = 1;
	CLEANUP(heapspy_error_freep)
	struct heapspy_error *error = heapspy_stack_read(heapspy, &options, &stacks->stack);
	stacks->trouble = trouble_of(error);
	return stacks;
}

struct heapspy_saved *errand_save(struct heapspy *heapspy, const struct errands *errands)
{
	struct heapspy_saved *saved = calloc(1, sizeof(*saved));
	if (!saved)
		return NULL;
	saved->references = 1;
	saved->number = errands->save;
	CLEANUP(heapspy_error_freep)
	struct heapspy_error *error =
	    heapspy_snapshot_write(heapspy, &errands->snapshot, errands->fd, &saved->snapshot);
	saved->trouble = trouble_of(error);
	return saved;
}
