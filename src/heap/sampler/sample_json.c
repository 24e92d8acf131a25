/* SPDX-License-Identifier: MIT */
#include "heap/sampler/sample_json.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "heap/sampler/sample.h"

enum { MOST_TYPES = 1 << 20, MOST_INTERPRETERS = 256 };

/* ---- numbers ------------------------------------------------------------------------- */

enum kind {
	SIZE,   /* uint64_t, left out where it is HEAPSPY_UNKNOWN */
	NUMBER, /* int64_t */
	INT,
	UNSIGNED,
	REAL,   /* left out where it is no number */
	FLAG,
	ADDRESS, /* uint64_t, as a text: "0x7f..." */
};

struct field {
	const char *key;
	size_t offset;
	enum kind kind;
};

#define FIELD(type, name, kind) {#name, offsetof(type, name), kind}
#define FIELDS(array) array, sizeof(array) / sizeof(*array)

/* Fields that are read back with their name: both ways come from here. */
static const struct field of_sample[] = {
	FIELD(struct heapspy_sample, number, SIZE),
	FIELD(struct heapspy_sample, time, REAL),
	FIELD(struct heapspy_sample, rss, SIZE),
	FIELD(struct heapspy_sample, swap, SIZE),
	FIELD(struct heapspy_sample, rss_peak, SIZE),
	FIELD(struct heapspy_sample, virt, SIZE),
	FIELD(struct heapspy_sample, threads, UNSIGNED),
	FIELD(struct heapspy_sample, walking, FLAG),
	FIELD(struct heapspy_sample, walk_cpu, REAL),
	FIELD(struct heapspy_sample, census_interval, REAL),
};

static const struct field of_gc[] = {
	FIELD(struct heapspy_gc, enabled, FLAG),   FIELD(struct heapspy_gc, collecting, FLAG),
	FIELD(struct heapspy_gc, debug, INT),      FIELD(struct heapspy_gc, garbage, SIZE),
	FIELD(struct heapspy_gc, frozen, SIZE),
};

static const struct field of_generation[] = {
	FIELD(struct heapspy_generation, threshold, NUMBER),
	FIELD(struct heapspy_generation, count, NUMBER),
	FIELD(struct heapspy_generation, objects, SIZE),
	FIELD(struct heapspy_generation, collections, NUMBER),
	FIELD(struct heapspy_generation, collected, NUMBER),
	FIELD(struct heapspy_generation, uncollectable, NUMBER),
	FIELD(struct heapspy_generation, duration, REAL),
	FIELD(struct heapspy_generation, last, REAL),
	FIELD(struct heapspy_generation, longest, REAL),
};

static const struct field of_capture[] = {
	FIELD(struct heapspy_capture, time, REAL),
	FIELD(struct heapspy_capture, duration, REAL),
	FIELD(struct heapspy_capture, pause, REAL),
	FIELD(struct heapspy_capture, bytes_read, SIZE),
	FIELD(struct heapspy_capture, torn_reads, SIZE),
	FIELD(struct heapspy_capture, coverage, REAL),
};

static const struct field of_memory[] = {
	FIELD(struct heapspy_memory, rss, SIZE),      FIELD(struct heapspy_memory, pss, SIZE),
	FIELD(struct heapspy_memory, uss, SIZE),      FIELD(struct heapspy_memory, swap, SIZE),
	FIELD(struct heapspy_memory, rss_peak, SIZE), FIELD(struct heapspy_memory, virt, SIZE),
	FIELD(struct heapspy_memory, limit, SIZE),    FIELD(struct heapspy_memory, headroom, SIZE),
	FIELD(struct heapspy_memory, has_account, FLAG),
};

