/* SPDX-License-Identifier: MIT */
/*
 * Several processes: frames of the list, to the letter, and who is in it. As
 * test_frames.c; the frames are golden/group-NAME.txt.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "group.h"
#include "keymap.h"
#include "scripted.h"

enum { MIB = 1 << 20, START = 1700000000, BIG = 40 };

static char *words[][4] = {
	{(char *)"gunicorn: master [api]", NULL},
	{(char *)"gunicorn: worker [api]", NULL},
	{(char *)"/usr/bin/python3", (char *)"-m", (char *)"celery.bin.worker", NULL},
	{(char *)"python3", NULL},
};

static struct heapspy_target_info targets[] = {
	{.pid = 48211, .command = words[0]},
	{.pid = 48230, .command = words[1]},
	{.pid = 48231, .command = words[1]},
	{.pid = 51002, .command = words[2]},
	{.pid = 9, .command = words[3]},
};
enum { MEMBERS = sizeof(targets) / sizeof(*targets) };

static const struct heapspy_python_info python = {.version = "3.12.4", .allocator = "pymalloc"};

static unsigned ended; /* members that were forgotten */

static void count_end(void *context, struct member *member)
{
	(void)context;
	(void)member;
	ended++;
}

/* The members differ in their memory; one of them has no census, and never has. */
static void feed(struct group *group, struct member *member, unsigned number, unsigned second,
		 bool gone)
{
	struct heapspy_sample *sample =
	    scripted_make(member->app.model.sample, second, gone);
	if (number == 4) {
		heapspy_census_drop(sample->census);
		sample->census = NULL;
	} else if (second % 10 == 0 && !gone) {
		struct heapspy_memory *memory = &sample->census->dump->memory;
		memory->uss = (100 + 50 * (uint64_t)number) * MIB;
		memory->rss = memory->uss + 64 * MIB;
		memory->pss = memory->uss + 16 * MIB;
		/* Only in the second one something leaks. */
		for (size_t i = 0; i < sample->census->dump->type_count && number != 1; i++)
			sample->census->dump->types[i].bytes = 1000;
	}
	group_take(group, member, sample);
}

static void watch(struct group *group, unsigned seconds, bool gone, bool all_gone)
{
	struct member *members[MEMBERS];
	if (!group_init(group, true, 1, 10))
		abort();
	group->end = count_end;
	for (unsigned i = 0; i < MEMBERS; i++)
		members[i] = group_add(group, 1, &targets[i], &python);
	for (unsigned second = 0; second < seconds; second++)
		for (unsigned i = 0; i < MEMBERS; i++)
			feed(group, members[i], i, second, false);
	for (unsigned i = 0; i < MEMBERS; i++)
		if (all_gone || (gone && i == 2))
			feed(group, members[i], i, seconds, true);
}

static const struct {
	const char *name;
	unsigned rows, columns;
	bool ascii;
	unsigned seconds;
	const char *keys;
	bool gone, all_gone;
} frames[] = {
	{"small", 10, 40, false, 60, "", false, false},
	{"normal", 24, 80, false, 60, "\2", false, false},
	{"ascii", 24, 80, true, 60, "\2\2", false, false},
	{"wide", 36, 120, false, 60, "\4", true, false},
	{"too-small", 9, 39, false, 60, "", false, false},
	{"first-reading", 24, 80, false, 0, "", false, false},
	{"gone", 24, 80, false, 60, "", true, false},
	{"all-gone", 24, 80, false, 60, "", true, true},
	{"sorted", 24, 80, false, 60, "ssssR", false, false},
	{"by-pid", 24, 80, false, 60, "S", false, false},
	{"help", 24, 80, false, 60, "?", false, false},
	{"opened", 24, 80, false, 60, "\2\2\n", false, false},
	{"back", 24, 80, false, 60, "\2\2\n2\033", false, false},
	{"panel", 24, 80, false, 60, "\0022", false, false},
	{"export", 24, 80, false, 60, "e", false, false},
	{"export-small", 10, 40, false, 60, "e", false, false},
	{"snapshot", 24, 80, false, 60, "\2x", false, false},
	{"snapshot-gone", 24, 80, false, 60, "\4x", true, false},
	{"copied", 24, 80, false, 60, "y", true, false},
	{"copied-none", 24, 80, false, 60, "y", true, true},
	{"since-last", 24, 80, false, 60, "d", false, false},
	{"baseline", 24, 80, false, 60, "b", false, false},
	{"leaks", 24, 80, false, 60, "l", false, false},
	{"of-one", 24, 80, false, 60, "?z", false, false},
	{"freeze", 24, 80, false, 60, " ", false, false},
};
enum { FRAMES = sizeof(frames) / sizeof(*frames) };

static uint32_t key_of(char character)
{
	return character == '\1'   ? (uint32_t)TUI_KEY_UP
	       : character == '\2' ? (uint32_t)TUI_KEY_DOWN
	       : character == '\4' ? (uint32_t)TUI_KEY_END
	       : character == '\n' ? (uint32_t)TUI_KEY_ENTER
	       : character == 033  ? (uint32_t)TUI_KEY_ESCAPE
				   : (uint32_t)character;
}

static void draw(struct group *group, unsigned rows, unsigned columns)
{
	struct app *app = group_app(group);
	if (app->grid.rows != rows && !grid_resize(&app->grid, rows, columns))
		abort();
	app->now = START + 60;
	group_draw(group);
}

