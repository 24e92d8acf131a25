/* SPDX-License-Identifier: MIT */
#include <heapspy/dump.h>

#include <stdlib.h>

#include "base/error.h"
#include "heap/account/account.h"
#include "heap/attach.h"
#include "heap/capture.h"
#include "heap/census/census.h"
#include "heap/stack/reading.h"
#include "heap/stack/thread_tasks.h"
#include "heap/stack/tracemalloc_reading.h"
#include "target/core/core.h"

/* The public struct, and what it points into. */
struct dump {
	struct heapspy_dump public;
	const char *reasons[8];
	bool wants_tracemalloc;
	const struct thread_tasks *tasks; /* as they were when it began; while it is made */
};

void heapspy_dump_free(struct heapspy_dump *dump)
{
	if (!dump)
		return;
	for (size_t i = 0; i < dump->type_count; i++)
		free((char *)dump->types[i].name);
	free(dump->types);
	free(dump->interpreters);
	stack_reading_fini(&dump->threads);
	heapspy_mappings_fini(&dump->mappings);
	heapspy_tracemalloc_free(dump->tracemalloc);
	free(dump);
}
DEFINE_CLEANUP(struct heapspy_dump *, heapspy_dump_free)

static int by_bytes(const void *a, const void *b)
{
	const struct heapspy_type *left = a, *right = b;
	if (left->bytes != right->bytes)
		return left->bytes > right->bytes ? -1 : 1;
	return left->address < right->address ? -1 : left->address > right->address;
}

static struct heapspy_error *fill_types(struct heapspy_dump *dump, struct python *python,
					const struct census *census)
{
	dump->types = calloc(census->type_count + 1, sizeof(*dump->types));
	if (!dump->types)
		return error_no_memory();
	for (size_t i = 0; i < census->type_count; i++) {
		const struct tally *tally = &census->tallies[i];
		if (!tally->objects)
			continue;
		const struct type *type = types_get(census->types, i);
		char *name = type_name(python, type);
		if (!name)
			return error_no_memory();
		dump->types[dump->type_count++] = (struct heapspy_type){
			.name = name,
			.address = type->address,
			.objects = tally->objects,
			.bytes = tally->bytes,
			.owned = tally->owned,
			.gc_objects = tally->gc_objects,
			.gc_bytes = tally->gc_bytes,
			.pinning = tally->pinning,
		};
		dump->total.objects += tally->objects;
		dump->total.bytes += tally->bytes;
		dump->total.owned += tally->owned;
		dump->total.gc_objects += tally->gc_objects;
		dump->total.gc_bytes += tally->gc_bytes;
	}
	qsort(dump->types, dump->type_count, sizeof(*dump->types), by_bytes);
	return NULL;
}

static const struct census_lists *lists_of(const struct census *census, uint64_t interpreter)
{
	for (size_t i = 0; i < census->list_count; i++)
		if (census->lists[i].interpreter == interpreter)
			return &census->lists[i];
	return NULL;
}

static struct heapspy_error *fill_interpreters(struct heapspy_dump *dump, struct heapspy *heapspy,
					       const struct census *census)
{
	struct heapspy_gc_reading reading;
	struct heapspy_error *error = heapspy_gc_read(heapspy, &reading);
	if (error)
		return error;
	dump->interpreters = reading.interpreters;
	dump->interpreter_count = reading.interpreter_count;
	for (size_t i = 0; i < dump->interpreter_count; i++) {
		/* One that came after the census stays unknown. */
		const struct census_lists *lists =
			lists_of(census, heapspy->python->interpreters[i].address);
		struct heapspy_gc *gc = &dump->interpreters[i].gc;
		if (!lists)
			continue;
		for (unsigned j = 0; j < HEAPSPY_GENERATIONS; j++)
			gc->generations[j].objects = lists->objects[j];
		gc->frozen = lists->frozen;
	}
	return NULL;
}

static void fill_capture(struct dump *dump, const struct census *census)
{
	const char *gap = capture_walked(&dump->public.capture, census);
	dump->public.incomplete = dump->reasons;
	if (gap)
		dump->reasons[dump->public.incomplete_count++] = gap;
}

