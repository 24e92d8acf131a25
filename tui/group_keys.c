/* SPDX-License-Identifier: MIT */
/*
 * Keys in the list of processes. Each is for what the table of keys says of it, or says why
 * not: those that are for one process alone name the way there.
 */
#include "group.h"

#include <string.h>

#include "export.h"
#include "keymap.h"

static void say(struct group *group, const char *text)
{
	snprintf(group->front.message, sizeof(group->front.message), "%s", text);
}

/* ---- which one ------------------------------------------------------------------------------ */

static unsigned go(struct group *group, double row)
{
	double last = group->count ? (double)group->count - 1 : 0;
	size_t to = row < 0 ? 0 : row > last ? (size_t)last : (size_t)row;
	/* The first row is whatever comes first. */
	group->selected = to ? group->members[to]->pid : 0;
	return 0;
}

static unsigned move(struct group *group, uint32_t key)
{
	double now = (double)group_selected(group);
	double page = group->front.page > 1 ? group->front.page - 1 : 1;
	switch (key) {
	case TUI_KEY_UP:
	case 'k':
		return go(group, now - 1);
	case TUI_KEY_DOWN:
	case 'j':
		return go(group, now + 1);
	case TUI_KEY_PAGE_UP:
		return go(group, now - page);
	case TUI_KEY_PAGE_DOWN:
		return go(group, now + page);
	case TUI_KEY_HOME:
		return go(group, 0);
	default:
		return go(group, 1e15);
	}
}

/* There is one terminal. */
void group_carry_looks(struct app *to, const struct app *from)
{
	to->theme = from->theme;
	to->mouse = from->mouse;
}

static struct member *chosen(struct group *group)
{
	if (group->count)
		return group->members[group_selected(group)];
	say(group, "there is no process yet");
	return NULL;
}

static unsigned open_member(struct group *group, uint32_t key)
{
	struct member *member = chosen(group);
	if (!member)
		return 0;
	group->open = member;
	group_carry_looks(&member->app, &group->front);
	return key == TUI_KEY_ENTER ? 0 : app_key(&member->app, key);
}

/* ---- order and numbers ---------------------------------------------------------------------- */

static unsigned sort(struct group *group, uint32_t key)
{
	if (key == 'R') {
		group->reverse = !group->reverse;
	} else {
		unsigned step = key == 's' ? 1 : PROCESS_SORT_COUNT - 1;
		group->sort = (enum process_sort)((group->sort + step) % PROCESS_SORT_COUNT);
	}
	group_sort(group);
	return 0;
}

static unsigned change_mode(struct group *group, uint32_t key)
{
	static const char *const said[SINCE_COUNT] = {
		"growth is per minute, over the last one",
		"growth is since the heap walk before",
		"growth is since the baseline of each",
	};
	(void)key;
	group->since = (enum since)((group->since + 1) % SINCE_COUNT);
	group_sort(group);
	say(group, said[group->since]);
	return 0;
}

static unsigned set_baseline(struct group *group, uint32_t key)
{
	(void)key;
	for (size_t i = 0; i < group->count; i++)
		app_set_baseline(&group->members[i]->app);
	group->since = SINCE_BASELINE;
	group_sort(group);
	say(group, "growth counts from the last heap walk of each on");
	return 0;
}

static unsigned show_growing(struct group *group, uint32_t key)
{
	(void)key;
	group->since = SINCE_BASELINE;
	group->sort = PROCESS_SORT_GROWTH;
	group->reverse = false;
	group->selected = 0;
	group_sort(group);
	say(group, "what grew most since the baseline comes first");
	return 0;
}

/* ---- files, commands ------------------------------------------------------------------------ */

static unsigned export(struct group *group, uint32_t key)
{
	app_ask_path(&group->front, PROMPT_EXPORT, 0, EXPORT_LIST, key == 'e' ? TUI_JSON : TUI_CSV);
	return 0;
}

static unsigned snapshot(struct group *group, uint32_t key)
{
	struct member *member = chosen(group);
	(void)key;
	if (!member)
		return 0;
	if (group->front.replay) {
		say(group, "a recording has no memory to read");
	} else if (member_is_gone(member)) {
		say(group, "it is gone: there is no memory to read");
	} else {
		group->saved = member->pid;
		app_ask_path(&group->front, PROMPT_SNAPSHOT, member->pid, "heap", TUI_JSON);
	}
	return 0;
}

