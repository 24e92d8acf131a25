/* SPDX-License-Identifier: MIT */
#include "exercise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <heapspy/gc.h>
#include <heapspy/stack.h>
#include <jansson.h>

#include "output/dump.h"
#include "output/failure.h"
#include "output/gc.h"
#include "output/stack.h"

void require_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
	abort();
}

/* ---- output -------------------------------------------------------------------- */

/* The length of the character at `text`, 0 if it is none that may be seen. */
static size_t character(const unsigned char *text, size_t length)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned first = text[0];
	size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (size == 0 || size > length || first > 0xf4)
		return 0;
	uint32_t point = size == 1 ? first : first & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (text[i] & 0x3f);
	}
	bool control = (point < 0x20 && point != '\n') || (point >= 0x7f && point < 0xa0);
	bool turns = (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
	bool surrogate = point >= 0xd800 && point < 0xe000;
	return control || turns || surrogate || point < least[size] || point > 0x10ffff ? 0 : size;
}

void require_printable(const char *text, size_t length)
{
	for (size_t i = 0, step; i < length; i += step) {
		step = character((const unsigned char *)text + i, length - i);
		REQUIRE(step > 0);
	}
}

static void require_json(const char *text, size_t length)
{
	json_error_t error;
	json_t *document = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	if (!document) {
		size_t at = (size_t)error.position, before = at < 120 ? at : 120;
		fprintf(stderr, "line %d: %s: %.*s\n", error.line, error.text, (int)before + 20,
			text + at - before);
	}
	REQUIRE(document != NULL);
	json_decref(document);
}

enum rendering { TABLE, JSON, CSV };

static void print_as(enum rendering rendering, exercise_print *print, void *context,
		     const struct emitter_style *how)
{
	char *text = NULL;
	size_t length = 0;
	struct emitter_style style = *how;
	style.stream = open_memstream(&text, &length);
	REQUIRE(style.stream != NULL);
	struct emitter *emitter = rendering == TABLE  ? text_emitter_new(&style)
				  : rendering == JSON ? json_emitter_new(&style)
						      : csv_emitter_new(&style);
	REQUIRE(emitter != NULL);
	struct heapspy_error *error = print(emitter, context);
	REQUIRE(error == NULL);
	emitter_free(emitter);
	fclose(style.stream);
	require_printable(text, length);
	if (rendering == JSON)
		require_json(text, length);
	if (style.ascii)
		for (size_t i = 0; i < length; i++)
			REQUIRE((unsigned char)text[i] < 0x7f);
	free(text);
}

void exercise_output(exercise_print *print, void *context, const char *csv, unsigned choice)
{
	struct emitter_style style = {
	    .ascii = choice & 1,
	    .width = choice & 2	  ? 80
		     : choice & 4 ? 0
				  : 20,
	    .compact = choice & 8,
	    .csv = csv,
	};
	/* One of them: most of what an input can do was done when it was read. */
	enum rendering rendering = choice % 4 == 1 ? TABLE : choice % 4 == 2 && csv ? CSV : JSON;
	if (choice % 4 != 3)
		print_as(rendering, print, context, &style);
}

/* ---- errors -------------------------------------------------------------------- */

void exercise_error(struct heapspy_error *error)
{
	if (!error)
		return;
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);
	REQUIRE(stream != NULL);
	print_failure(stream, error, false);
	fclose(stream);
	require_printable(text, length);
	REQUIRE(error->what && strlen(error->what) > 0);
	int status = heapspy_exit_status(error->code);
	REQUIRE(status > 0 && status != 70);
	free(text);
	heapspy_error_free(error);
}

/* ---- a heap -------------------------------------------------------------------- */

