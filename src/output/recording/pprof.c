/* SPDX-License-Identifier: MIT */
/*
 * A profile for pprof: profile.proto of github.com/google/pprof, gzipped. A stack is
 * a sample with bytes kept and bytes in total; a type of the last census is a
 * sample with objects and bytes, in a function of its name.
 *
 * A protocol buffer is a sequence of fields: key (number and kind), then a varint or
 * a length and so many bytes.
 */
#include "output/recording/selection.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/index.h"

/* Numbers of fields. */
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_MAPPING = 3,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING = 6,
	PROFILE_TIME = 9,
	PROFILE_DURATION = 10,
	PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD = 12,
	PROFILE_COMMENT = 13,
	PROFILE_DEFAULT_SAMPLE_TYPE = 14,
	VALUE_TYPE_TYPE = 1,
	VALUE_TYPE_UNIT = 2,
	SAMPLE_LOCATION = 1,
	SAMPLE_VALUE = 2,
	SAMPLE_LABEL = 3,
	LABEL_KEY = 1,
	LABEL_TEXT = 2,
	MAPPING_ID = 1,
	MAPPING_FILENAME = 5,
	MAPPING_HAS_FUNCTIONS = 7,
	MAPPING_HAS_FILENAMES = 8,
	MAPPING_HAS_LINE_NUMBERS = 9,
	LOCATION_ID = 1,
	LOCATION_MAPPING = 2,
	LOCATION_LINE = 4,
	LINE_FUNCTION = 1,
	LINE_LINE = 2,
	FUNCTION_ID = 1,
	FUNCTION_NAME = 2,
	FUNCTION_SYSTEM_NAME = 3,
	FUNCTION_FILENAME = 4,
};

enum { VALUES = 4 }; /* of a sample */

/* ---- protocol buffers ------------------------------------------------------------------ */

struct buffer {
	uint8_t *bytes;
	size_t length, size;
	bool no_memory;
};

static void buffer_fini(struct buffer *buffer)
{
	free(buffer->bytes);
}

static void put_bytes(struct buffer *buffer, const void *bytes, size_t length)
{
	if (buffer->size - buffer->length < length) {
		size_t size = (buffer->size + length) * 2;
		uint8_t *larger = realloc(buffer->bytes, size);
		if (!larger) {
			buffer->no_memory = true;
			return;
		}
		buffer->bytes = larger;
		buffer->size = size;
	}
	if (length > 0)
		memcpy(buffer->bytes + buffer->length, bytes, length);
	buffer->length += length;
}

static void put_varint(struct buffer *buffer, uint64_t number)
{
	uint8_t bytes[10];
	size_t length = 0;
	for (; number >= 0x80; number >>= 7)
		bytes[length++] = (uint8_t)(number | 0x80);
	bytes[length++] = (uint8_t)number;
	put_bytes(buffer, bytes, length);
}

/* Zero is what is meant where a field is not there. */
static void put_number(struct buffer *buffer, unsigned field, uint64_t number)
{
	if (number == 0)
		return;
	put_varint(buffer, field << 3);
	put_varint(buffer, number);
}

static void put_piece(struct buffer *buffer, unsigned field, const void *bytes, size_t length)
{
	put_varint(buffer, field << 3 | 2);
	put_varint(buffer, length);
	put_bytes(buffer, bytes, length);
}

/* A message within a message; it is empty afterwards, to be used again. */
static void put_message(struct buffer *buffer, unsigned field, struct buffer *message)
{
	put_piece(buffer, field, message->bytes, message->length);
	buffer->no_memory |= message->no_memory;
	message->length = 0;
}

/* ---- the profile -------------------------------------------------------------------------- */

struct profile {
	struct buffer body;
	struct buffer message, inner, strings;
	struct index string_index;
	const char **texts; /* of the strings, but for the first, which is "" */
	size_t text_count, text_space;
	const struct selection *selection;
	uint64_t *functions; /* by frame: the id of its location and its function; 0: none yet */
	uint64_t next_id;
};

static void profile_fini(struct profile *profile)
{
	buffer_fini(&profile->body);
	buffer_fini(&profile->message);
	buffer_fini(&profile->inner);
	buffer_fini(&profile->strings);
	index_fini(&profile->string_index);
	free(profile->texts);
	free(profile->functions);
}

static bool same_text(const void *things, uint32_t at, const void *sought)
{
	return strcmp(((const struct profile *)things)->texts[at], sought) == 0;
}