static struct member *find(const struct group *group, pid_t pid)
{
	for (size_t i = 0; i < group->count; i++)
		if (group->members[i]->pid == pid)
			return group->members[i];
	return NULL;
}

/* Those that were named; those that they started are found again. */
static unsigned copy(struct group *group, uint32_t key)
{
	struct app *front = &group->front;
	size_t length, named = 0;
	bool started = false;
	(void)key;
	for (size_t i = 0; i < group->count; i++)
		started |= find(group, group->members[i]->parent) != NULL;
	length = (size_t)snprintf(front->message, sizeof(front->message), "copied: heapspy top%s",
				  started ? " --subprocesses" : "");
	for (size_t i = 0; i < group->count; i++) {
		const struct member *member = group->members[i];
		if (member_is_gone(member) || find(group, member->parent) ||
		    length + 12 > sizeof(front->message))
			continue;
		length += (size_t)snprintf(front->message + length, sizeof(front->message) - length,
					   " %d", (int)member->pid);
		named++;
	}
	if (!named)
		say(group, "there is no process left that a command could be for");
	return named ? REQUEST_COPY : 0;
}

/* ---- the rest ------------------------------------------------------------------------------- */

/* What the list has in common with a dashboard. */
static unsigned as_everywhere(struct group *group, uint32_t key)
{
	return app_key(&group->front, key);
}

static unsigned freeze(struct group *group, uint32_t key)
{
	if (group->front.replay)
		return app_key(&group->front, key);
	say(group, "the list goes on: Enter opens a process, whose table can be frozen");
	return 0;
}

static unsigned leave(struct group *group, uint32_t key)
{
	(void)key;
	say(group, "this is the list of all processes: q quits");
	return 0;
}

static const struct {
	uint32_t keys[8];
	unsigned (*run)(struct group *group, uint32_t key);
} table[] = {
	{{TUI_KEY_ENTER, '1', '2', '3', '4', '5', '6'}, open_member},
	{{TUI_KEY_UP, 'k', TUI_KEY_DOWN, 'j'}, move},
	{{TUI_KEY_PAGE_UP, TUI_KEY_PAGE_DOWN, TUI_KEY_HOME, TUI_KEY_END}, move},
	{{'s', 'S', 'R'}, sort},
	{{'d'}, change_mode},
	{{'b'}, set_baseline},
	{{'l'}, show_growing},
	{{'e', 'E'}, export},
	{{'x'}, snapshot},
	{{'y'}, copy},
	{{' ', 'p'}, freeze},
	{{TUI_KEY_ESCAPE, TUI_KEY_BACKSPACE}, leave},
	{{'?', 'h', TUI_KEY_F1, 'q', TUI_KEY_F10, 'w', TUI_KEY_F5}, as_everywhere},
	{{'+', '-', '.', '<', '>', 'C', 'm'}, as_everywhere},
	{{KEYMAP_CTRL_C, KEYMAP_CTRL_L, KEYMAP_CTRL_Z}, as_everywhere},
};

typedef unsigned handler(struct group *group, uint32_t key);

static handler *find_handler(uint32_t key)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table) && key; i++)
		for (size_t j = 0; j < sizeof(table[i].keys) / sizeof(*table[i].keys); j++)
			if (table[i].keys[j] == key)
				return table[i].run;
	return NULL;
}

bool group_list_takes(uint32_t key)
{
	handler *run = find_handler(key);
	return run && run != freeze && run != leave;
}

unsigned group_key_of_list(struct group *group, uint32_t key)
{
	struct app *front = &group->front;
	handler *run = find_handler(key);
	/* Help is moved in, and left. */
	bool of_help = run == move || run == leave || run == open_member;
	if (front->prompt || (front->help && of_help))
		return app_key(front, key);
	front->message[0] = 0;
	if (run == as_everywhere)
		return run(group, key);
	if (run || keymap_find(key))
		front->help = false;
	if (!run && keymap_find(key))
		say(group, "that is for one process: Enter opens it");
	return run ? run(group, key) : 0;
}
