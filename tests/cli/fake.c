/* SPDX-License-Identifier: MIT */
/*
 * The public API over processes that do not exist, so that what the program makes
 * of the library's answers can be tested to the letter. The PID chooses the answer:
 */
enum {
	PID_PLAIN = 1,      /* all is known */
	PID_UNKNOWN = 2,    /* as little as possible is; two interpreters */
	PID_HOSTILE = 3,    /* texts with control characters, broken UTF-8, quotes */
	PID_REFUSED = 4,    /* cannot be attached: an error with all its parts */
	PID_INCOMPLETE = 5, /* data are missing */
	PID_GOES_AWAY = 6,  /* after three readings */
	PID_LARGE = 7,      /* a thousand types */
	PID_SLOW = 8,       /* takes more than two seconds */
};

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <heapspy/attach.h>
#include <heapspy/doctor.h>
#include <heapspy/dump.h>
#include <heapspy/gc.h>
#include <heapspy/instances.h>
#include <heapspy/processes.h>
#include <heapspy/record.h>
#include <heapspy/snapshot.h>
#include <heapspy/stack.h>

#include "base/error.h"

#define HOSTILE "\033]0;x\a\"\\\x80\xc2\x9b\xe2\x80\xae\xf0\x9f\x90\x8d\xc3\xa9,\n"

enum { NOON = 1700000000, LARGE = 1000 };

struct heapspy {
	struct heapspy_target_info target;
	struct heapspy_python_info python;
	int readings;
};

static char *plain_command[] = {(char *)"python3", (char *)"-m", (char *)"app server", NULL};
static char *hostile_command[] = {(char *)"python3", (char *)HOSTILE, (char *)"", NULL};

static struct heapspy_error *refusal(pid_t pid)
{
	struct heapspy_error *error =
		error_new(HEAPSPY_PERMISSION, "cannot read process %d", (int)pid);
	error->errnum = 1;
	error->address = 0x7f00;
	error_why(error, "it belongs to user postgres (uid 112) and this is uid 1000");
	error_remedy(error, "sudo heapspy dump %d", (int)pid);
	return error_remedy(error, "sudo heapspy doctor %d", (int)pid);
}

struct heapspy_error *heapspy_reach(pid_t pid, bool will_stop, struct heapspy **ret_heapspy)
{
	(void)will_stop;
	if (pid == PID_REFUSED)
		return refusal(pid);
	struct heapspy *heapspy = calloc(1, sizeof(*heapspy));
	if (!heapspy)
		return error_no_memory();
	bool hostile = pid == PID_HOSTILE;
	heapspy->target = (struct heapspy_target_info){
		.pid = pid,
		.command = hostile ? hostile_command : plain_command,
		.executable = (char *)(hostile ? HOSTILE : "/usr/bin/python3.11"),
		.uptime = pid == PID_UNKNOWN ? NAN : 7384.5,
	};
	*ret_heapspy = heapspy;
	return NULL;
}

struct heapspy_error *heapspy_recognise(struct heapspy *heapspy,
					const struct heapspy_attach_options *options)
{
	static const char *const sources[] = {"table", "dwarf", "debug-offsets+table", "table"};
	bool unknown = heapspy->target.pid == PID_UNKNOWN;
	heapspy->python = (struct heapspy_python_info){
		.version = "3.11.7",
		.hexversion = 0x030b07f0,
		.debug = unknown,
		.free_threaded = unknown,
		.allocator = unknown ? NULL : "pymalloc",
		.layout_id = "cpython-3.11",
		.layout_source = sources[options ? options->layout : 0],
	};
	return NULL;
}

struct heapspy_error *heapspy_attach(pid_t pid, const struct heapspy_attach_options *options,
				     struct heapspy **ret_heapspy)
{
	struct heapspy_error *error = heapspy_reach(pid, false, ret_heapspy);
	return error ? error : heapspy_recognise(*ret_heapspy, options);
}