static const struct field of_allocator[] = {
	FIELD(struct heapspy_allocator, arenas, SIZE),
	FIELD(struct heapspy_allocator, arena_size, SIZE),
	FIELD(struct heapspy_allocator, arenas_allocated, SIZE),
	FIELD(struct heapspy_allocator, arenas_highwater, SIZE),
	FIELD(struct heapspy_allocator, large_blocks, SIZE),
	FIELD(struct heapspy_allocator, pools, SIZE),
	FIELD(struct heapspy_allocator, pool_size, SIZE),
	FIELD(struct heapspy_allocator, pools_free, SIZE),
	FIELD(struct heapspy_allocator, blocks_in_use, SIZE),
	FIELD(struct heapspy_allocator, bytes_in_use, SIZE),
	FIELD(struct heapspy_allocator, bytes_free, SIZE),
	FIELD(struct heapspy_allocator, bytes_pool_headers, SIZE),
	FIELD(struct heapspy_allocator, bytes_quantization, SIZE),
	FIELD(struct heapspy_allocator, bytes_alignment, SIZE),
	FIELD(struct heapspy_allocator, raw_blocks, SIZE),
	FIELD(struct heapspy_allocator, raw_bytes, SIZE),
	FIELD(struct heapspy_allocator, sparse_arenas, SIZE),
	FIELD(struct heapspy_allocator, sparse_bytes, SIZE),
};

static const struct field of_class[] = {
	FIELD(struct heapspy_size_class, block, UNSIGNED),
	FIELD(struct heapspy_size_class, pools, SIZE),
	FIELD(struct heapspy_size_class, blocks_in_use, SIZE),
	FIELD(struct heapspy_size_class, blocks_free, SIZE),
};

static const struct field of_malloc[] = {
	FIELD(struct heapspy_malloc, arenas, SIZE),
	FIELD(struct heapspy_malloc, bytes_in_use, SIZE),
	FIELD(struct heapspy_malloc, bytes_free, SIZE),
	FIELD(struct heapspy_malloc, mmapped, SIZE),
};

static const struct field of_type[] = {
	FIELD(struct heapspy_type, address, ADDRESS), FIELD(struct heapspy_type, objects, SIZE),
	FIELD(struct heapspy_type, bytes, SIZE),   FIELD(struct heapspy_type, gc_objects, SIZE),
	FIELD(struct heapspy_type, gc_bytes, SIZE), FIELD(struct heapspy_type, pinning, SIZE),
	FIELD(struct heapspy_type, owned, SIZE),
};

/* Numbers that JSON's of 64 bits with a sign cannot hold are not known. */
static json_t *pack_one(const char *at, enum kind kind)
{
	switch (kind) {
	case SIZE:
		return *(const uint64_t *)at <= INT64_MAX
			       ? json_integer((json_int_t) * (const uint64_t *)at)
			       : NULL;
	case NUMBER:
		return json_integer(*(const int64_t *)at);
	case INT:
		return json_integer(*(const int *)at);
	case UNSIGNED:
		return json_integer(*(const unsigned *)at);
	case REAL:
		return isfinite(*(const double *)at) ? json_real(*(const double *)at) : NULL;
	case ADDRESS:
		return json_sprintf("0x%llx", *(const unsigned long long *)at);
	default:
		return json_boolean(*(const bool *)at);
	}
}

static void pack(json_t *object, const void *base, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		json_t *value = pack_one((const char *)base + fields[i].offset, fields[i].kind);
		if (value)
			json_object_set_new(object, fields[i].key, value);
	}
}

static int64_t within(int64_t value, int64_t least, int64_t most)
{
	return value < least ? least : value > most ? most : value;
}