/* The index of a text, which must outlive the profile. NULL is "". */
static uint64_t string_of(struct profile *profile, const char *text)
{
	if (!text || !*text)
		return 0;
	uint64_t hash = index_hash(text, strlen(text), 0);
	uint32_t at = index_find(&profile->string_index, hash, same_text, profile, text);
	if (at != UINT32_MAX)
		return at + 1;
	if (!ARRAY_RESERVE(profile->texts, profile->text_space, profile->text_count + 1) ||
	    !index_add(&profile->string_index, hash, (uint32_t)profile->text_count)) {
		profile->body.no_memory = true;
		return 0;
	}
	profile->texts[profile->text_count++] = text;
	put_piece(&profile->strings, PROFILE_STRING, text, strlen(text));
	return profile->text_count;
}

static void put_value_type(struct profile *profile, unsigned field, const char *type,
			   const char *unit)
{
	put_number(&profile->message, VALUE_TYPE_TYPE, string_of(profile, type));
	put_number(&profile->message, VALUE_TYPE_UNIT, string_of(profile, unit));
	put_message(&profile->body, field, &profile->message);
}

/* A location with one line of one function, all of the same id. */
static uint64_t add_place(struct profile *profile, const char *name, const char *file, int32_t line)
{
	struct buffer *message = &profile->message;
	uint64_t id = ++profile->next_id;
	put_number(message, FUNCTION_ID, id);
	put_number(message, FUNCTION_NAME, string_of(profile, name));
	put_number(message, FUNCTION_SYSTEM_NAME, string_of(profile, name));
	put_number(message, FUNCTION_FILENAME, string_of(profile, file));
	put_message(&profile->body, PROFILE_FUNCTION, message);
	put_number(&profile->inner, LINE_FUNCTION, id);
	put_number(&profile->inner, LINE_LINE, line > 0 ? (uint64_t)line : 0);
	put_number(message, LOCATION_ID, id);
	put_number(message, LOCATION_MAPPING, 1);
	put_message(message, LOCATION_LINE, &profile->inner);
	put_message(&profile->body, PROFILE_LOCATION, message);
	return id;
}

static uint64_t place_of(struct profile *profile, uint32_t frame)
{
	const struct heapspy_frame *one = &profile->selection->report->recording->frames[frame];
	if (!profile->functions[frame])
		profile->functions[frame] = add_place(profile, one->function,
						      one->file ?: one->module, one->line);
	return profile->functions[frame];
}

/* `places` in the body's own encoding are in `inner`. */
static void put_sample(struct profile *profile, struct buffer *places,
		       const uint64_t values[VALUES], const char *type)
{
	struct buffer *message = &profile->message;
	put_message(message, SAMPLE_LOCATION, places);
	for (int i = 0; i < VALUES; i++)
		put_varint(&profile->inner, values[i]);
	put_message(message, SAMPLE_VALUE, &profile->inner);
	if (type) {
		put_number(&profile->inner, LABEL_KEY, string_of(profile, "type"));
		put_number(&profile->inner, LABEL_TEXT, string_of(profile, type));
		put_message(message, SAMPLE_LABEL, &profile->inner);
	}
	put_message(&profile->body, PROFILE_SAMPLE, message);
}

static void put_stacks(struct profile *profile)
{
	const struct selection *selection = profile->selection;
	const struct heapspy_recording *recording = selection->report->recording;
	CLEANUP(buffer_fini) struct buffer places = {0};
	for (size_t i = 0; i < selection->stack_count; i++) {
		const struct heapspy_report_stack *row = selection->stacks[i].stack;
		const struct heapspy_recorded_stack *stack = &recording->stacks[row->stack];
		const uint64_t values[VALUES] = {row->grown.kept, row->grown.total};
		if (row->grown.total == 0)
			continue;
		for (size_t j = 0; j < stack->count; j++)
			put_varint(&places, place_of(profile, stack->frames[j]));
		if (stack->count == 0)
			put_varint(&places, add_place(profile, "(no code was seen)", NULL, 0));
		put_sample(profile, &places, values, NULL);
	}
}

