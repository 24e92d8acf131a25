/* SPDX-License-Identifier: MIT */
#include "terminal.h"

#include <ncursesw/ncurses.h>
#include <ncursesw/term.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "keymap.h"

#undef columns /* of term.h */

static SCREEN *screen;
static bool coloured;

/* For the handler of crashes: what brings the terminal back, made beforehand. */
static struct termios before;
static char farewell[256];
static size_t farewell_length;

static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
enum { CRASHES = sizeof(crashes) / sizeof(*crashes) };

/* ---- crashes ------------------------------------------------------------------------------ */

/* Only calls that are safe anywhere: signal-safety(7). The signal then does what it
 * does by default. */
static void crash(int signal)
{
	ssize_t written = write(STDOUT_FILENO, farewell, farewell_length);
	(void)written;
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	raise(signal);
}

static void add_farewell(const char *capability)
{
	const char *text = tigetstr(capability);
	if (!text || text == (char *)-1 || farewell_length + strlen(text) >= sizeof(farewell))
		return;
	/* Padding, "$<5>", is for terminals that do not exist any more. */
	size_t length = strcspn(text, "$");
	memcpy(farewell + farewell_length, text, length);
	farewell_length += length;
}

static void catch_crashes(void)
{
	static char stack_space[16384];
	stack_t stack = {.ss_sp = stack_space, .ss_size = sizeof(stack_space)};
	struct sigaction action = {.sa_handler = crash,
				   .sa_flags = SA_RESETHAND | SA_NODEFER | SA_ONSTACK};
	farewell_length = 0;
	add_farewell("sgr0");
	add_farewell("rmkx");
	add_farewell("cnorm");
	add_farewell("rmcup");
	sigaltstack(&stack, NULL);
	sigemptyset(&action.sa_mask);
	for (unsigned i = 0; i < CRASHES; i++)
		sigaction(crashes[i], &action, NULL);
}

static void ignore_crashes(void)
{
	for (unsigned i = 0; i < CRASHES; i++)
		signal(crashes[i], SIG_DFL);
}

/* ---- colours ------------------------------------------------------------------------------ */

/* The background is the terminal's own, and so is the foreground of plain text; no
 * colour that a light or a dark terminal cannot show. What a role means is also said by
 * a mark or a word. */
static const struct {
	short colour; /* -1: the terminal's */
	attr_t attributes;
} looks[ROLE_COUNT] = {
	[ROLE_TEXT] = {-1, 0},
	[ROLE_DIM] = {-1, A_DIM},
	[ROLE_ACCENT] = {COLOR_CYAN, 0},
	[ROLE_GOOD] = {COLOR_GREEN, 0},
	[ROLE_WARN] = {COLOR_MAGENTA, A_BOLD},
	[ROLE_BAD] = {COLOR_RED, A_BOLD},
	[ROLE_HEADER] = {-1, A_BOLD},
	[ROLE_SELECTION] = {-1, A_REVERSE},
	[ROLE_SELECTION_BAD] = {COLOR_RED, A_REVERSE | A_BOLD},
	[ROLE_SERIES1] = {COLOR_CYAN, 0},
	[ROLE_SERIES2] = {COLOR_MAGENTA, 0},
	[ROLE_SERIES3] = {COLOR_GREEN, 0},
};

/* Light blue and yellow are told apart by nearly everyone. */
static const short blue_yellow[ROLE_COUNT] = {
	[ROLE_TEXT] = -1,	       [ROLE_DIM] = -1,
	[ROLE_ACCENT] = COLOR_CYAN,    [ROLE_GOOD] = COLOR_CYAN,
	[ROLE_WARN] = COLOR_YELLOW,    [ROLE_BAD] = COLOR_YELLOW,
	[ROLE_HEADER] = -1,	       [ROLE_SELECTION] = -1,
	[ROLE_SELECTION_BAD] = COLOR_YELLOW, [ROLE_SERIES1] = COLOR_CYAN,
	[ROLE_SERIES2] = COLOR_YELLOW, [ROLE_SERIES3] = -1,
};

static bool can_colour; /* it may, and the terminal can */

static bool begin_colours(void)
{
	if (!has_colors() || start_color() == ERR || use_default_colors() == ERR)
		return false;
	for (short i = 0; i < ROLE_COUNT; i++)
		init_pair((short)(i + 1), looks[i].colour, -1);
	return true;
}

/* ---- life ---------------------------------------------------------------------------------- */

bool terminal_begin(bool colour)
{
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return false;
	/* initscr() would end the program where the terminal is not known, newterm()
	 * loses memory then. */
	int status;
	if (setupterm(NULL, STDOUT_FILENO, &status) != OK)
		return false;
	del_curterm(cur_term);
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return false;
	can_colour = coloured = colour && begin_colours();
	raw();
	noecho();
	nonl();
	intrflush(stdscr, FALSE);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	catch_crashes();
	return true;
}

void terminal_end(void)
{
	if (!screen)
		return;
	ignore_crashes();
	endwin();
	delscreen(screen);
	screen = NULL;
}

