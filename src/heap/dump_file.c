/* SPDX-License-Identifier: MIT */
#include <heapspy/dump_file.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/io.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "target/process/proc.h"

#define SCHEMA "heapspy.dump/1"
#define SCHEMA_OF_ANY_VERSION "heapspy.dump/"

/* Some 200,000 types. What jansson makes of a text takes up to 20 times its size. */
enum { LARGEST_FILE = 32 << 20 };

/* What is being read. The first error counts. */
struct loader {
	const char *path; /* sanitised */
	struct heapspy_error *error;
};

DEFINE_CLEANUP(struct heapspy_dump_file *, heapspy_dump_file_free)

void heapspy_dump_file_free(struct heapspy_dump_file *file)
{
	if (!file)
		return;
	struct heapspy_dump *dump = file->dump;
	for (size_t i = 0; dump && i < dump->type_count; i++)
		free((char *)dump->types[i].name);
	for (size_t i = 0; dump && i < dump->incomplete_count; i++)
		free((char *)dump->incomplete[i]);
	if (dump) {
		free(dump->types);
		free(dump->incomplete);
	}
	free(dump);
	proc_command_free(file->target.command);
	free(file->target.executable);
	free(file->target.path);
	free(file->python);
	free(file->path);
	free(file);
}

/* ---- errors --------------------------------------------------------------- */

static void refuse(struct loader *loader, const char *why, ...) HEAPSPY_PRINTF(2, 3);

static void refuse(struct loader *loader, const char *why, ...)
{
	va_list arguments;
	va_start(arguments, why);
	CLEANUP(freep) char *text = text_format(why, arguments);
	va_end(arguments);
	if (!loader->error)
		loader->error = error_why(
			error_new(HEAPSPY_BAD_FILE, "cannot read the dump %s", loader->path), "%s",
			text ?: "it is damaged");
}

static void no_memory(struct loader *loader)
{
	if (!loader->error)
		loader->error = error_no_memory();
}

/* A member of an object: NULL if it is not there or, which is an error, of another type. */
static const json_t *member(struct loader *loader, const json_t *object, const char *name,
			    json_type type)
{
	static const char *const types[] = {
		[JSON_OBJECT] = "object", [JSON_ARRAY] = "array", [JSON_STRING] = "text",
		[JSON_INTEGER] = "natural number",
	};
	const json_t *value = json_object_get(object, name);
	if (!value || json_typeof(value) == type)
		return value;
	refuse(loader, "'%s' in it is no %s", name, types[type]);
	return NULL;
}

/* What is not there stays as it is. */
static void take_number(struct loader *loader, const json_t *object, const char *name,
			uint64_t *number)
{
	const json_t *value = member(loader, object, name, JSON_INTEGER);
	if (value && json_integer_value(value) < 0)
		refuse(loader, "'%s' in it is no natural number", name);
	else if (value)
		*number = (uint64_t)json_integer_value(value);
}

static char *take_text(struct loader *loader, const json_t *object, const char *name)
{
	const json_t *value = member(loader, object, name, JSON_STRING);
	if (!value)
		return NULL;
	char *text = text_from_bytes(json_string_value(value), json_string_length(value));
	if (!text)
		no_memory(loader);
	return text;
}

/* Texts of an array, NULL at the end; an array that is not there has none. */
static char **take_texts(struct loader *loader, const json_t *object, const char *name)
{
	const json_t *array = member(loader, object, name, JSON_ARRAY);
	size_t count = json_array_size(array);
	char **texts = calloc(count + 1, sizeof(*texts));
	if (!texts)
		no_memory(loader);
	for (size_t i = 0; texts && i < count; i++) {
		const json_t *value = json_array_get(array, i);
		if (!json_is_string(value)) {
			refuse(loader, "'%s' in it is no array of texts", name);
			break;
		}
		texts[i] = text_from_bytes(json_string_value(value), json_string_length(value));
		if (!texts[i]) {
			no_memory(loader);
			break;
		}
	}
	return texts;
}

/* ---- pieces ----------------------------------------------------------------- */

/* Numbers of a struct by their names in JSON. */
struct field {
	const char *name;
	size_t offset;
};

#define FIELD(type, name, member) {name, offsetof(struct type, member)}

static const struct field memory_fields[] = {
	FIELD(heapspy_memory, "rss", rss),           FIELD(heapspy_memory, "pss", pss),
	FIELD(heapspy_memory, "uss", uss),           FIELD(heapspy_memory, "swap", swap),
	FIELD(heapspy_memory, "rss_peak", rss_peak), FIELD(heapspy_memory, "virtual", virt),
	FIELD(heapspy_memory, "limit", limit),       FIELD(heapspy_memory, "headroom", headroom),
	{0},
};

