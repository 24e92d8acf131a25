/* SPDX-License-Identifier: MIT */
#include "scripted.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "keymap.h"

enum { START = 1700000000, MIB = 1 << 20, EVERY = 10 };

enum scripted_collector scripted_collector;

static char *command[] = {(char *)"/usr/bin/python3", (char *)"-m", (char *)"shop.server",
			  (char *)"--workers=4", NULL};

static const struct heapspy_target_info target = {
	.kind = HEAPSPY_TARGET_PROCESS,
	.pid = 48211,
	.command = command,
	.executable = (char *)"/usr/bin/python3",
	.uptime = 273840,
};

static const struct heapspy_python_info python = {
	.version = "3.12.4",
	.hexversion = 0x030c04f0,
	.allocator = "pymalloc",
	.layout_id = "cpython-3.12",
	.layout_source = "table",
};

/* Objects at first, more of them with each census, bytes of one, tracked or not. */
static const struct {
	const char *name;
	uint64_t objects;
	int64_t more;
	uint64_t size;
	bool tracked;
} types[] = {
	{"dict", 512410, 1022, 240, true},
	{"str", 688230, 0, 74, false},
	{"app.cache.Entry", 412806, 1020, 56, true},
	{"tuple", 221010, -2, 70, true},
	{"list", 88412, 0, 115, true},
	{"code", 24118, 0, 312, false},
	{"type", 6402, 0, 1131, true},
	{"function", 51337, 0, 136, true},
	{"bytes", 9120, 0, 137, false},
	{"app.models.orders.history.VeryLongModuleName.InnerClassOfTheOrderHistory", 320, 0, 312, true},
	{"set", 4411, 0, 216, true},
	{"app.\xe6\xa8\xa1\xe5\x9e\x8b.\xc3\x89t\xc3\xa9", 18, 0, 64, true},
	{"asyncio.Task", 44, -1, 320, true},
};
enum { TYPES = sizeof(types) / sizeof(*types), SMALL_TYPES = 40 };

static int by_bytes(const void *a, const void *b)
{
	const struct heapspy_type *left = a, *right = b;
	return left->bytes > right->bytes ? -1 : left->bytes < right->bytes;
}

static void fill_types(struct heapspy_dump *dump, unsigned number)
{
	dump->type_count = TYPES + SMALL_TYPES;
	dump->types = calloc(dump->type_count, sizeof(*dump->types));
	for (unsigned i = 0; i < dump->type_count; i++) {
		struct heapspy_type *type = &dump->types[i];
		char name[40];
		snprintf(name, sizeof(name), "lib.part%02u.Thing", i);
		type->name = strdup(i < TYPES ? types[i].name : name);
		type->address = 0x7f2a10000000 + i * 0x1000;
		type->objects = i < TYPES
				    ? types[i].objects + (uint64_t)(types[i].more * (int64_t)number)
				    : 60 - i;
		type->bytes = type->objects * (i < TYPES ? types[i].size : 48);
		type->gc_objects = i >= TYPES || types[i].tracked ? type->objects : 0;
		type->gc_bytes = i >= TYPES || types[i].tracked ? type->bytes : 0;
		dump->total.objects += type->objects;
		dump->total.bytes += type->bytes;
		dump->total.gc_objects += type->gc_objects;
		dump->total.gc_bytes += type->gc_bytes;
	}
	qsort(dump->types, dump->type_count, sizeof(*dump->types), by_bytes);
}