/* A file is a snapshot of the plain process, unless it is called "damaged". */
struct heapspy_error *heapspy_open(const char *path, const struct heapspy_attach_options *options,
				   struct heapspy **ret_heapspy)
{
	if (strstr(path, "damaged"))
		return error_why(error_new(HEAPSPY_BAD_FILE, "cannot read %s", path),
				 "it is not an ELF file");
	struct heapspy_error *error = heapspy_attach(PID_PLAIN, options, ret_heapspy);
	if (error)
		return error;
	(*ret_heapspy)->target.kind = HEAPSPY_TARGET_SNAPSHOT;
	(*ret_heapspy)->target.path = (char *)path;
	return NULL;
}

void heapspy_cancel(struct heapspy *heapspy)
{
	(void)heapspy;
}

void heapspy_detach(struct heapspy *heapspy)
{
	free(heapspy);
}

const struct heapspy_target_info *heapspy_target_info(const struct heapspy *heapspy)
{
	return &heapspy->target;
}

const struct heapspy_python_info *heapspy_python_info(const struct heapspy *heapspy)
{
	return &heapspy->python;
}

/* ---- gc --------------------------------------------------------------------- */

const char *heapspy_collector_name(enum heapspy_collector collector)
{
	return collector == HEAPSPY_COLLECTOR_INCREMENTAL ? "incremental" : "generational";
}

static struct heapspy_interpreter *new_interpreters(bool unknown, size_t count)
{
	struct heapspy_interpreter *interpreters = calloc(count, sizeof(*interpreters));
	for (size_t i = 0; interpreters && i < count; i++) {
		struct heapspy_gc *gc = &interpreters[i].gc;
		interpreters[i].id = (int64_t)i;
		gc->enabled = i == 0;
		gc->debug = (int)i * 32;
		gc->garbage = i;
		gc->frozen = unknown ? HEAPSPY_UNKNOWN : 375;
		for (int j = 0; j < HEAPSPY_GENERATIONS; j++)
			gc->generations[j] = (struct heapspy_generation){
				.threshold = j ? 10 : 700,
				.count = 312 >> (3 * j),
				.objects = unknown ? HEAPSPY_UNKNOWN : 1000u << (4 * j),
				.collections = 120000 >> (5 * j),
				.collected = 4321 * j,
				.duration = NAN,
				.last = NAN,
				.longest = NAN,
			};
	}
	return interpreters;
}

struct heapspy_error *heapspy_gc_read(struct heapspy *heapspy,
				      struct heapspy_gc_reading *ret_reading)
{
	if (heapspy->target.pid == PID_GOES_AWAY && heapspy->readings++ == 3)
		return error_why(error_new(HEAPSPY_GONE, "process %d is gone", PID_GOES_AWAY),
				 "it ended while it was read");
	size_t count = heapspy->target.pid == PID_UNKNOWN ? 2 : 1;
	*ret_reading = (struct heapspy_gc_reading){
		.time = NOON + 0.25,
		.duration = 42e-6,
		.interpreters = new_interpreters(true, count),
		.interpreter_count = count,
	};
	return NULL;
}

void heapspy_gc_reading_fini(struct heapspy_gc_reading *reading)
{
	free(reading->interpreters);
}

/* ---- stack ------------------------------------------------------------------- */

static struct heapspy_frame *new_frames(pid_t pid, size_t *ret_count)
{
	struct heapspy_frame *frames = calloc(3, sizeof(*frames));
	bool hostile = pid == PID_HOSTILE;
	frames[0] = (struct heapspy_frame){
		.function = pid == PID_UNKNOWN ? NULL : "wait",
		.line = HEAPSPY_NO_LINE,
		.native = true,
		.inlined = hostile,
		.module = hostile ? HOSTILE : "libc.so.6",
		.address = 0x7f0000001234,
		.offset = hostile ? 0 : 0x34};
	frames[1] = (struct heapspy_frame){
		.function = hostile ? HOSTILE : "Worker.run", .file = hostile ? HOSTILE : "app/work.py", .line = 12};
	frames[2] = (struct heapspy_frame){.function = "<module>", .file = "<string>", .line = HEAPSPY_NO_LINE};
	*ret_count = 3;
	return frames;
}

