/* SPDX-License-Identifier: MIT */
/* What a view shows, as a table for a file: all of it, and numbers as they are. */
#ifndef TUI_EXPORT_H
#define TUI_EXPORT_H

#include "group.h"

/* "types": of the view that is open. */
const char *export_view_name(const struct app *app);

/* That of the list of processes. */
#define EXPORT_LIST "processes"

/* Texts in it are those of the app, of the group. False without memory. */
bool export_make(struct app *app, struct tui_table *ret_table);
bool export_make_list(struct group *group, struct tui_table *ret_table);
void export_fini(struct tui_table *table);

#endif
