/* SPDX-License-Identifier: MIT */
/*
 * The terminal: the only file that knows ncurses. There is one, that of standard
 * input and output. However the program ends, by a crash as well, the terminal is as
 * it was before.
 */
#ifndef TUI_TERMINAL_H
#define TUI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "app.h"
#include "grid.h"

/* False where the terminal is not known or cannot do what is needed. */
bool terminal_begin(bool colour);
void terminal_end(void);

/* Size in cells; after a resize the new one. */
void terminal_size(unsigned *ret_rows, unsigned *ret_columns);

/* Show the grid: what changed is written. */
void terminal_show(const struct grid *grid);

/* The next key, a code point or one of keymap.h; 0: there is none. Does not wait. */
uint32_t terminal_key(void);

/* Forget what is thought to be on the screen. */
void terminal_repaint(void);

/* Leave it to others, stop, and come back. */
void terminal_suspend(void);

/* Others had it, who may have changed its modes. */
void terminal_resume(void);

/* The colours of a theme; and whether clicks and the wheel are ours. */
void terminal_looks(enum theme theme, bool mouse);

/* Where the last click was. False: there was none. */
bool terminal_click(unsigned *ret_row, unsigned *ret_column);

/* Ask the terminal to put a text into its clipboard (OSC 52). */
void terminal_copy(const char *text);

#endif