static bool unpack_one(const json_t *value, char *at, enum kind kind)
{
	bool whole = json_is_integer(value);
	int64_t number = whole ? json_integer_value(value) : 0;
	switch (kind) {
	case SIZE:
		*(uint64_t *)at = whole && number >= 0 ? (uint64_t)number : HEAPSPY_UNKNOWN;
		return !value || (whole && number >= 0);
	case NUMBER:
		*(int64_t *)at = number;
		return !value || whole;
	case INT:
		*(int *)at = (int)within(number, INT32_MIN, INT32_MAX);
		return !value || whole;
	case UNSIGNED:
		*(unsigned *)at = (unsigned)within(number, 0, UINT32_MAX);
		return !value || whole;
	case REAL:
		*(double *)at = json_is_number(value) ? json_number_value(value) : NAN;
		return !value || json_is_number(value);
	case ADDRESS:
		*(uint64_t *)at = strtoull(json_is_string(value) ? json_string_value(value) : "", NULL, 16);
		return !value || json_is_string(value);
	default:
		*(bool *)at = json_is_true(value);
		return !value || json_is_boolean(value);
	}
}

/* What is left out is not known, or nothing. */
static bool unpack(const json_t *object, void *base, const struct field *fields, size_t count)
{
	bool good = json_is_object(object);
	for (size_t i = 0; i < count; i++)
		good &= unpack_one(json_object_get(object, fields[i].key),
				   (char *)base + fields[i].offset, fields[i].kind);
	return good;
}

static double real_or(double value, double otherwise)
{
	return isfinite(value) ? value : otherwise;
}

char *json_text(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);
	return text ? text_from_bytes(text, json_string_length(value)) : NULL;
}

/* ---- interpreters ------------------------------------------------------------------------ */

static json_t *pack_interpreters(const struct heapspy_interpreter *interpreters, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		const struct heapspy_gc *gc = &interpreters[i].gc;
		json_t *one = json_object(), *state = json_object(), *generations = json_array();
		for (unsigned j = 0; j < HEAPSPY_GENERATIONS; j++) {
			json_t *generation = json_object();
			pack(generation, &gc->generations[j], FIELDS(of_generation));
			json_array_append_new(generations, generation);
		}
		json_object_set_new(state, "collector",
				    json_string(heapspy_collector_name(gc->collector)));
		pack(state, gc, FIELDS(of_gc));
		json_object_set_new(state, "generations", generations);
		json_object_set_new(one, "id", json_integer(interpreters[i].id));
		json_object_set_new(one, "gc", state);
		json_array_append_new(list, one);
	}
	return list;
}

static bool unpack_gc(const json_t *json, struct heapspy_gc *ret_gc)
{
	const char *collector = json_string_value(json_object_get(json, "collector"));
	const json_t *generations = json_object_get(json, "generations");
	bool good = collector && unpack(json, ret_gc, FIELDS(of_gc)) &&
		    json_array_size(generations) == HEAPSPY_GENERATIONS;
	const char *incremental = heapspy_collector_name(HEAPSPY_COLLECTOR_INCREMENTAL);
	if (good && strcmp(collector, incremental) == 0)
		ret_gc->collector = HEAPSPY_COLLECTOR_INCREMENTAL;
	for (unsigned i = 0; good && i < HEAPSPY_GENERATIONS; i++)
		good = unpack(json_array_get(generations, i), &ret_gc->generations[i],
			      FIELDS(of_generation));
	return good;
}

static bool unpack_interpreters(const json_t *list, struct heapspy_interpreter **ret_interpreters,
				size_t *ret_count)
{
	size_t count = json_array_size(list);
	struct heapspy_interpreter *interpreters = calloc(count + 1, sizeof(*interpreters));
	bool good = interpreters && count <= MOST_INTERPRETERS;
	for (size_t i = 0; good && i < count; i++) {
		const json_t *one = json_array_get(list, i);
		interpreters[i].id = json_integer_value(json_object_get(one, "id"));
		good = unpack_gc(json_object_get(one, "gc"), &interpreters[i].gc);
	}
	if (!good) {
		free(interpreters);
		return false;
	}
	*ret_interpreters = interpreters;
	*ret_count = count;
	return true;
}

/* ---- a census ---------------------------------------------------------------------------- */

static json_t *pack_sizes(const uint64_t *sizes, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, sizes[i] <= INT64_MAX
						    ? json_integer((json_int_t)sizes[i])
						    : json_null());
	return list;
}

