/* SPDX-License-Identifier: MIT */
/* A process that does not exist, watched for some minutes, and a user who types. */
#ifndef TESTS_TUI_SCRIPTED_H
#define TESTS_TUI_SCRIPTED_H

#include <stdio.h>

#include "app.h"

/* A dashboard that has seen readings and censuses, a second and ten seconds apart.
 * Something leaks in the process. */
void scripted_app(struct app *app, unsigned seconds);

/* Of samples that are made from now on. */
enum scripted_collector {
	SCRIPTED_PLAIN,	      /* three generations, as up to 3.13 */
	SCRIPTED_RECORDED,    /* and how long collections took: 3.15 */
	SCRIPTED_INCREMENTAL, /* 3.14.0 to 3.14.4; and it is switched off */
};
extern enum scripted_collector scripted_collector;

/* Is golden/NAME.txt what was made? Says so as TAP; the text is freed. */
bool scripted_golden(const char *directory, const char *name, unsigned number, char *made);

/* The sample of a second, after another. */
struct heapspy_sample *scripted_make(const struct heapspy_sample *before, unsigned second, bool gone);

/* One more reading; the last one of all where it is gone. */
void scripted_sample(struct app *app, unsigned second, bool gone);

/* Keys as one text: characters, \n Enter, \033 Escape, \t Tab, \b Backspace, \1 up,
 * \2 down, \3 page down, \4 end, \5 home, \6 F5. Returns what all of them asked for. */
unsigned scripted_keys(struct app *app, const char *keys);

/* Draw at this size. */
void scripted_draw(struct app *app, unsigned rows, unsigned columns);

#endif