static const struct field allocator_fields[] = {
	FIELD(heapspy_allocator, "arenas", arenas),
	FIELD(heapspy_allocator, "arena_size", arena_size),
	FIELD(heapspy_allocator, "arenas_allocated", arenas_allocated),
	FIELD(heapspy_allocator, "arenas_highwater", arenas_highwater),
	FIELD(heapspy_allocator, "pools", pools),
	FIELD(heapspy_allocator, "pool_size", pool_size),
	FIELD(heapspy_allocator, "pools_free", pools_free),
	FIELD(heapspy_allocator, "blocks_in_use", blocks_in_use),
	FIELD(heapspy_allocator, "blocks_raw", raw_blocks),
	FIELD(heapspy_allocator, "blocks_large", large_blocks),
	FIELD(heapspy_allocator, "bytes_in_use", bytes_in_use),
	FIELD(heapspy_allocator, "bytes_raw", raw_bytes),
	FIELD(heapspy_allocator, "bytes_free", bytes_free),
	FIELD(heapspy_allocator, "bytes_pool_headers", bytes_pool_headers),
	FIELD(heapspy_allocator, "bytes_quantization", bytes_quantization),
	FIELD(heapspy_allocator, "bytes_alignment", bytes_alignment),
	{0},
};

static const struct field malloc_fields[] = {
	FIELD(heapspy_malloc, "arenas", arenas),
	FIELD(heapspy_malloc, "bytes_in_use", bytes_in_use),
	FIELD(heapspy_malloc, "bytes_free", bytes_free),
	FIELD(heapspy_malloc, "mmapped", mmapped),
	{0},
};

static const struct field type_fields[] = {
	FIELD(heapspy_type, "objects", objects),
	FIELD(heapspy_type, "bytes", bytes),
	FIELD(heapspy_type, "gc_objects", gc_objects),
	FIELD(heapspy_type, "gc_bytes", gc_bytes),
	{0},
};

static void take_fields(struct loader *loader, const json_t *object, const struct field *fields,
			void *thing)
{
	for (const struct field *field = fields; field->name; field++) {
		uint64_t *number = (void *)((char *)thing + field->offset);
		*number = HEAPSPY_UNKNOWN;
		take_number(loader, object, field->name, number);
	}
}

static double time_of(struct loader *loader, const json_t *document)
{
	CLEANUP(freep) char *text = take_text(loader, document, "captured_at");
	double time = NAN;
	if (text && !timestamp_parse(text, &time))
		refuse(loader, "'captured_at' in it is no time in UTC");
	return time;
}

static void take_target(struct loader *loader, const json_t *document,
			struct heapspy_dump_file *file)
{
	const json_t *target = member(loader, document, "target", JSON_OBJECT);
	const json_t *python = member(loader, document, "python", JSON_OBJECT);
	CLEANUP(freep) char *kind = take_text(loader, target, "kind");
	for (int i = HEAPSPY_TARGET_PROCESS; i <= HEAPSPY_TARGET_SNAPSHOT; i++)
		if (kind && strcmp(kind, heapspy_target_kind_name(i)) == 0)
			file->target.kind = i;
	uint64_t pid = 0;
	take_number(loader, target, "pid", &pid);
	file->target.pid = pid <= INT32_MAX ? (pid_t)pid : 0;
	file->target.uptime = NAN;
	file->target.path = take_text(loader, target, "path");
	file->target.executable = take_text(loader, target, "executable");
	file->target.command = take_texts(loader, target, "command");
	file->python = take_text(loader, python, "version");
}

static void take_account(struct loader *loader, const json_t *memory,
			 struct heapspy_memory *ret_memory)
{
	const json_t *account = member(loader, memory, "account", JSON_ARRAY);
	ret_memory->has_account = account != NULL;
	for (int i = 0; i < HEAPSPY_MEMORY_KIND_COUNT; i++)
		ret_memory->account[i] = HEAPSPY_UNKNOWN;
	for (size_t i = 0; i < json_array_size(account); i++) {
		const json_t *row = json_array_get(account, i);
		const char *kind = json_string_value(json_object_get(row, "kind"));
		if (!kind)
			refuse(loader, "row %zu of 'account' in it names no kind", i + 1);
		for (int j = 0; kind && j < HEAPSPY_MEMORY_KIND_COUNT; j++)
			if (strcmp(kind, heapspy_memory_kind_name(j)) == 0)
				take_number(loader, row, "rss", &ret_memory->account[j]);
	}
}

static void take_types(struct loader *loader, const json_t *heap, struct heapspy_dump *dump)
{
	const json_t *types = member(loader, heap, "types", JSON_ARRAY);
	if (!types)
		refuse(loader, "it has no list of types");
	size_t count = json_array_size(types);
	dump->types = calloc(count + 1, sizeof(*dump->types));
	if (!dump->types)
		no_memory(loader);
	for (size_t i = 0; !loader->error && i < count; i++) {
		const json_t *row = json_array_get(types, i);
		struct heapspy_type *type = &dump->types[i];
		take_fields(loader, row, type_fields, type);
		type->name = take_text(loader, row, "type");
		if (!type->name)
			refuse(loader, "row %zu of its types has no name", i + 1);
		else
			dump->type_count++;
	}
}