void terminal_size(unsigned *ret_rows, unsigned *ret_columns)
{
	struct winsize size;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col &&
	    (size.ws_row != LINES || size.ws_col != COLS))
		resizeterm(size.ws_row, size.ws_col);
	*ret_rows = (unsigned)LINES;
	*ret_columns = (unsigned)COLS;
}

/* ---- output -------------------------------------------------------------------------------- */

void terminal_show(const struct grid *grid)
{
	for (unsigned row = 0; row < grid->rows; row++) {
		for (unsigned column = 0; column < grid->columns; column++) {
			const struct cell *cell =
			    &grid->cells[(size_t)row * grid->columns + column];
			if (!cell->point)
				continue;
			cchar_t shown;
			wchar_t text[2] = {(wchar_t)cell->point, 0};
			setcchar(&shown, text, looks[cell->role].attributes,
				 coloured ? (short)(cell->role + 1) : 0, NULL);
			mvadd_wch((int)row, (int)column, &shown);
		}
	}
	/* Screen readers and braille displays follow the cursor, invisible or not. */
	move((int)grid->cursor_row, (int)grid->cursor_column);
	refresh();
}

void terminal_looks(enum theme theme, bool mouse)
{
	coloured = can_colour && theme != THEME_MONO;
	for (short i = 0; i < ROLE_COUNT && can_colour; i++)
		init_pair((short)(i + 1), theme == THEME_BLUE_YELLOW ? blue_yellow[i] : looks[i].colour,
			  -1);
	mousemask(mouse ? BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0, NULL);
	mouseinterval(0);
	terminal_repaint();
}

static MEVENT click;
static bool clicked;

bool terminal_click(unsigned *ret_row, unsigned *ret_column)
{
	if (!clicked || click.y < 0 || click.x < 0)
		return false;
	*ret_row = (unsigned)click.y;
	*ret_column = (unsigned)click.x;
	clicked = false;
	return true;
}

/* What an event of the mouse stands for, 0: nothing. */
static uint32_t mouse_key(void)
{
	if (getmouse(&click) != OK)
		return 0;
	clicked = click.bstate & BUTTON1_PRESSED;
	return click.bstate & BUTTON4_PRESSED	? TUI_KEY_UP
	       : click.bstate & BUTTON5_PRESSED ? TUI_KEY_DOWN
	       : clicked			? TUI_KEY_CLICK
						: 0;
}

void terminal_repaint(void)
{
	clearok(curscr, TRUE);
}

void terminal_suspend(void)
{
	endwin();
	raise(SIGSTOP);
	terminal_resume();
}

void terminal_resume(void)
{
	/* Leaving twice would put the cursor where it once was. */
	if (!isendwin())
		endwin();
	refresh();
	terminal_repaint();
}

void terminal_copy(const char *text)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *at = (const unsigned char *)text;
	fputs("\033]52;c;", stdout);
	for (size_t left = strlen(text); left > 0; left -= left < 3 ? left : 3, at += 3) {
		unsigned long bits = (unsigned long)at[0] << 16 |
				     (unsigned long)(left > 1 ? at[1] : 0) << 8 |
				     (left > 2 ? at[2] : 0);
		putc(digits[bits >> 18], stdout);
		putc(digits[bits >> 12 & 63], stdout);
		putc(left > 1 ? digits[bits >> 6 & 63] : '=', stdout);
		putc(left > 2 ? digits[bits & 63] : '=', stdout);
	}
	fputs("\a", stdout);
	fflush(stdout);
}

/* ---- input --------------------------------------------------------------------------------- */

uint32_t terminal_key(void)
{
	static const struct {
		wint_t from;
		uint32_t to;
	} keys[] = {
	    {KEY_UP, TUI_KEY_UP},	  {KEY_DOWN, TUI_KEY_DOWN},
	    {KEY_LEFT, TUI_KEY_LEFT},	  {KEY_RIGHT, TUI_KEY_RIGHT},
	    {KEY_PPAGE, TUI_KEY_PAGE_UP}, {KEY_NPAGE, TUI_KEY_PAGE_DOWN},
	    {KEY_HOME, TUI_KEY_HOME},	  {KEY_END, TUI_KEY_END},
	    {KEY_ENTER, TUI_KEY_ENTER},	  {KEY_BACKSPACE, TUI_KEY_BACKSPACE},
	    {KEY_BTAB, TUI_KEY_BACKTAB},  {KEY_F(1), TUI_KEY_F1},
	    {KEY_F(5), TUI_KEY_F5},	  {KEY_F(10), TUI_KEY_F10},
	};
	for (;;) {
		wint_t key;
		int result = get_wch(&key);
		if (result == ERR)
			return 0;
		if (result == OK)
			return key == '\r' || key == '\n' ? TUI_KEY_ENTER
			       : key == '\033'		  ? TUI_KEY_ESCAPE
			       : key == '\t'		  ? TUI_KEY_TAB
			       : key == 0x7f || key == 8  ? TUI_KEY_BACKSPACE
							  : (uint32_t)key;
		uint32_t of_mouse = key == KEY_MOUSE ? mouse_key() : 0;
		if (of_mouse)
			return of_mouse;
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
			if (keys[i].from == key)
				return keys[i].to;
		/* One that we have no use for; the next. */
	}
}