/* What a core file lacks. */
static void add_reasons_of_file(struct dump *dump, struct heapspy *heapspy)
{
	const struct core_facts *facts = target_core_facts(heapspy->target);
	if (facts && facts->cut_off)
		dump->reasons[dump->public.incomplete_count++] =
			"the file is cut off: a part of the memory is missing";
	if (facts && facts->files_absent)
		dump->reasons[dump->public.incomplete_count++] =
			"the file leaves out pages of programs that are not on this machine: "
			"names and sizes of some types are not known";
}

/* The stacks first: they change the fastest. */
static void fill_threads(struct dump *dump, struct heapspy *heapspy)
{
	struct heapspy_dump *public = &dump->public;
	struct stack_reading_options how = {
		.live = public->capture.mode == HEAPSPY_CAPTURE_RUNNING};
	struct heapspy_error *error = stack_reading_take(heapspy->python, dump->tasks, &how, NULL,
							 &public->threads);
	if (!error)
		return;
	heapspy_error_free(error);
	dump->reasons[public->incomplete_count++] = "the stacks of the threads could not be read";
}

static struct heapspy_error *take(struct heapspy *heapspy, struct dump *dump)
{
	struct heapspy_error *error = attach_refresh(heapspy);
	if (error)
		return error;
	fill_threads(dump, heapspy);
	bool live = dump->public.capture.mode == HEAPSPY_CAPTURE_RUNNING;
	if (dump->wants_tracemalloc &&
	    (error = tracemalloc_reading_take(heapspy->python, live, &dump->public.tracemalloc)))
		return error;
	CLEANUP(census_freep) struct census *census = NULL;
	if ((error = census_take(heapspy->python, NULL, &census)) ||
	    (error = fill_interpreters(&dump->public, heapspy, census)) ||
	    (error = fill_types(&dump->public, heapspy->python, census)) ||
	    (error = attach_memory(heapspy, census, &dump->public.memory,
				   &dump->public.mappings)))
		return error;
	dump->public.allocator = census->allocator;
	dump->public.malloc = (struct heapspy_malloc){
		.name = census->malloc_name,
		.arenas = census->glibc.arena_count,
		.bytes_in_use = census->malloc.in_use,
		.bytes_free = census->malloc.free,
		.mmapped = census->malloc.mmapped,
	};
	fill_capture(dump, census);
	add_reasons_of_file(dump, heapspy);
	return attach_verify(heapspy);
}

static const char NOT_ONE_INSTANT[] =
	"a thread that waited in a call that an interrupt would end was left alone, and went on "
	"while memory was copied: not quite of one instant";

static struct heapspy_error *
take_at_once(struct heapspy *heapspy, const struct heapspy_dump_options *options, struct dump *dump)
{
	struct instant instant;
	struct heapspy_error *error = instant_begin(heapspy, options->max_pause, &instant);
	if (error)
		return error;
	capture_at(&dump->public.capture, &instant);
	error = take(heapspy, dump);
	if (!error && !instant.report.one_instant)
		dump->reasons[dump->public.incomplete_count++] = NOT_ONE_INSTANT;
	instant_end(&instant);
	return error;
}

struct heapspy_error *heapspy_dump(struct heapspy *heapspy,
				   const struct heapspy_dump_options *options,
				   struct heapspy_dump **ret_dump)
{
	struct dump *dump = calloc(1, sizeof(*dump));
	if (!dump)
		return error_no_memory();
	CLEANUP(heapspy_dump_freep) struct heapspy_dump *public = &dump->public;
	capture_begin(&public->capture, heapspy);
	bool stop = options && options->stop && !attach_is_file(heapspy);
	dump->wants_tracemalloc = options && options->tracemalloc;
	CLEANUP(thread_tasks_fini) struct thread_tasks tasks = {0};
	struct heapspy_error *error = thread_tasks_read(heapspy->target, &tasks);
	dump->tasks = &tasks;
	if (!error)
		error = stop ? take_at_once(heapspy, options, dump) : take(heapspy, dump);
	if (error)
		return attach_explain(heapspy, error);
	capture_end(&public->capture, heapspy);
	*ret_dump = take_pointer(public);
	return NULL;
}