static struct heapspy_threads new_threads(pid_t pid)
{
	struct heapspy_threads threads = {.items = calloc(2, sizeof(*threads.items)), .count = 2, .torn = 1};
	threads.items[0] = (struct heapspy_thread){
		.tid = pid,
		.ident = 0x7f0000000740,
		.name = pid == PID_HOSTILE ? HOSTILE : "MainThread",
		.state = HEAPSPY_THREAD_RUNNING,
		.holds_gil = true,
		.torn = true,
	};
	threads.items[0].frames = new_frames(pid, &threads.items[0].frame_count);
	/* Nothing is known of the other. */
	threads.items[1].interpreter = pid == PID_UNKNOWN ? 1 : pid == PID_HOSTILE ? HEAPSPY_NO_INTERPRETER : 0;
	return threads;
}

static void threads_fini(struct heapspy_threads *threads)
{
	for (size_t i = 0; i < threads->count; i++)
		free(threads->items[i].frames);
	free(threads->items);
}

/* ---- tracemalloc -------------------------------------------------------------- */

static struct heapspy_tracemalloc *tracemalloc_of(pid_t pid, bool wanted)
{
	static struct heapspy_tracemalloc_line lines[] = {
		{"app/cache.py", 12, 3 << 20, 3000}, {HOSTILE, 7, 1000, 3}, {"<unknown>", 0, 0, 0}};
	static struct heapspy_tracemalloc tracemalloc;
	tracemalloc = (struct heapspy_tracemalloc){
		.frame_limit = 1,
		.traced = pid == PID_UNKNOWN ? HEAPSPY_UNKNOWN : (3 << 20) + 1000,
		.peak = pid == PID_UNKNOWN ? HEAPSPY_UNKNOWN : 4 << 20,
		.whole = pid != PID_UNKNOWN,
		.lines = lines,
		.line_count = 3,
		.bytes = (3 << 20) + 1000,
		.blocks = 3003,
	};
	return wanted ? &tracemalloc : NULL;
}

/* ---- threads ------------------------------------------------------------------ */

struct heapspy_error *heapspy_stack_read(struct heapspy *heapspy,
					 const struct heapspy_stack_options *options,
					 struct heapspy_stack *ret_stack)
{
	pid_t pid = heapspy->target.pid;
	size_t count = pid == PID_UNKNOWN ? 2 : 1;
	if (pid == PID_GOES_AWAY)
		return error_new(HEAPSPY_GONE, "process %d is gone", PID_GOES_AWAY);
	*ret_stack = (struct heapspy_stack){
		.mode = options->stop ? HEAPSPY_CAPTURE_STOPPED : HEAPSPY_CAPTURE_RUNNING,
		.time = NOON + 0.25,
		.duration = 42e-6,
		.pause = options->stop ? 0.012 : 0,
		.one_instant = options->stop,
		.interpreters = calloc(count, sizeof(*ret_stack->interpreters)),
		.interpreter_count = count,
		.threads = new_threads(pid),
		.tracemalloc = tracemalloc_of(pid, options->tracemalloc),
	};
	for (size_t i = 0; i < count; i++)
		ret_stack->interpreters[i].id = (int64_t)i;
	return NULL;
}

void heapspy_stack_fini(struct heapspy_stack *stack)
{
	threads_fini(&stack->threads);
	free(stack->interpreters);
}

/* ---- dump -------------------------------------------------------------------- */

static char *large_name(size_t number)
{
	char *name;
	return asprintf(&name, "app.Type%zu", number) < 0 ? NULL : name;
}

static void add_type(struct heapspy_dump *dump, char *name, struct heapspy_type type)
{
	type.name = name;
	type.address = 0x7f0000001000 + 0x200 * dump->type_count;
	dump->types[dump->type_count++] = type;
	dump->total.objects += type.objects;
	dump->total.bytes += type.bytes;
	dump->total.gc_objects += type.gc_objects;
	dump->total.gc_bytes += type.gc_bytes;
}