static struct heapspy_interpreter *make_interpreter(unsigned second, bool walked)
{
	struct heapspy_interpreter *interpreter = calloc(1, sizeof(*interpreter));
	unsigned runs = second / 3;
	interpreter->gc = (struct heapspy_gc){
	    .enabled = true,
	    .collecting = second % 50 == 7,
	    .frozen = walked ? 375 : HEAPSPY_UNKNOWN,
	    .generations =
		{
		    {700, 200 + second % 3 * 233, walked ? 412 : HEAPSPY_UNKNOWN, 1700 + runs,
		     9100 + runs, 0},
		    {10, runs % 10, walked ? 5012 : HEAPSPY_UNKNOWN, 140 + runs / 10, 1200, 0},
		    {10, runs / 10 % 10, walked ? 1310122 : HEAPSPY_UNKNOWN, 12 + second / 100, 310,
		     2},
		},
	};
	struct heapspy_gc *gc = &interpreter->gc;
	for (unsigned i = 0; i < HEAPSPY_GENERATIONS; i++) {
		struct heapspy_generation *generation = &gc->generations[i];
		double one = scripted_collector == SCRIPTED_RECORDED ? 0.00021 * (1 + i * i * 70) : NAN;
		generation->duration = one * (double)generation->collections;
		generation->last = one * 1.1;
		generation->longest = one * 3.5;
	}
	if (scripted_collector == SCRIPTED_INCREMENTAL) {
		gc->collector = HEAPSPY_COLLECTOR_INCREMENTAL;
		gc->generations[2].threshold = 0;
		gc->enabled = false;
	}
	return interpreter;
}

/* Mappings of a process: name, how many, RSS in KiB, private, swap, size. */
static void fill_mappings(struct heapspy_mappings *mappings)
{
	static const struct {
		const char *name;
		uint64_t count, rss, private, swap, size;
	} groups[] = {
		{"[pymalloc arenas]", 318, 325632, 325632, 0, 325632},
		{"/usr/lib/python3/site-packages/app/_native/very_long_name_of_an_extension.so", 5,
		 90112, 4096, 0, 98304},
		{"[heap]", 1, 81920, 81920, 2048, 102400},
		{"/usr/bin/python3.12", 5, 6144, 1228, 0, 8192},
		{"[thread stacks]", 8, 640, 640, 0, 65536},
		{"/srv/\xe6\xa8\xa1\xe5\x9e\x8b.bin", 1, 512, 0, 0, 1048576},
		{"[vdso]", 1, 4, 0, 0, 8},
	};
	enum { GROUPS = sizeof(groups) / sizeof(*groups), ITEMS = 8 };
	mappings->groups = calloc(GROUPS, sizeof(*mappings->groups));
	mappings->items = calloc(ITEMS, sizeof(*mappings->items));
	mappings->group_count = GROUPS;
	mappings->item_count = ITEMS;
	for (unsigned i = 0; i < GROUPS; i++)
		mappings->groups[i] = (struct heapspy_mapping_group){
		    strdup(groups[i].name), groups[i].count,	       groups[i].size * 1024,
		    groups[i].rss * 1024,   groups[i].rss * 1024, groups[i].private * 1024,
		    groups[i].swap * 1024,
		};
	for (unsigned i = 0; i < ITEMS; i++)
		mappings->items[i] = (struct heapspy_mapping){
		    .start = 0x7f2a00000000 + i * 0x10000000,
		    .end = 0x7f2a00000000 + i * 0x10000000 + (8 - i) * (MIB / 4),
		    .flags = "rw-p",
		    .group = i / 5,
		    .rss = (8 - i) * (MIB / 4),
		    .pss = (8 - i) * (MIB / 4),
		    .private_bytes = (8 - i) * (MIB / 8),
		};
}