static char *make(unsigned number)
{
	struct group group;
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	watch(&group, frames[number].seconds, frames[number].gone, frames[number].all_gone);
	group.front.grid.ascii = frames[number].ascii;
	draw(&group, frames[number].rows, frames[number].columns);
	for (const char *key = frames[number].keys; *key; key++) {
		group_key(&group, key_of(*key));
		draw(&group, frames[number].rows, frames[number].columns);
	}
	grid_dump(&group_app(&group)->grid, stream);
	fputs("=\n", stream);
	grid_dump_roles(&group_app(&group)->grid, stream);
	fclose(stream);
	group_fini(&group);
	return text;
}

static bool check(const char *directory, unsigned number)
{
	char name[64];
	snprintf(name, sizeof(name), "group-%s", frames[number].name);
	return scripted_golden(directory, name, number + 1, make(number));
}

/* Those that went are forgotten when there are many of them, but not who is looked at. */
static bool check_coming_and_going(void)
{
	struct group group;
	struct heapspy_target_info many[BIG];
	if (!group_init(&group, true, 1, 10))
		abort();
	group.end = count_end;
	ended = 0;
	for (unsigned i = 0; i < BIG; i++) {
		many[i] = (struct heapspy_target_info){.pid = (pid_t)(100 + i), .command = words[3]};
		struct member *member = group_add(&group, 1, &many[i], &python);
		feed(&group, member, 0, i * 10, false);
		if (i == 0)
			group.open = member;
		feed(&group, member, 0, i * 10 + 1, true);
	}
	bool kept = group.open && group.open->pid == 100;
	bool good = group.count == GONE_KEPT && group.gone == GONE_KEPT && kept &&
		    group.total == BIG && ended == BIG - GONE_KEPT && group_is_gone(&group);
	group_fini(&group);
	good &= ended == BIG;
	printf("%sok %u - coming and going\n", good ? "" : "not ", FRAMES + 1);
	return good;
}

/* Every key of the table does something in the list, or says why not; others do nothing; with
 * help open or without. */
static bool check_keys(bool help)
{
	bool good = true;
	for (uint32_t key = 1; key <= TUI_KEY_F10; key = key == 127 ? TUI_KEY_UP : key + 1) {
		struct group group;
		watch(&group, 1, false, false);
		group.sort = PROCESS_SORT_HEAP;
		group.selected = group.members[1]->pid;
		draw(&group, 24, 80);
		if (help)
			group_key(&group, '?');
		draw(&group, 24, 80);
		size_t scroll = group.front.scroll;
		unsigned requests = group_key(&group, key);
		bool did = requests || group.open || group.front.help != help || group.reverse ||
			   group.sort != PROCESS_SORT_HEAP || group.since || group.front.prompt ||
			   group.selected != group.members[1]->pid || group.front.message[0] ||
			   group.front.scroll != scroll;
		/* In the first line of help there is no way up. */
		bool stays = help && (key == TUI_KEY_UP || key == 'k' || key == TUI_KEY_PAGE_UP ||
				      key == TUI_KEY_HOME);
		if (did != (keymap_find(key) && !stays)) {
			fprintf(stderr, "key %x %s\n", key, did ? "did something" : "did nothing");
			good = false;
		}
		draw(&group, 24, 80);
		group_fini(&group);
	}
	printf("%sok %u - keys%s\n", good ? "" : "not ", FRAMES + (help ? 3 : 2),
	       help ? ", with help" : "");
	return good;
}

/* The list as a table for a file: a row a process, numbers as they are. */
static bool check_export(void)
{
	struct group group;
	struct tui_table table;
	bool good = true;
	watch(&group, 60, true, false);
	if (!export_make_list(&group, &table))
		abort();
	good &= strcmp(table.view, "processes") == 0 && !table.target;
	good &= table.row_count == MEMBERS;
	for (size_t i = 0; i < table.row_count; i++) {
		const union tui_value *row = table.values + i * table.column_count;
		const struct member *member = group.members[i];
		bool walked = member->app.model.sample->census != NULL;
		good &= row[0].integer == member->pid && row[1].integer == 1;
		good &= strcmp(row[2].text, member_is_gone(member) ? "gone" : "live") == 0;
		good &= row[6].natural ==
			(walked ? member->app.model.sample->census->dump->memory.uss : HEAPSPY_UNKNOWN);
		good &= row[10].real > 1e6 || member->pid != 48230;
		good &= row[13].natural == (member->pid == 48230);
		good &= strcmp(row[15].text, member->command) == 0;
	}
	export_fini(&table);
	group_fini(&group);
	printf("%sok %u - export\n", good ? "" : "not ", FRAMES + 4);
	return good;
}

/* A key that means something to one process does not lead back to the list. */
static bool check_opened(void)
{
	bool good = true;
	for (size_t i = 0; i < keymap_size; i++) {
		for (unsigned j = 0; j < 6 && keymap[i].keys[j]; j++) {
			struct group group;
			uint32_t key = keymap[i].keys[j];
			watch(&group, 20, false, false);
			draw(&group, 24, 80);
			group_key(&group, TUI_KEY_ENTER);
			draw(&group, 24, 80);
			group_key(&group, key);
			bool back = key == TUI_KEY_ESCAPE || key == TUI_KEY_BACKSPACE;
			good &= (group.open == NULL) == back;
			group_fini(&group);
		}
	}
	printf("%sok %u - keys of one process\n", good ? "" : "not ", FRAMES + 5);
	return good;
}

int main(int argc, char **argv)
{
	setenv("TZ", "UTC", 1);
	if (argc != 2 || !setlocale(LC_CTYPE, "C.UTF-8"))
		return 77;
	printf("1..%d\n", FRAMES + 5);
	bool good = true;
	for (unsigned i = 0; i < FRAMES; i++)
		good &= check(argv[1], i);
	good &= check_coming_and_going();
	good &= check_keys(false);
	good &= check_keys(true);
	good &= check_export();
	good &= check_opened();
	return good ? 0 : 1;
}