static void fill_types(struct heapspy_dump *dump, pid_t pid)
{
	dump->types = calloc(LARGE, sizeof(*dump->types));
	if (pid == PID_LARGE) {
		for (size_t i = 0; i < LARGE; i++)
			add_type(dump, large_name(i),
				 (struct heapspy_type){NULL, 0, 1, 8 * i, 1, 8 * i});
		return;
	}
	bool hostile = pid == PID_HOSTILE;
	add_type(dump, strdup(hostile ? HOSTILE : "app.cache.Entry"),
		 (struct heapspy_type){NULL, 0, 510233, 48982368, 510233, 48982368});
	add_type(dump, strdup("dict"), (struct heapspy_type){NULL, 0, 2000, 640000, 1500, 480000});
	add_type(dump, strdup("str"), (struct heapspy_type){NULL, 0, 90000, 5400000, 0, 0});
	add_type(dump, strdup("app.cache.Cache"), (struct heapspy_type){NULL, 0, 1, 1016, 1, 1016});
	if (pid == PID_UNKNOWN) {
		for (size_t i = 0; i < dump->type_count; i++)
			dump->types[i].objects = dump->types[i].bytes = HEAPSPY_UNKNOWN;
		dump->total.objects = dump->total.bytes = HEAPSPY_UNKNOWN;
	}
}

static void fill_memory(struct heapspy_dump *dump)
{
	uint64_t megabyte = 1 << 20;
	dump->memory = (struct heapspy_memory){
		.rss = 118 * megabyte + 400000,
		.pss = 117 * megabyte,
		.uss = 116 * megabyte,
		.swap = 0,
		.rss_peak = 120 * megabyte,
		.virt = 2048 * megabyte,
		.limit = 512 * megabyte,
		.headroom = 300 * megabyte,
		.has_account = true,
	};
	dump->memory.account[HEAPSPY_MEMORY_PYTHON_OBJECTS] = 100 * megabyte;
	dump->memory.account[HEAPSPY_MEMORY_MALLOC] = 10 * megabyte;
	dump->memory.account[HEAPSPY_MEMORY_FILE] = 8 * megabyte + 400000;

	dump->allocator = (struct heapspy_allocator){
		.arenas = 110,
		.arena_size = megabyte,
		.arenas_allocated = 120,
		.arenas_highwater = HEAPSPY_UNKNOWN,
		.large_blocks = HEAPSPY_UNKNOWN,
		.pools = 7000,
		.pool_size = 16384,
		.pools_free = 40,
		.blocks_in_use = 1200000,
		.bytes_in_use = 105 * megabyte,
		.bytes_free = 2 * megabyte,
		.bytes_pool_headers = 7000 * 48,
		.bytes_quantization = 500000,
		.raw_blocks = 600000,
		.raw_bytes = 5 * megabyte,
		.sparse_arenas = 3,
		.sparse_bytes = 70000,
	};
	for (int i = 0; i < HEAPSPY_SIZE_CLASSES; i++)
		dump->allocator.classes[i] = (struct heapspy_size_class){
			.block = 16 * (i + 1), .pools = i, .blocks_in_use = 100 * i, .blocks_free = 7 * i};
	dump->malloc = (struct heapspy_malloc){
		.name = "glibc",
		.arenas = 2, .bytes_in_use = 9 * megabyte, .bytes_free = megabyte, .mmapped = megabyte};
	dump->types[0].pinning = 12;
	dump->types[2].pinning = 40;
}

static void fill_unknown_memory(struct heapspy_dump *dump)
{
	uint64_t none = HEAPSPY_UNKNOWN;
	dump->memory = (struct heapspy_memory){
		.rss = none, .pss = none, .uss = none, .swap = none,
		.rss_peak = none, .virt = none, .limit = none, .headroom = none,
	};
}

