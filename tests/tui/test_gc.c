/* SPDX-License-Identifier: MIT */
/* The panel of the collector, of each kind of collector, to the letter: golden/gc-NAME.txt. */
#include <locale.h>
#include <stdlib.h>

#include "scripted.h"

static const struct {
	const char *name;
	enum scripted_collector collector;
	unsigned rows, columns;
	bool ascii;
	unsigned seconds;
	const char *keys;
} frames[] = {
	{"gc-recorded", SCRIPTED_RECORDED, 24, 80, false, 130, "2"},
	{"gc-recorded-ascii", SCRIPTED_RECORDED, 24, 80, true, 130, "2"},
	{"gc-recorded-first", SCRIPTED_RECORDED, 24, 80, false, 1, "2"},
	{"gc-recorded-wide", SCRIPTED_RECORDED, 36, 120, false, 130, "1"},
	{"gc-recorded-small", SCRIPTED_RECORDED, 10, 40, false, 130, "2"},
	{"gc-recorded-log", SCRIPTED_RECORDED, 24, 80, false, 130, "6"},
	{"gc-incremental", SCRIPTED_INCREMENTAL, 24, 80, false, 130, "2"},
	{"gc-plain-wide", SCRIPTED_PLAIN, 36, 120, true, 130, "2"},
};
enum { FRAMES = sizeof(frames) / sizeof(*frames) };

static char *make(unsigned number)
{
	struct app app;
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	scripted_collector = frames[number].collector;
	scripted_app(&app, frames[number].seconds);
	app.grid.ascii = frames[number].ascii;
	scripted_draw(&app, frames[number].rows, frames[number].columns);
	scripted_keys(&app, frames[number].keys);
	app_draw(&app);
	grid_dump(&app.grid, stream);
	fputs("=\n", stream);
	grid_dump_roles(&app.grid, stream);
	fclose(stream);
	app_fini(&app);
	return text;
}

int main(int argc, char **argv)
{
	setenv("TZ", "UTC", 1);
	if (argc != 2 || !setlocale(LC_CTYPE, "C.UTF-8"))
		return 77;
	printf("1..%d\n", FRAMES);
	bool good = true;
	for (unsigned i = 0; i < FRAMES; i++)
		good &= scripted_golden(argv[1], frames[i].name, i + 1, make(i));
	return good ? 0 : 1;
}
