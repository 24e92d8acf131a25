/* SPDX-License-Identifier: MIT */
/*
 * A recording shown again: samples come from a file, at the pace at which they were
 * taken or faster, and can be stopped, stepped through and gone back in. Beside where
 * they come from all is as with a live process.
 */
#ifndef TUI_PLAYER_H
#define TUI_PLAYER_H

#include <heapspy/replay.h>

#include "group.h"

struct player {
	struct heapspy_replay *replay; /* NULL: nothing is replayed */
	struct heapspy_replayed next;  /* that was read and is not shown yet */
	bool has_next;
	double time;  /* of the recording, that is shown; 0: it has not begun */
	double clock; /* monotonic, when it was that */
	double speed;
	bool paused, ended;
	bool told; /* why it ended early */
};

void player_init(struct player *player, struct heapspy_replay *replay);
void player_fini(struct player *player);

/* Show what has come up to now (monotonic). True: something did. */
bool player_go_on(struct player *player, struct group *group, double clock);

/* One line of it, whatever the time. NULL: it has ended. */
struct member *player_step(struct player *player, struct group *group);

/* Milliseconds until something comes; -1: nothing does. */
int player_wait(const struct player *player, double clock);

/* What the user asked for, REQUEST_PAUSE and so on. */
void player_obey(struct player *player, struct group *group, unsigned requests, double clock);

#endif