static struct heapspy_census *make_census(unsigned second)
{
	unsigned number = second / EVERY;
	struct heapspy_census *census = calloc(1, sizeof(*census));
	struct heapspy_dump *dump = calloc(1, sizeof(*dump));
	fill_types(dump, number);
	dump->capture = (struct heapspy_capture){
	    .time = START + second + 0.25,
	    .duration = 0.21,
	    .coverage = 0.9961,
	    .torn_reads = 3,
	};
	dump->interpreters = make_interpreter(second, true);
	dump->interpreter_count = 1;
	dump->memory = (struct heapspy_memory){
	    .rss = 612 * MIB,
	    .pss = 588 * MIB,
	    .uss = 560 * MIB,
	    .rss_peak = 640 * MIB,
	    .virt = 1400ul * MIB,
	    .limit = 1024 * MIB,
	    .headroom = 400 * MIB,
	    .has_account = true,
	};
	for (unsigned i = 0; i < HEAPSPY_MEMORY_KIND_COUNT; i++)
		dump->memory.account[i] = (uint64_t)(HEAPSPY_MEMORY_KIND_COUNT - i) * 9 * MIB;
	uint64_t arenas = 318 + number / 6;
	dump->allocator = (struct heapspy_allocator){
	    .arenas = arenas,
	    .arena_size = MIB,
	    .arenas_allocated = 322,
	    .arenas_highwater = 322,
	    .pools = arenas * 64 - 1241,
	    .pool_size = 16384,
	    .pools_free = 1241,
	    .bytes_in_use = 262ul * MIB + number * (MIB / 8),
	    .bytes_free = 35ul * MIB,
	    .sparse_arenas = 7,
	    .sparse_bytes = 300000,
	};
	for (unsigned i = 0; i < HEAPSPY_SIZE_CLASSES; i++)
		dump->allocator.classes[i] = (struct heapspy_size_class){
		    .block = (i + 1) * 16,
		    .pools = i % 5 == 4 ? 0 : 40 + i,
		    .blocks_in_use = 1000 * (i + 1),
		    .blocks_free = 37 * i,
		};
	for (unsigned i = 0; i < 9; i++)
		dump->types[i].pinning = (i * 7919 + 13) % 4000;
	for (unsigned i = 0; i < HEAPSPY_FREE_LIST_COUNT; i++)
		dump->allocator.free_lists[i] = 12 * i;
	dump->allocator.large_blocks = 12345;
	fill_mappings(&dump->mappings);
	dump->malloc = (struct heapspy_malloc){
		.name = "glibc",
	    .arenas = 2,
	    .bytes_in_use = 96 * MIB,
	    .bytes_free = 3 * MIB,
	    .mmapped = 45 * MIB,
	};
	census->references = 1;
	census->number = number + 1;
	census->dump = dump;
	return census;
}

/* Never freed: it holds a reference of its own. */
static struct heapspy_stacks *the_stacks(void)
{
	static struct heapspy_frame frames[] = {
	    {.function = "Cache.put", .file = "/srv/app/cache.py", .line = 88},
	    {.function = "read",
	     .line = HEAPSPY_NO_LINE,
	     .native = true,
	     .module = "/usr/lib/libc.so.6"},
	    {.function = "get_user", .file = "/srv/app/api.py", .line = 140},
	    {.function = "<module>", .file = "<string>", .line = HEAPSPY_NO_LINE},
	};
	static struct heapspy_thread threads[] = {
	    {.tid = 48211,
	     .name = "MainThread",
	     .state = HEAPSPY_THREAD_RUNNING,
	     .holds_gil = true,
	     .frames = frames,
	     .frame_count = 4},
	    {.tid = 48230,
	     .name = "gthread-0",
	     .state = HEAPSPY_THREAD_SLEEPING,
	     .frames = frames + 2,
	     .frame_count = 2,
	     .torn = true},
	    {.tid = 48231, .name = "a-thread-with-a-long-name", .state = HEAPSPY_THREAD_SLEEPING},
	};
	static struct heapspy_stacks stacks = {
	    .references = 1,
	    .stack = {.threads = {.items = threads, .count = 3}},
	};
	return heapspy_stacks_keep(&stacks);
}

/* Objects of app.cache.Entry. Never freed, as above. */
static struct heapspy_look *the_look(void)
{
	static struct heapspy_instance largest[] = {
		{0x7f2a91d8f000, 0x7f2a10002000, 4096, 2, false, HEAPSPY_AGE_GENERATION_2,
		 "key='user:81233' value=dict(14) notes=['first', 'second', ... 12 more]"},
		{0x7f2a91d93000, 0x7f2a10002000, 56, 1234567, false, HEAPSPY_AGE_GENERATION_1,
		 "key='\xe6\xa8\xa1\xe5\x9e\x8b' value=dict(9)"},
		{0x7f2a91d97000, 0x7f2a10002000, 56, 0xffffffff, true, HEAPSPY_AGE_FROZEN, NULL},
	};
	static struct heapspy_instance drawn[] = {
		{0x7f2a91d8f000, 0x7f2a10002000, 4096, 2, false, HEAPSPY_AGE_GENERATION_2,
		 "key='user:81233' value=dict(14) notes=['first', 'second', ... 12 more]"},
		{0x7f2a91db7000, 0x7f2a10002000, 56, 2, false, HEAPSPY_AGE_GENERATION_0,
		 "key='sess:11f0' value=dict(31)"},
		{0x7f2a91dbf000, 0x7f2a10002000, 56, 3, false, HEAPSPY_AGE_UNTRACKED,
		 "key='user:9' value=None"},
	};
	static struct heapspy_instances instances = {
		.capture = {.time = START + 120},
		.name = "app.cache.Entry",
		.types = 1,
		.objects = 425046,
		.bytes = 425046 * 56,
		.largest = largest,
		.largest_count = 3,
		.sample = drawn,
		.sample_count = 3,
	};
	static struct heapspy_look look = {
		.references = 1, .number = 1, .type = 0x7f2a10002000, .instances = &instances};
	return heapspy_look_keep(&look);
}