struct heapspy_error *heapspy_dump(struct heapspy *heapspy,
				   const struct heapspy_dump_options *options,
				   struct heapspy_dump **ret_dump)
{
	static const char *reasons[] = {"512K are swapped out", "a list is damaged"};
	pid_t pid = heapspy->target.pid;
	if (pid == PID_SLOW)
		nanosleep(&(struct timespec){.tv_sec = 2, .tv_nsec = 500000000}, NULL);
	struct heapspy_dump *dump = calloc(1, sizeof(*dump));
	if (!dump)
		return error_no_memory();
	bool unknown = pid == PID_UNKNOWN;
	bool stop = options && options->stop;
	dump->capture = (struct heapspy_capture){
		.mode = stop ? HEAPSPY_CAPTURE_STOPPED : HEAPSPY_CAPTURE_RUNNING,
		.pause = stop ? options->max_pause / 2 : 0,
		.time = NOON + 0.123,
		.duration = 0.0804,
		.bytes_read = 124151808,
		.torn_reads = pid == PID_INCOMPLETE ? 12 : 0,
		.coverage = pid == PID_INCOMPLETE ? 0.99996 : 1,
	};
	dump->interpreter_count = unknown ? 2 : 1;
	dump->interpreters = new_interpreters(unknown, dump->interpreter_count);
	fill_types(dump, pid);
	if (unknown)
		fill_unknown_memory(dump);
	else
		fill_memory(dump);
	if (!unknown)
		dump->threads = new_threads(pid);
	dump->tracemalloc = tracemalloc_of(pid, options && options->tracemalloc);
	dump->incomplete = reasons;
	dump->incomplete_count = pid == PID_INCOMPLETE ? 2 : 0;
	*ret_dump = dump;
	return NULL;
}

void heapspy_dump_free(struct heapspy_dump *dump)
{
	if (!dump)
		return;
	for (size_t i = 0; i < dump->type_count; i++)
		free((char *)dump->types[i].name);
	free(dump->types);
	free(dump->interpreters);
	threads_fini(&dump->threads);
	free(dump);
}

/* ---- instances --------------------------------------------------------------- */

const char *heapspy_age_name(enum heapspy_age age)
{
	return age == HEAPSPY_AGE_UNKNOWN ? "unknown" : age == HEAPSPY_AGE_FROZEN ? "frozen" : "generation-2";
}

struct heapspy_error *heapspy_instances_read(struct heapspy *heapspy,
					     const struct heapspy_instances_options *options,
					     struct heapspy_instances **ret_instances)
{
	static const char *reasons[] = {"512K are swapped out"};
	pid_t pid = heapspy->target.pid;
	struct heapspy_instances *instances = calloc(1, sizeof(*instances));
	struct heapspy_instance *largest = calloc(2, sizeof(*largest));
	struct heapspy_instance *sample = calloc(1, sizeof(*sample));
	if (!instances || !largest || !sample)
		abort();
	*instances = (struct heapspy_instances){
		.capture = {.mode = HEAPSPY_CAPTURE_RUNNING, .time = NOON, .duration = 0.08, .coverage = 1},
		.name = pid == PID_UNKNOWN ? NULL : strdup(options->type ? "app.Entry" : options->name),
		.types = 1,
		.objects = pid == PID_UNKNOWN ? 0 : 1234,
		.bytes = 123456,
		.largest = largest,
		.largest_count = options->largest < 2 ? options->largest : 2,
		.sample = sample,
		.sample_count = options->sample < 1 ? options->sample : 1,
		.incomplete = reasons,
		.incomplete_count = pid == PID_INCOMPLETE,
	};
	largest[0] = (struct heapspy_instance){0x7f0000001000, 0x55d0c0a00000, 4096, 2, false,
					       HEAPSPY_AGE_GENERATION_2, strdup("[1, 2, ... 498 more]")};
	largest[1] = (struct heapspy_instance){0x7f0000002000, 0x55d0c0a00000, 72, UINT32_MAX, true,
					       HEAPSPY_AGE_FROZEN, NULL};
	sample[0] = (struct heapspy_instance){
		0x7f0000003000, 0x55d0c0a00000, 72, 1, false, HEAPSPY_AGE_UNKNOWN,
		strdup(options->without_text ? "str(3)" : pid == PID_HOSTILE ? "'\\x1b'" : "'abc'")};
	*ret_instances = instances;
	return NULL;
}

void heapspy_instances_free(struct heapspy_instances *instances)
{
	if (!instances)
		return;
	for (size_t i = 0; i < 2; i++)
		free((char *)instances->largest[i].preview);
	free((char *)instances->sample[0].preview);
	free((char *)instances->name);
	free(instances->largest);
	free(instances->sample);
	free(instances);
}

/* ---- snapshot ---------------------------------------------------------------- */