static void unpack_sizes(const json_t *list, uint64_t *sizes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_array_get(list, i);
		int64_t number = json_is_integer(value) ? json_integer_value(value) : -1;
		sizes[i] = number >= 0 ? (uint64_t)number : HEAPSPY_UNKNOWN;
	}
}

static json_t *pack_allocator(const struct heapspy_allocator *allocator)
{
	json_t *json = json_object(), *classes = json_array();
	pack(json, allocator, FIELDS(of_allocator));
	json_object_set_new(json, "free_lists",
			    pack_sizes(allocator->free_lists, HEAPSPY_FREE_LIST_COUNT));
	for (unsigned i = 0; i < HEAPSPY_SIZE_CLASSES && allocator->arenas; i++) {
		json_t *class = json_object();
		pack(class, &allocator->classes[i], FIELDS(of_class));
		json_array_append_new(classes, class);
	}
	json_object_set_new(json, "classes", classes);
	return json;
}

static bool unpack_allocator(const json_t *json, struct heapspy_allocator *ret_allocator)
{
	const json_t *classes = json_object_get(json, "classes");
	bool good = unpack(json, ret_allocator, FIELDS(of_allocator));
	unpack_sizes(json_object_get(json, "free_lists"), ret_allocator->free_lists,
		     HEAPSPY_FREE_LIST_COUNT);
	for (unsigned i = 0; good && i < HEAPSPY_SIZE_CLASSES && i < json_array_size(classes); i++)
		good = unpack(json_array_get(classes, i), &ret_allocator->classes[i],
			      FIELDS(of_class));
	/* What comes out of these is multiplied. */
	const uint64_t most = UINT64_C(1) << 47;
	return good && (ret_allocator->arenas < most || !~ret_allocator->arenas) &&
	       (!ret_allocator->arena_size || ret_allocator->arenas < most / ret_allocator->arena_size);
}

static json_t *pack_types(const struct heapspy_dump *dump)
{
	json_t *types = json_array();
	for (size_t i = 0; i < dump->type_count; i++) {
		json_t *type = json_object();
		json_object_set_new(type, "type", json_string(dump->types[i].name));
		pack(type, &dump->types[i], FIELDS(of_type));
		json_array_append_new(types, type);
	}
	return types;
}

static bool unpack_types(const json_t *types, struct heapspy_dump *dump)
{
	size_t count = json_array_size(types);
	if (!json_is_array(types) || count > MOST_TYPES)
		return false;
	dump->types = calloc(count + 1, sizeof(*dump->types));
	for (size_t i = 0; dump->types && i < count; i++) {
		const json_t *one = json_array_get(types, i);
		struct heapspy_type *type = &dump->types[i];
		type->name = json_text(one, "type");
		dump->type_count = i + 1;
		if (!type->name || !unpack(one, type, FIELDS(of_type)))
			return false;
	}
	return dump->types != NULL;
}

static json_t *pack_census(const struct heapspy_census *census)
{
	const struct heapspy_dump *dump = census->dump;
	json_t *json = json_object(), *capture = json_object(), *memory = json_object();
	json_t *malloc = json_object(), *total = json_object();
	json_object_set_new(json, "number", json_integer((json_int_t)census->number));
	pack(capture, &dump->capture, FIELDS(of_capture));
	json_object_set_new(json, "capture", capture);
	pack(memory, &dump->memory, FIELDS(of_memory));
	json_object_set_new(memory, "account",
			    pack_sizes(dump->memory.account, HEAPSPY_MEMORY_KIND_COUNT));
	json_object_set_new(json, "memory", memory);
	json_object_set_new(json, "interpreters",
			    pack_interpreters(dump->interpreters, dump->interpreter_count));
	json_object_set_new(json, "allocator", pack_allocator(&dump->allocator));
	pack(malloc, &dump->malloc, FIELDS(of_malloc));
	json_object_set_new(json, "malloc", malloc);
	pack(total, &dump->total, FIELDS(of_type));
	json_object_set_new(json, "total", total);
	json_object_set_new(json, "types", pack_types(dump));
	return json;
}

