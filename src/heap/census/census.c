/* SPDX-License-Identifier: MIT */
#include "heap/census/census.h"

#include <stdlib.h>

#include <heapspy/memory.h>

#include "base/error.h"
#include "heap/census/counter.h"
#include "heap/census/gc_lists.h"
#include "heap/census/malloc_scan.h"
#include "heap/census/pool_scan.h"
#include "python/freelists.h"
#include "python/gc.h"

void census_free(struct census *census)
{
	if (!census)
		return;
	types_free(census->types);
	free(census->tallies);
	free(census->lists);
	glibc_fini(&census->glibc);
	arenas_fini(&census->arenas);
	free(census);
}

/* Between two censuses the same tallies: one for every type that is known. */
static struct tally *take_tallies(struct counter *counter)
{
	struct tally *tallies = calloc(types_count(counter->types) + 1, sizeof(*tallies));
	if (!tallies)
		return NULL;
	for (size_t i = 0; i < types_count(counter->types) && i < counter->tally_capacity; i++) {
		tallies[i] = counter->tallies[i];
		/* What a race took back twice. */
		if ((int64_t)tallies[i].gc_objects <= 0 || (int64_t)tallies[i].gc_bytes < 0)
			tallies[i].gc_objects = tallies[i].gc_bytes = 0;
	}
	return tallies;
}

static bool report(struct census *census, struct counter *counter, const struct pool_scan *scan,
		   struct malloc_scan *malloc_scan, const struct gc_lists *lists)
{
	size_t interpreter_count = counter->python->interpreter_count;
	census->tallies = take_tallies(counter);
	census->lists = calloc(interpreter_count ?: 1, sizeof(*census->lists));
	if (!census->tallies || !census->lists)
		return false;
	census->list_count = interpreter_count;
	for (size_t i = 0; i < interpreter_count; i++)
		census->lists[i].interpreter = counter->python->interpreters[i].address;
	census->torn = counter->torn + lists->damaged;
	for (size_t i = 0; i < lists->count; i++) {
		const struct gc_list *list = &lists->items[i];
		struct census_lists *own = &census->lists[list->interpreter];
		unsigned generation = gc_generation_of_list(&counter->python->layout, list->generation);
		if (list->generation == HEAPSPY_GENERATIONS)
			own->frozen = lists->damaged ? HEAPSPY_UNKNOWN : list->length;
		else if (lists->damaged)
			own->objects[generation] = HEAPSPY_UNKNOWN;
		else
			own->objects[generation] += list->length;
	}
	census->allocator = scan->totals;
	freelists_count(counter->python, census->allocator.free_lists);
	census->malloc_name = malloc_scan->name;
	census->malloc = malloc_scan->totals;
	census->glibc = malloc_scan->glibc;
	malloc_scan->glibc = (struct glibc){0};
	census->wanted = scan->wanted;
	census->covered = scan->covered;
	census->type_count = types_count(counter->types);
	census->types = take_pointer(counter->types);
	return true;
}

static enum fault count(struct counter *counter, const struct arenas *arenas, struct pool_scan *scan,
			struct malloc_scan *malloc_scan, struct gc_lists *lists)
{
	enum fault fault = gc_lists_init(lists, counter);
	if (fault == FAULT_NONE)
		fault = pool_scan_run(scan, arenas);
	if (fault == FAULT_NONE) {
		gc_lists_count_outside(lists, &scan->outside);
		gc_lists_measure(lists);
		malloc_scan_run(malloc_scan);
	}
	const struct census_watch *watch = counter->watch;
	if (fault == FAULT_NONE && watch) {
		watch->end(watch->context);
		gc_lists_tell(lists, watch);
	}
	return fault;
}

struct heapspy_error *census_take(struct python *python, const struct census_watch *watch,
				  struct census **ret_census)
{
	struct arenas arenas;
	enum fault fault = obmalloc_arenas(python, &arenas);
	if (fault != FAULT_NONE)
		return error_from_fault(fault, 0, "cannot read the arenas of pymalloc");
	struct counter counter;
	CLEANUP(census_freep) struct census *census = calloc(1, sizeof(*census));
	if (!census || !counter_init(&counter, python, &arenas)) {
		arenas_fini(&arenas);
		return error_no_memory();
	}
	census->uses_pymalloc = arenas.count != 0;
	counter.watch = watch;
	struct pool_scan scan = {.counter = &counter};
	struct malloc_scan malloc_scan = {.counter = &counter, .arenas = &arenas};
	struct gc_lists lists = {0};
	struct heapspy_error *error = NULL;
	fault = count(&counter, &arenas, &scan, &malloc_scan, &lists);
	if (fault != FAULT_NONE)
		error = error_from_fault(fault, 0, "cannot count the objects of process %d",
					 (int)target_pid(python->target));
	else if (counter.no_memory || !report(census, &counter, &scan, &malloc_scan, &lists))
		error = error_no_memory();
	gc_lists_fini(&lists);
	pool_scan_fini(&scan);
	glibc_fini(&malloc_scan.glibc);
	counter_fini(&counter);
	census->arenas = arenas;
	if (!error)
		*ret_census = take_pointer(census);
	return error;
}
