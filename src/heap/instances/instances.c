/* SPDX-License-Identifier: MIT */
#include <heapspy/instances.h>

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/bisect.h"
#include "base/clock.h"
#include "base/error.h"
#include "heap/attach.h"
#include "heap/capture.h"
#include "heap/census/census.h"
#include "heap/instances/picks.h"
#include "python/dict.h"
#include "python/gc.h"
#include "python/object.h"
#include "python/preview/preview.h"
#include "python/sizes.h"
#include "target/gather.h"

const char *heapspy_age_name(enum heapspy_age age)
{
	static const char *const names[] = {
#define X(name, json_name) [HEAPSPY_AGE_##name] = json_name,
	    HEAPSPY_AGES(X)
#undef X
	};
	return names[age];
}

/* ---- watching the census --------------------------------------------------------------- */

/* So many wait at once for the sizes of their tables of keys. */
enum { WAITING = 4096 };

enum { NOT_ASKED, OTHER, WANTED };

struct search {
	struct python *python;
	const struct heapspy_instances_options *options;
	uint8_t *wanted; /* by number of the type */
	size_t wanted_capacity;
	size_t types;
	char *name;
	uint64_t objects, bytes, random;
	struct picks largest, sample;
	struct sizes *sizes;
	struct gather *keys;
	struct pick *waiting;
	size_t waiting_count;
	bool no_memory;
};

static void offer(struct search *search, const struct pick *pick)
{
	picks_offer_largest(&search->largest, pick);
	/* xorshift64*, Vigna 2016. */
	search->random ^= search->random >> 12;
	search->random ^= search->random << 25;
	search->random ^= search->random >> 27;
	picks_offer_sample(&search->sample, pick, search->objects,
			   search->random * UINT64_C(0x2545f4914f6cdd1d));
	search->objects++;
	search->bytes += pick->bytes;
}

static void settle(struct search *search)
{
	if (search->keys)
		gather_flush(search->keys);
	for (size_t i = 0; i < search->waiting_count; i++)
		offer(search, &search->waiting[i]);
	search->waiting_count = 0;
}

/* The cookie is the place among those that wait. */
static void add_keys(void *context, uint64_t cookie, const uint8_t *bytes, enum fault fault)
{
	struct search *search = context;
	uint64_t size = 0;
	if (fault == FAULT_NONE && sizes_add_keys(search->sizes, bytes, &size) == FAULT_NONE)
		search->waiting[cookie].bytes += size;
}

static bool can_wait(struct search *search)
{
	if (!search->waiting)
		search->waiting = malloc(WAITING * sizeof(*search->waiting));
	if (!search->keys)
		search->keys =
		    gather_new(search->python->target, DICT_KEYS_HEADER, add_keys, search);
	if (search->waiting && search->keys)
		return true;
	search->no_memory = true;
	return false;
}

static uint8_t ask(struct search *search, const struct type *type)
{
	const struct heapspy_instances_options *options = search->options;
	if (options->type && options->type != type->address)
		return OTHER;
	CLEANUP(freep) char *name = type_name(search->python, type);
	if (!name ||
	    (!options->type && (!options->name || strcmp(name, options->name) != 0)))
		return OTHER;
	search->types++;
	if (!search->name)
		search->name = take_pointer(name);
	return WANTED;
}

static bool is_wanted(struct search *search, uint32_t number, const struct type *type)
{
	if (number >= search->wanted_capacity) {
		size_t capacity = search->wanted_capacity ? search->wanted_capacity * 2 : 2048;
		while (capacity <= number)
			capacity *= 2;
		uint8_t *wanted = realloc(search->wanted, capacity);
		if (!wanted) {
			search->no_memory = true;
			return false;
		}
		memset(wanted + search->wanted_capacity, NOT_ASKED,
		       capacity - search->wanted_capacity);
		search->wanted = wanted;
		search->wanted_capacity = capacity;
	}
	if (search->wanted[number] == NOT_ASKED)
		search->wanted[number] = ask(search, type);
	return search->wanted[number] == WANTED;
}

static void see(void *context, uint32_t type, const struct object *object,
		const struct measure *measure, bool tracked)
{
	struct search *search = context;
	if (!is_wanted(search, type, object->type))
		return;
	struct pick pick = {
	    .address = object->address,
	    .bytes = measure->bytes,
	    .refcount = object_refcount_word(search->python, object->bytes),
	    .type = type,
	    .tracked = tracked,
	};
	if (!measure->keys) {
		offer(search, &pick);
		return;
	}
	if (!can_wait(search))
		return;
	if (search->waiting_count == WAITING)
		settle(search);
	search->waiting[search->waiting_count] = pick;
	gather_add(search->keys, measure->keys, search->waiting_count++);
}

static void end_walk(void *context)
{
	struct search *search = context;
	settle(search);
	picks_sort_by_address(&search->largest);
	picks_sort_by_address(&search->sample);
}

static void set_age(struct picks *picks, uint64_t address, uint8_t age)
{
	size_t low = BISECT(picks->count, at, picks->items[at].address < address);
	if (low < picks->count && picks->items[low].address == address)
		picks->items[low].age = age;
}

static void list(void *context, uint64_t address, unsigned generation)
{
	struct search *search = context;
	uint8_t age = (uint8_t)(HEAPSPY_AGE_GENERATION_0 + generation);
	set_age(&search->largest, address, age);
	set_age(&search->sample, address, age);
}

/* Where all that is on no list that was walked must be. */
static void set_rest(struct picks *picks, bool known, unsigned generation)
{
	for (size_t i = 0; i < picks->count; i++) {
		struct pick *pick = &picks->items[i];
		if (!pick->tracked)
			pick->age = HEAPSPY_AGE_UNTRACKED;
		else if (pick->age == HEAPSPY_AGE_UNKNOWN && known)
			pick->age = (uint8_t)(HEAPSPY_AGE_GENERATION_0 + generation);
	}
}