static struct heapspy_census *unpack_census(const json_t *json)
{
	struct heapspy_census *census = calloc(1, sizeof(*census));
	struct heapspy_dump *dump = calloc(1, sizeof(*dump));
	if (!census || !dump) {
		free(census);
		free(dump);
		return NULL;
	}
	census->references = 1;
	census->dump = dump;
	census->number = (uint64_t)json_integer_value(json_object_get(json, "number"));
	const json_t *memory = json_object_get(json, "memory");
	bool good =
	    unpack(json_object_get(json, "capture"), &dump->capture, FIELDS(of_capture)) &&
	    unpack(memory, &dump->memory, FIELDS(of_memory)) &&
	    unpack_interpreters(json_object_get(json, "interpreters"), &dump->interpreters,
				&dump->interpreter_count) &&
	    unpack_allocator(json_object_get(json, "allocator"), &dump->allocator) &&
	    unpack(json_object_get(json, "malloc"), &dump->malloc, FIELDS(of_malloc)) &&
	    unpack(json_object_get(json, "total"), &dump->total, FIELDS(of_type)) &&
	    unpack_types(json_object_get(json, "types"), dump) &&
	    isfinite(dump->capture.time) && census->number > 0;
	unpack_sizes(json_object_get(memory, "account"), dump->memory.account,
		     HEAPSPY_MEMORY_KIND_COUNT);
	dump->capture.duration = real_or(dump->capture.duration, 0);
	dump->capture.pause = real_or(dump->capture.pause, 0);
	dump->capture.coverage = real_or(dump->capture.coverage, 0);
	if (good)
		return census;
	heapspy_census_drop(census);
	return NULL;
}

/* ---- a sample ---------------------------------------------------------------------------- */

json_t *sample_to_json(const struct heapspy_sample *sample, const struct heapspy_census *written)
{
	bool gone = sample->state == HEAPSPY_SAMPLE_GONE;
	json_t *json = json_object();
	pack(json, sample, FIELDS(of_sample));
	json_object_set_new(json, "state", json_string(gone ? "gone" : "live"));
	if (sample->trouble)
		json_object_set_new(json, "trouble", json_string(sample->trouble));
	json_object_set_new(json, "interpreters",
			    pack_interpreters(sample->interpreters, sample->interpreter_count));
	if (sample->census && sample->census != written)
		json_object_set_new(json, "census", pack_census(sample->census));
	return json;
}

static bool fill(const json_t *json, const struct heapspy_sample *before,
		 struct heapspy_sample *sample)
{
	const char *state = json_string_value(json_object_get(json, "state"));
	const json_t *census = json_object_get(json, "census");
	if (!unpack(json, sample, FIELDS(of_sample)) || !state || !isfinite(sample->time) ||
	    !~sample->number ||
	    !unpack_interpreters(json_object_get(json, "interpreters"), &sample->interpreters,
				 &sample->interpreter_count))
		return false;
	sample->state = strcmp(state, "gone") == 0 ? HEAPSPY_SAMPLE_GONE : HEAPSPY_SAMPLE_LIVE;
	sample->trouble = json_text(json, "trouble");
	sample->walk_cpu = real_or(sample->walk_cpu, 0);
	sample->census_interval = real_or(sample->census_interval, 0);
	sample->census =
	    census ? unpack_census(census) : heapspy_census_keep(before ? before->census : NULL);
	return !census || sample->census;
}

bool sample_from_json(const json_t *json, const struct heapspy_sample *before,
		      struct heapspy_sample **ret_sample)
{
	struct heapspy_sample *sample = sample_new();
	if (!sample || !fill(json, before, sample)) {
		heapspy_sample_drop(sample);
		return false;
	}
	*ret_sample = sample;
	return true;
}
