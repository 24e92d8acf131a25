/* SPDX-License-Identifier: MIT */
/*
 * The keys: one table, which dispatch, the footer, the help and the man page come
 * from.
 */
#ifndef TUI_KEYMAP_H
#define TUI_KEYMAP_H

#include <stddef.h>
#include <stdint.h>

struct app;

/* Control characters. */
enum { KEYMAP_CTRL_C = 3, KEYMAP_CTRL_L = 12, KEYMAP_CTRL_Z = 26 };

/* Keys that are no characters: above the last code point. */
enum {
	TUI_KEY_UP = 0x110000,
	TUI_KEY_DOWN,
	TUI_KEY_LEFT,
	TUI_KEY_RIGHT,
	TUI_KEY_PAGE_UP,
	TUI_KEY_PAGE_DOWN,
	TUI_KEY_HOME,
	TUI_KEY_END,
	TUI_KEY_ENTER,
	TUI_KEY_ESCAPE,
	TUI_KEY_BACKSPACE,
	TUI_KEY_TAB,
	TUI_KEY_BACKTAB,
	TUI_KEY_F1,
	TUI_KEY_F5,
	TUI_KEY_F10,
	TUI_KEY_CLICK, /* of the mouse: terminal_click() says where */
};

struct binding {
	uint32_t keys[6];    /* 0 ends them */
	const char *names;   /* as a person calls them */
	const char *footer;  /* a word, NULL: not in the footer */
	const char *meaning;
	unsigned (*run)(struct app *app, uint32_t key); /* returns requests */
};

extern const struct binding keymap[];
extern const size_t keymap_size;

/* What the key is for; NULL: it is for nothing. */
const struct binding *keymap_find(uint32_t key);

/* What the key is for, done; nothing for one that is for nothing. */
unsigned keymap_run(struct app *app, uint32_t key);

#endif