static void take_incomplete(struct loader *loader, const json_t *document,
			    struct heapspy_dump *dump)
{
	dump->incomplete = (const char **)take_texts(loader, document, "incomplete");
	while (dump->incomplete && dump->incomplete[dump->incomplete_count])
		dump->incomplete_count++;
}

static void take_dump(struct loader *loader, const json_t *document, struct heapspy_dump *dump)
{
	const json_t *heap = member(loader, document, "heap", JSON_OBJECT);
	const json_t *memory = member(loader, document, "memory", JSON_OBJECT);
	dump->capture.mode = HEAPSPY_CAPTURE_FILE;
	dump->capture.time = time_of(loader, document);
	if (!heap)
		refuse(loader, "it has no heap");
	take_fields(loader, memory, memory_fields, &dump->memory);
	take_account(loader, memory, &dump->memory);
	take_fields(loader, heap, type_fields, &dump->total);
	take_types(loader, heap, dump);
	take_incomplete(loader, document, dump);
	const json_t *allocator = member(loader, document, "allocator", JSON_OBJECT);
	if (allocator)
		take_fields(loader, allocator, allocator_fields, &dump->allocator);
	const json_t *malloc = member(loader, document, "malloc", JSON_OBJECT);
	if (malloc)
		take_fields(loader, malloc, malloc_fields, &dump->malloc);
}

/* ---- the file ---------------------------------------------------------------- */

static void check_schema(struct loader *loader, const json_t *document)
{
	CLEANUP(freep) char *schema = take_text(loader, document, "schema");
	if (!schema)
		refuse(loader, "it is JSON, but names no schema: heapspy dump --json writes %s",
		       SCHEMA);
	else if (strncmp(schema, SCHEMA_OF_ANY_VERSION, strlen(SCHEMA_OF_ANY_VERSION)) != 0)
		refuse(loader, "it is %s, no dump: heapspy dump --json writes %s", schema, SCHEMA);
	else if (strcmp(schema, SCHEMA) != 0)
		refuse(loader, "it is %s, written by another heapspy: this one reads %s", schema,
		       SCHEMA);
}

static json_t *parse(struct loader *loader, const char *text, size_t length)
{
	size_t start = 0;
	while (start < length && strchr(" \t\r\n", text[start]) && text[start])
		start++;
	if (start == length)
		refuse(loader, "it is empty");
	else if (text[start] != '{')
		refuse(loader, "it is neither JSON of heapspy dump nor a core file");
	if (loader->error)
		return NULL;
	json_error_t where;
	errno = 0;
	json_t *document = json_loadb(text, length, JSON_REJECT_DUPLICATES, &where);
	if (document)
		return document;
	/* Of a want of memory jansson says now this, now that. */
	if (errno == ENOMEM) {
		no_memory(loader);
	} else {
		CLEANUP(freep) char *why = text_from_bytes(where.text, strlen(where.text));
		refuse(loader, "line %d, column %d: %s", where.line, where.column,
		       why ?: "it is no JSON");
	}
	return NULL;
}

static char *read_text(struct loader *loader, const char *path, size_t *ret_length)
{
	char *text = io_read_file(AT_FDCWD, path, LARGEST_FILE, ret_length);
	if (text)
		return text;
	if (errno == EFBIG)
		refuse(loader, "it has more than %d MiB", LARGEST_FILE >> 20);
	else if (errno == ENOMEM)
		no_memory(loader);
	else
		loader->error =
			error_errno(errno == EACCES ? HEAPSPY_PERMISSION : HEAPSPY_BAD_FILE, errno,
				    "cannot read the dump %s", loader->path);
	return NULL;
}

struct heapspy_error *heapspy_dump_load(const char *path, struct heapspy_dump_file **ret_file)
{
	CLEANUP(heapspy_dump_file_freep) struct heapspy_dump_file *file = calloc(1, sizeof(*file));
	if (!file || !(file->path = text_from_bytes(path, strlen(path))) ||
	    !(file->dump = calloc(1, sizeof(*file->dump))))
		return error_no_memory();
	struct loader loader = {.path = file->path};
	size_t length = 0;
	CLEANUP(freep) char *text = read_text(&loader, path, &length);
	json_auto_t *document = text ? parse(&loader, text, length) : NULL;
	if (document)
		check_schema(&loader, document);
	if (!loader.error)
		take_target(&loader, document, file);
	if (!loader.error)
		take_dump(&loader, document, file->dump);
	if (loader.error)
		return loader.error;
	*ret_file = take_pointer(file);
	return NULL;
}