struct heapspy_error *heapspy_snapshot_write(struct heapspy *heapspy,
					     const struct heapspy_snapshot_options *options, int fd,
					     struct heapspy_snapshot *ret_snapshot)
{
	static const char text[] = "a snapshot\n";
	pid_t pid = heapspy->target.pid;
	if (pid == PID_GOES_AWAY)
		return error_new(HEAPSPY_GONE, "process %d is gone", PID_GOES_AWAY);
	if (write(fd, text, strlen(text)) < 0)
		return error_errno(HEAPSPY_OUTPUT, errno, "cannot write the snapshot");
	*ret_snapshot = (struct heapspy_snapshot){
		.mode = options->stop ? HEAPSPY_CAPTURE_STOPPED : HEAPSPY_CAPTURE_RUNNING,
		.time = NOON,
		.duration = 0.25,
		.pause = options->stop ? 0.012 : 0,
		.one_instant = options->stop,
		.size = 3 << 20,
		.stored = 2 << 20,
		.memory = 3 << 20,
		.missing = pid == PID_INCOMPLETE ? 4096 : 0,
	};
	return NULL;
}

/* ---- ps ----------------------------------------------------------------------- */

struct heapspy_error *heapspy_processes_list(struct heapspy_processes *ret_processes)
{
	static const struct heapspy_process items[] = {
		{.pid = 12, .uid = 1000, .version = (char *)"3.9", .rss = 9437184,
		 .command = (char *)"python3 worker.py"},
		{.pid = 4711, .uid = 0, .version = (char *)"3.11", .rss = 124151808,
		 .command = (char *)"python3 app.py", .obstacle = (char *)"it is another user's"},
		{.pid = 815, .uid = 33, .rss = HEAPSPY_UNKNOWN, .command = (char *)HOSTILE},
	};
	*ret_processes = (struct heapspy_processes){0};
	if (getenv("FAKE_NO_PROCESSES"))
		return NULL;
	ret_processes->items = malloc(sizeof(items));
	ret_processes->count = sizeof(items) / sizeof(*items);
	memcpy(ret_processes->items, items, sizeof(items));
	return NULL;
}

void heapspy_processes_fini(struct heapspy_processes *processes)
{
	free(processes->items);
}

/* ---- doctor --------------------------------------------------------------------- */

struct heapspy_error *heapspy_diagnose(pid_t pid, bool with_offsets,
				       struct heapspy_diagnosis *ret_diagnosis)
{
	static struct heapspy_check good[] = {
		{"kernel", true, (char *)"Linux 6.1"},
		{"permission", true, (char *)"its memory can be read"},
	};
	static struct heapspy_check bad[] = {
		{"kernel", true, (char *)"Linux 6.1"},
		{"permission", false, (char *)"it belongs to uid 112"},
	};
	static struct heapspy_offset offsets[] = {
		{"PyObject", "ob_type", 8, "table", 8, 8, -1},
		{"PyDictObject", "ma_values", -1, "none", -1, -1, -1},
	};
	bool fails = pid == PID_REFUSED || pid == PID_UNKNOWN;
	*ret_diagnosis = (struct heapspy_diagnosis){
		.checks = fails ? bad : good,
		.check_count = 2,
		.offsets = offsets,
		.offset_count = with_offsets ? 2 : 0,
		.error = pid == PID_REFUSED ? refusal(pid) : NULL,
	};
	return NULL;
}

void heapspy_diagnosis_fini(struct heapspy_diagnosis *diagnosis)
{
	heapspy_error_free(diagnosis->error);
}

/* ---- record ---------------------------------------------------------------------- */