struct heapspy_sample *scripted_make(const struct heapspy_sample *before, unsigned second,
				     bool gone)
{
	struct heapspy_sample *sample = calloc(1, sizeof(*sample));
	*sample = (struct heapspy_sample){
	    .references = 1,
	    .number = second + 1,
	    .time = START + second,
	    .state = gone ? HEAPSPY_SAMPLE_GONE : HEAPSPY_SAMPLE_LIVE,
	    .trouble_code = HEAPSPY_GONE,
	    .trouble = gone ? strdup("process 48211 is no longer the one that was attached") : NULL,
	    /* It rises, and once there is a spike of one reading. */
	    .rss = 600ul * MIB + second * 40000ul + (second == 77 ? 8 * MIB : 0),
	    .rss_peak = 640 * MIB,
	    .threads = 9,
	    .interpreters = make_interpreter(second, false),
	    .interpreter_count = 1,
	    .stacks = the_stacks(),
	    .look = the_look(),
	    .census_interval = EVERY,
	};
	bool walks = second % EVERY == 0 && !gone;
	sample->census =
	    walks ? make_census(second) : heapspy_census_keep(before ? before->census : NULL);
	return sample;
}

void scripted_sample(struct app *app, unsigned second, bool gone)
{
	struct heapspy_sample *sample = scripted_make(app->model.sample, second, gone);
	app->now = sample->time + 0.5;
	app_take(app, sample);
}

void scripted_app(struct app *app, unsigned seconds)
{
	if (!app_init(app, &target, &python, 1, EVERY))
		abort();
	for (unsigned i = 0; i < seconds; i++)
		scripted_sample(app, i, false);
}

unsigned scripted_keys(struct app *app, const char *keys)
{
	static const uint32_t special[] = {
	    [1] = TUI_KEY_UP,		[2] = TUI_KEY_DOWN,   [3] = TUI_KEY_PAGE_DOWN,
	    [4] = TUI_KEY_END,		[5] = TUI_KEY_HOME,   [6] = TUI_KEY_F5,
	    ['\b'] = TUI_KEY_BACKSPACE, ['\t'] = TUI_KEY_TAB, ['\n'] = TUI_KEY_ENTER,
	    [033] = TUI_KEY_ESCAPE,
	};
	unsigned requests = 0;
	for (; *keys; keys++) {
		unsigned char key = (unsigned char)*keys;
		requests |= app_key(app, key < ' ' ? special[key] : key);
	}
	return requests;
}

void scripted_draw(struct app *app, unsigned rows, unsigned columns)
{
	if (!grid_resize(&app->grid, rows, columns))
		abort();
	app_draw(app);
}

bool scripted_golden(const char *directory, const char *name, unsigned number, char *made)
{
	static char golden[1 << 17];
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s.txt", directory, name);
	if (getenv("UPDATE_GOLDEN")) {
		FILE *file = fopen(path, "we");
		if (!file || fputs(made, file) < 0 || fclose(file) != 0)
			abort();
	}
	FILE *file = fopen(path, "re");
	golden[file ? fread(golden, 1, sizeof(golden) - 1, file) : 0] = 0;
	if (file)
		fclose(file);
	bool same = strcmp(made, golden) == 0;
	printf("%sok %u - %s\n", same ? "" : "not ", number, name);
	if (!same)
		fprintf(stderr, "--- %s is now:\n%s", path, made);
	free(made);
	return same;
}