static void list_rest(void *context, bool known, unsigned generation)
{
	struct search *search = context;
	set_rest(&search->largest, known, generation);
	set_rest(&search->sample, known, generation);
}

static void search_fini(struct search *search)
{
	free(search->wanted);
	free(search->name);
	free(search->waiting);
	picks_fini(&search->largest);
	picks_fini(&search->sample);
	sizes_free(search->sizes);
	gather_free(search->keys);
}

/* ---- the answer ------------------------------------------------------------------------ */

/* The public struct, and what it points into. */
struct instances {
	struct heapspy_instances public;
	const char *reasons[4];
};

static void free_all(struct heapspy_instance *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free((char *)items[i].preview);
	free(items);
}

void heapspy_instances_free(struct heapspy_instances *instances)
{
	if (!instances)
		return;
	free((char *)instances->name);
	free_all(instances->largest, instances->largest_count);
	free_all(instances->sample, instances->sample_count);
	free(instances);
}
DEFINE_CLEANUP(struct heapspy_instances *, heapspy_instances_free)

static struct heapspy_error *fill(const struct search *search, const struct census *census,
				  struct types *types, const struct picks *picks,
				  struct heapspy_instance **ret_items, size_t *ret_count)
{
	struct preview_options how = {search->options->preview, search->options->without_text};
	struct heapspy_instance *items = calloc(picks->count + 1, sizeof(*items));
	if (!items)
		return error_no_memory();
	for (size_t i = 0; i < picks->count; i++) {
		const struct pick *pick = &picks->items[i];
		struct heapspy_instance *item = &items[i];
		*item = (struct heapspy_instance){
		    .address = pick->address,
		    .type = types_get(census->types, pick->type)->address,
		    .bytes = pick->bytes,
		    .references = object_references(search->python, pick->refcount),
		    .immortal = object_is_immortal(search->python, pick->refcount),
		    .age = (enum heapspy_age)pick->age,
		};
		/* Another object may lie there by now. */
		uint64_t type =
		    peek_u64(search->python->peek,
			     pick->address + OFFSET(&search->python->layout, Object, ob_type));
		bool there =
		    peek_take_fault(search->python->peek) == FAULT_NONE && type == item->type;
		if (there && how.length)
			item->preview = preview_make(search->python, types, pick->address, &how);
	}
	*ret_items = items;
	*ret_count = picks->count;
	return NULL;
}

static struct heapspy_error *walk(struct heapspy *heapspy, struct search *search,
				  struct instances *instances)
{
	struct heapspy_instances *public = &instances->public;
	CLEANUP(census_freep) struct census *census = NULL;
	struct census_watch watch = {see, end_walk, list, list_rest, search};
	struct heapspy_error *error = attach_refresh(heapspy);
	if (!error)
		error = census_take(heapspy->python, &watch, &census);
	if (error)
		return error;
	if (search->no_memory || search->largest.no_memory || search->sample.no_memory)
		return error_no_memory();
	/* What is shown is as it is now. */
	peek_forget(heapspy->python->peek);
	CLEANUP(types_freep) struct types *types = types_new(heapspy->python, NULL, NULL);
	if (!types)
		return error_no_memory();
	picks_sort_by_size(&search->largest);
	if ((error = fill(search, census, types, &search->largest, &public->largest,
			  &public->largest_count)) ||
	    (error = fill(search, census, types, &search->sample, &public->sample,
			  &public->sample_count)))
		return error;
	public->name = take_pointer(search->name);
	public->types = search->types;
	public->objects = search->objects;
	public->bytes = search->bytes;
	const char *gap = capture_walked(&public->capture, census);
	public->incomplete = instances->reasons;
	if (gap)
		instances->reasons[public->incomplete_count++] = gap;
	return attach_verify(heapspy);
}

static struct heapspy_error *walk_at_once(struct heapspy *heapspy, struct search *search,
					  struct instances *instances)
{
	struct instant instant;
	struct heapspy_error *error = instant_begin(heapspy, search->options->max_pause, &instant);
	if (error)
		return error;
	capture_at(&instances->public.capture, &instant);
	error = walk(heapspy, search, instances);
	instant_end(&instant);
	return error;
}

static uint64_t seed(void)
{
	uint64_t random;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint64_t)(clock_monotonic() * 1e9);
	return random ?: 1;
}

struct heapspy_error *heapspy_instances_read(struct heapspy *heapspy,
					     const struct heapspy_instances_options *options,
					     struct heapspy_instances **ret_instances)
{
	struct instances *instances = calloc(1, sizeof(*instances));
	if (!instances)
		return error_no_memory();
	CLEANUP(heapspy_instances_freep) struct heapspy_instances *public = &instances->public;
	CLEANUP(search_fini)
	struct search search = {
	    .python = heapspy->python,
	    .options = options,
	    .random = seed(),
	    .largest = {.most = options->largest},
	    .sample = {.most = options->sample},
	    .sizes = sizes_new(heapspy->python),
	};
	if (!search.sizes)
		return error_no_memory();
	capture_begin(&public->capture, heapspy);
	bool stop = options->stop && !attach_is_file(heapspy);
	struct heapspy_error *error =
	    stop ? walk_at_once(heapspy, &search, instances) : walk(heapspy, &search, instances);
	if (error)
		return attach_explain(heapspy, error);
	capture_end(&public->capture, heapspy);
	*ret_instances = take_pointer(public);
	return NULL;
}