/* One of each kind; the slow one ends when it is told to. */
struct heapspy_error *heapspy_record(struct heapspy *heapspy,
				     const struct heapspy_record_options *options,
				     heapspy_record_visitor *visit, void *context)
{
	bool hostile = heapspy->target.pid == PID_HOSTILE;
	const uint32_t frames[] = {0};
	struct heapspy_frame frame = {
		.function = hostile ? HOSTILE : "app.load", .file = "app.py", .line = 12};
	struct heapspy_frame unnamed = {
		.native = true, .module = "/lib/app.so", .offset = 0x1234, .line = HEAPSPY_NO_LINE};
	const uint32_t mixed[] = {1, 0};
	struct heapspy_type types[] = {
		{.name = hostile ? HOSTILE : "dict", .objects = 10, .bytes = 640}};
	struct heapspy_dump dump = {
		.types = types, .type_count = 1, .total = {.objects = 10, .bytes = 640}};
	struct heapspy_record_entry entries[] = {
		{.kind = HEAPSPY_RECORD_RECORDING,
		 .recording = {.started_at = NOON, .target = &heapspy->target,
			       .python = &heapspy->python, .rate = options->rate,
			       .census = options->census, .duration = options->duration,
			       .native = options->native,
			       .sources = {{.available = heapspy->target.pid != PID_UNKNOWN,
					    .why = heapspy->target.pid == PID_UNKNOWN
							   ? "the kernel refuses" : NULL},
					   {.available = true}, {.available = true}, {.available = true}}}},
		{.kind = HEAPSPY_RECORD_FRAME, .frame = {0, &frame}},
		{.kind = HEAPSPY_RECORD_STACK, .stack = {0, frames, 1, false}},
		{.kind = HEAPSPY_RECORD_FRAME, .frame = {1, &unnamed}},
		{.kind = HEAPSPY_RECORD_STACK, .stack = {1, mixed, 2, true}},
		{.kind = HEAPSPY_RECORD_GROWTH, .time = 0.5,
		 .growth = {HEAPSPY_RECORD_ARENAS, 1 << 20, 7, "MainThread", 0, HEAPSPY_NO_STACK}},
		{.kind = HEAPSPY_RECORD_GROWTH, .time = 0.75,
		 .growth = {HEAPSPY_RECORD_MMAPPED, -4096, 7, NULL, 0, 0}},
		{.kind = HEAPSPY_RECORD_SAMPLE, .time = 0.8,
		 .sample = {.tid = 7, .holds_gil = true, .charged = true, .rss = -4096, .young = 3}},
		{.kind = HEAPSPY_RECORD_CENSUS, .time = 0.9, .census = {&dump}},
		{.kind = HEAPSPY_RECORD_TIMELINE, .time = 1,
		 .timeline = {1 << 20, HEAPSPY_UNKNOWN, 640, 10, NULL, 0}},
		{.kind = HEAPSPY_RECORD_PROCESS, .time = 1.5, .pid = 8,
		 .recording = {.parent = 7, .target = &heapspy->target, .python = &heapspy->python,
			       .sources = {{.available = true}, {.available = true},
					   {.available = true}, {.available = true}}}},
		{.kind = HEAPSPY_RECORD_GROWTH, .time = 1.6, .pid = 8,
		 .growth = {HEAPSPY_RECORD_HEAP, 4096, 8, NULL, 0, HEAPSPY_NO_STACK}},
		{.kind = HEAPSPY_RECORD_EVENT, .time = 1.7, .pid = 9,
		 .event = {"skipped", hostile ? HOSTILE : "sh", "it is no Python"}},
		{.kind = HEAPSPY_RECORD_PROCESS_END, .time = 1.8, .pid = 8,
		 .end = {HEAPSPY_RECORD_EXITED, 3, NULL}},
		{.kind = HEAPSPY_RECORD_END, .time = options->duration,
		 .end = {options->duration > 0 ? HEAPSPY_RECORD_DURATION : HEAPSPY_RECORD_INTERRUPTED, 2, NULL}},
	};
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
		if (!options->native && (entries[i].kind == HEAPSPY_RECORD_FRAME ||
					 entries[i].kind == HEAPSPY_RECORD_STACK) &&
		    entries[i].frame.id > 0)
			continue;
		if (!options->subprocesses && entries[i].pid)
			continue;
		bool last = entries[i].kind == HEAPSPY_RECORD_END;
		struct pollfd stop = {.fd = options->stop_fd, .events = POLLIN};
		if (last && heapspy->target.pid == PID_SLOW)
			poll(&stop, 1, 60000);
		struct heapspy_error *error = visit(context, &entries[i]);
		if (error)
			return error;
	}
	return NULL;
}