static void put_types(struct profile *profile)
{
	const struct heapspy_recording *recording = profile->selection->report->recording;
	if (recording->census_count == 0)
		return;
	const struct heapspy_recorded_census *census =
		&recording->censuses[recording->census_count - 1];
	CLEANUP(buffer_fini) struct buffer places = {0};
	uint64_t heap = add_place(profile, "(heap)", NULL, 0);
	for (size_t i = 0; i < census->type_count; i++) {
		const struct heapspy_recorded_type *row = &census->types[i];
		const uint64_t values[VALUES] = {0, 0, row->objects, row->bytes};
		const char *name = recording->types[row->type];
		put_varint(&places, add_place(profile, name, NULL, 0));
		put_varint(&places, heap);
		put_sample(profile, &places, values, name);
	}
}

static void put_mapping(struct profile *profile)
{
	const struct heapspy_target_info *target = &profile->selection->report->recording->target;
	const char *executable = target->executable ?: target->command[0];
	put_number(&profile->message, MAPPING_ID, 1);
	put_number(&profile->message, MAPPING_FILENAME, string_of(profile, executable));
	put_number(&profile->message, MAPPING_HAS_FUNCTIONS, 1);
	put_number(&profile->message, MAPPING_HAS_FILENAMES, 1);
	put_number(&profile->message, MAPPING_HAS_LINE_NUMBERS, 1);
	put_message(&profile->body, PROFILE_MAPPING, &profile->message);
}

/* As many as fit: a recording may claim to be of the year 4046. */
static uint64_t nanoseconds(double seconds)
{
	return seconds * 1e9 < 9e18 ? (uint64_t)(seconds * 1e9) : (uint64_t)9e18;
}

static void make(struct profile *profile)
{
	const struct heapspy_recording *recording = profile->selection->report->recording;
	put_piece(&profile->strings, PROFILE_STRING, "", 0);
	put_value_type(profile, PROFILE_SAMPLE_TYPE, "growth_kept", "bytes");
	put_value_type(profile, PROFILE_SAMPLE_TYPE, "growth_total", "bytes");
	put_value_type(profile, PROFILE_SAMPLE_TYPE, "heap_objects", "count");
	put_value_type(profile, PROFILE_SAMPLE_TYPE, "heap_bytes", "bytes");
	put_mapping(profile);
	put_stacks(profile);
	put_types(profile);
	if (isfinite(recording->started_at) && recording->started_at > 0)
		put_number(&profile->body, PROFILE_TIME, nanoseconds(recording->started_at));
	put_number(&profile->body, PROFILE_DURATION, nanoseconds(recording->duration));
	put_value_type(profile, PROFILE_PERIOD_TYPE, "space", "bytes");
	put_number(&profile->body, PROFILE_PERIOD, 1);
	put_number(&profile->body, PROFILE_COMMENT,
		   string_of(profile, "made by heapspy " HEAPSPY_VERSION));
	put_number(&profile->body, PROFILE_DEFAULT_SAMPLE_TYPE, string_of(profile, "growth_kept"));
	put_bytes(&profile->body, profile->strings.bytes, profile->strings.length);
	profile->body.no_memory |= profile->strings.no_memory;
}

/* ---- gzip ------------------------------------------------------------------------------------ */

static bool write_gzipped(FILE *stream, const struct buffer *body)
{
	enum { GZIP = 16 }; /* to be added to the bits of the window */
	uint8_t out[1 << 14];
	z_stream deflater = {0};
	if (deflateInit2(&deflater, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP,
			 MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	size_t done = 0;
	int result = Z_OK;
	while (result != Z_STREAM_END && result >= 0) {
		/* It counts in 32 bits. */
		size_t left = body->length - done, piece = left < 1 << 30 ? left : 1 << 30;
		if (deflater.avail_in == 0) {
			deflater.next_in = body->bytes + done;
			deflater.avail_in = (unsigned)piece;
			done += piece;
		}
		deflater.next_out = out;
		deflater.avail_out = sizeof(out);
		result = deflate(&deflater, done == body->length ? Z_FINISH : Z_NO_FLUSH);
		fwrite(out, 1, sizeof(out) - deflater.avail_out, stream);
	}
	deflateEnd(&deflater);
	return result == Z_STREAM_END;
}

struct heapspy_error *write_pprof(FILE *stream, const struct selection *selection)
{
	CLEANUP(profile_fini) struct profile profile = {.selection = selection};
	size_t frames = selection->report->recording->frame_count;
	profile.functions = calloc(frames + 1, sizeof(*profile.functions));
	if (!profile.functions)
		return error_no_memory();
	make(&profile);
	if (profile.body.no_memory || !write_gzipped(stream, &profile.body))
		return error_no_memory();
	return NULL;
}