struct heapspy *exercise_attach(struct target *target, bool live)
{
	struct heapspy *heapspy = calloc(1, sizeof(*heapspy));
	REQUIRE(heapspy != NULL);
	heapspy->target = target;
	heapspy->target_info = (struct heapspy_target_info){
	    .kind = live ? HEAPSPY_TARGET_PROCESS : HEAPSPY_TARGET_CORE,
	    .pid = target_pid(target),
	    .command = calloc(1, sizeof(char *)),
	    .uptime = NAN,
	};
	memset(&heapspy->memory, 0xff, sizeof(heapspy->memory));
	heapspy->memory.has_account = false;
	struct heapspy_error *error = attach_python(heapspy, NULL);
	if (!error)
		return heapspy;
	exercise_error(error);
	heapspy_detach(heapspy);
	return NULL;
}

struct subject {
	struct heapspy *heapspy;
	struct heapspy_dump *dump;
	struct heapspy_stack *stack;
	struct heapspy_gc_reading *reading;
	unsigned choice;
};

static struct heapspy_error *print_dump(struct emitter *emitter, void *context)
{
	struct subject *subject = context;
	struct dump_view view = {
	    .limit = subject->choice & 16 ? 20 : 0,
	    .addresses = subject->choice & 32,
	};
	return output_dump(emitter, heapspy_target_info(subject->heapspy),
			   heapspy_python_info(subject->heapspy), subject->dump, &view);
}

static struct heapspy_error *print_stack(struct emitter *emitter, void *context)
{
	struct subject *subject = context;
	output_stack(emitter, heapspy_target_info(subject->heapspy),
		     heapspy_python_info(subject->heapspy), subject->stack, subject->choice & 16 ? 20 : 0);
	return emitter_error(emitter);
}

static struct heapspy_error *print_gc(struct emitter *emitter, void *context)
{
	struct subject *subject = context;
	struct gc_view view = {0};
	output_gc(emitter, heapspy_target_info(subject->heapspy),
		  heapspy_python_info(subject->heapspy), subject->reading, &view);
	return emitter_error(emitter);
}

/* The whole is the sum of its parts, whatever these are. */
static void require_sums(const struct heapspy_dump *dump)
{
	uint64_t objects = 0, bytes = 0, tracked = 0;
	for (size_t i = 0; i < dump->type_count; i++) {
		REQUIRE(dump->types[i].name != NULL);
		objects += dump->types[i].objects;
		bytes += dump->types[i].bytes;
		tracked += dump->types[i].gc_objects;
	}
	REQUIRE(objects == dump->total.objects);
	REQUIRE(bytes == dump->total.bytes);
	REQUIRE(tracked == dump->total.gc_objects);
	REQUIRE(dump->capture.coverage >= 0 && dump->capture.coverage <= 1);
}

void exercise_heap(struct heapspy *heapspy, unsigned choice)
{
	struct subject subject = {.heapspy = heapspy, .choice = choice};
	struct heapspy_error *error = heapspy_dump(heapspy, NULL, &subject.dump);
	if (!error) {
		require_sums(subject.dump);
		exercise_output(print_dump, &subject, "types", choice);
		heapspy_dump_free(subject.dump);
	}
	exercise_error(error);
	struct heapspy_stack stack = {0};
	subject.stack = &stack;
	error = heapspy_stack_read(heapspy, NULL, &stack);
	if (!error) {
		exercise_output(print_stack, &subject, NULL, choice);
		heapspy_stack_fini(&stack);
	}
	exercise_error(error);
	struct heapspy_gc_reading reading;
	subject.reading = &reading;
	error = heapspy_gc_read(heapspy, &reading);
	if (!error) {
		exercise_output(print_gc, &subject, "generations", choice);
		heapspy_gc_reading_fini(&reading);
	}
	exercise_error(error);
}

/* ---- files --------------------------------------------------------------------- */

const char *exercise_file(const uint8_t *bytes, size_t length)
{
	static int fd = -1;
	static char name[40];
	if (fd < 0) {
		fd = memfd_create("input", MFD_CLOEXEC);
		REQUIRE(fd >= 0);
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	}
	REQUIRE(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, length, 0) == (ssize_t)length);
	return name;
}
