/* SPDX-License-Identifier: MIT */
#include "player.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double JUMP = 60, SLOWEST = 1.0 / 16, FASTEST = 1024;

void player_init(struct player *player, struct heapspy_replay *replay)
{
	*player = (struct player){.replay = replay, .speed = 1};
}

void player_fini(struct player *player)
{
	if (player->has_next)
		heapspy_sample_drop(player->next.sample);
	player->has_next = false;
}

/* ---- from the file --------------------------------------------------------------------- */

static void tell_trouble(struct player *player, struct group *group)
{
	const char *trouble = heapspy_replay_trouble(player->replay);
	if (!trouble || player->told)
		return;
	player->told = true;
	snprintf(group_app(group)->message, sizeof(group->front.message),
		 "the recording ends early: %s", trouble);
	for (size_t i = 0; i < group->count; i++)
		model_log(&group->members[i]->app.model, player->time, true,
			  "the recording ends early: %s", trouble);
}

static bool look_ahead(struct player *player, struct group *group)
{
	if (player->has_next || player->ended)
		return player->has_next;
	player->has_next = heapspy_replay_next(player->replay, &player->next);
	player->ended = !player->has_next;
	if (player->ended)
		tell_trouble(player, group);
	return player->has_next;
}

static struct member *find_member(const struct group *group, const struct heapspy_replayed *line)
{
	for (size_t i = 0; i < group->count; i++)
		if (group->members[i]->app.model.target == line->target)
			return group->members[i];
	return NULL;
}

static struct member *show_next(struct player *player, struct group *group)
{
	struct heapspy_replayed *line = &player->next;
	struct member *member = find_member(group, line);
	player->has_next = false;
	if (!line->sample) {
		group->interval = line->interval;
		member = group_add(group, line->parent, line->target, line->python);
	} else if (member) {
		player->time = line->sample->time;
		group_take(group, member, line->sample);
	} else {
		heapspy_sample_drop(line->sample);
	}
	return member;
}

struct member *player_step(struct player *player, struct group *group)
{
	while (look_ahead(player, group)) {
		bool sample = player->next.sample != NULL;
		struct member *member = show_next(player, group);
		if (sample && member)
			return member;
	}
	return NULL;
}

/* ---- at a pace -------------------------------------------------------------------------- */

static void show_state(const struct player *player, struct group *group)
{
	enum replay_state state = player->ended	   ? REPLAY_ENDED
				  : player->paused ? REPLAY_PAUSED
						   : REPLAY_RUNS;
	group->front.replay = state;
	for (size_t i = 0; i < group->count; i++)
		group->members[i]->app.replay = state;
}

/* All up to a time of the recording. */
static bool show_until(struct player *player, struct group *group, double time)
{
	bool any = false;
	while (look_ahead(player, group) &&
	       (!player->next.sample || player->time == 0 || player->next.sample->time <= time)) {
		show_next(player, group);
		any = true;
	}
	return any;
}

bool player_go_on(struct player *player, struct group *group, double clock)
{
	bool was_over = player->ended;
	bool any = false;
	if (player->time == 0) {
		/* From the first sample on. */
		any = show_until(player, group, 0);
		player->clock = clock;
	} else if (!player->paused && !player->ended) {
		double time = player->time + (clock - player->clock) * player->speed;
		any = show_until(player, group, time);
		player->time = player->ended ? player->time : time;
		player->clock = clock;
	}
	show_state(player, group);
	return any || was_over != player->ended;
}

int player_wait(const struct player *player, double clock)
{
	if (player->paused || !player->has_next)
		return -1;
	double left = (player->next.sample ? player->next.sample->time : 0) - player->time;
	left = left / player->speed - (clock - player->clock);
	return left <= 0 ? 0 : left > 1 ? 1000 : (int)ceil(left * 1000);
}

/* ---- what the user asks for --------------------------------------------------------------- */

/* The models know only what comes after: they begin anew. */
static void go_back(struct player *player, struct group *group, double time)
{
	struct app looks = {0};
	pid_t open = group->open ? group->open->pid : 0;
	bool paused = player->paused;
	if (group->open)
		app_carry(&looks, &group->open->app);
	group_clear(group);
	player_fini(player);
	heapspy_replay_rewind(player->replay);
	*player = (struct player){.replay = player->replay,
				  .clock = player->clock,
				  .speed = player->speed,
				  .paused = paused};
	show_until(player, group, 0);
	if (time > player->time) {
		show_until(player, group, time);
		player->time = time;
	}
	for (size_t i = 0; i < group->count; i++) {
		if (group->members[i]->pid != open)
			continue;
		group->open = group->members[i];
		app_carry(&group->open->app, &looks);
	}
}

void player_obey(struct player *player, struct group *group, unsigned requests, double clock)
{
	char *message = group_app(group)->message;
	size_t size = sizeof(group->front.message);
	player_go_on(player, group, clock);
	if (requests & REQUEST_PAUSE)
		player->paused = !player->paused;
	if (requests & REQUEST_STEP) {
		player->paused = true;
		player_step(player, group);
	}
	if (requests & REQUEST_FORTH) {
		double time = player->time + JUMP;
		show_until(player, group, time);
		player->time = player->ended ? player->time : time;
	}
	if (requests & REQUEST_BACK) {
		go_back(player, group, player->time - JUMP);
		message = group_app(group)->message;
	}
	if (requests & (REQUEST_FASTER | REQUEST_SLOWER)) {
		double speed = player->speed * (requests & REQUEST_FASTER ? 2 : 0.5);
		if (speed >= SLOWEST && speed <= FASTEST)
			player->speed = speed;
		snprintf(message, size, "the recording is shown %g times as fast", player->speed);
	}
	player->clock = clock;
	show_state(player, group);
}
