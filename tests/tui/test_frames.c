/* SPDX-License-Identifier: MIT */
/*
 * Frames, to the letter: what is on the screen after some keys, and what each cell
 * means. golden/NAME.txt has the text, a line "=" and the roles (see ROLES).
 *
 * UPDATE_GOLDEN=1 writes them anew: look at the difference before it is committed.
 */
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "scripted.h"

struct frame {
	const char *name;
	unsigned rows, columns;
	bool ascii;
	unsigned seconds;
	const char *keys;
	bool gone;
	double idle; /* seconds in which nothing came */
};

static const struct frame frames[] = {
	{"too-small", 9, 39, false, 130, "", false, 0},
	{"small", 10, 40, false, 130, "", false, 0},
	{"small-ascii", 12, 46, true, 130, "\2\2", false, 0},
	{"small-filter", 10, 40, false, 130, "/app", false, 0},
	{"types", 24, 80, false, 130, "\2\2", false, 0},
	{"types-ascii", 24, 80, true, 130, "\2\2", false, 0},
	{"first-reading", 24, 80, false, 0, "", false, 0},
	{"gc", 24, 80, false, 130, "2", false, 0},
	{"allocator", 24, 80, false, 130, "3", false, 0},
	{"threads", 24, 80, false, 130, "4\2", false, 0},
	{"memory", 24, 80, false, 130, "5", false, 0},
	{"memory-end", 24, 80, false, 130, "5\4", false, 0},
	{"mappings", 24, 80, false, 130, "5o", false, 0},
	{"mappings-open", 24, 80, false, 130, "5o\n\2\2", false, 0},
	{"mappings-swap-ascii", 24, 80, true, 130, "5ooo", false, 0},
	{"mappings-small", 10, 40, false, 130, "5oo\n", false, 0},
	{"mappings-wide", 36, 120, false, 130, "5oz\n", false, 0},
	{"allocator-end", 24, 80, false, 130, "3\4", false, 0},
	{"allocator-zoom", 24, 80, false, 130, "3z", false, 0},
	{"allocator-small", 10, 40, false, 130, "3\3", false, 0},
	{"log", 24, 80, false, 130, "6", false, 0},
	{"help", 24, 80, false, 130, "?", false, 0},
	{"help-end", 24, 80, false, 130, "?\4", false, 0},
	{"detail", 24, 80, false, 130, "\2\2\n", false, 0},
	{"detail-ascii", 24, 80, true, 130, "\2\2\noo", false, 0},
	{"detail-object", 24, 80, false, 130, "\2\2\n\n", false, 0},
	{"detail-drawn", 24, 80, false, 130, "\2\2\no\2", false, 0},
	{"detail-none", 24, 80, false, 130, "\n", false, 0},
	{"detail-small", 10, 40, false, 130, "\2\2\n\2", false, 0},
	{"detail-small-ascii", 10, 40, true, 130, "\2\2\nooo", false, 0},
	{"detail-wide", 36, 120, false, 130, "\2\2\n", false, 0},
	{"detail-full", 50, 160, false, 330, "\2\2\n\n", false, 0},
	{"end-of-table", 24, 80, false, 130, "\4", false, 0},
	{"filter", 24, 80, false, 130, "/app", false, 0},
	{"filter-kept", 24, 80, false, 130, "/!lib\nssR", false, 0},
	{"columns", 24, 80, false, 130, "c", false, 0},
	{"columns-full", 50, 160, false, 130, "c", false, 0},
	{"columns-small", 10, 40, false, 130, "c", false, 0},
	{"leaks", 24, 80, false, 130, "l", false, 0},
	{"native", 24, 80, false, 130, "n", false, 0},
	{"at-work", 24, 80, false, 130, "t", false, 0},
	{"export", 24, 80, false, 130, "e", false, 0},
	{"export-csv-to-text", 24, 80, false, 130, "4E\t", false, 0},
	{"export-small", 10, 40, true, 130, "e\b\b", false, 0},
	{"snapshot", 24, 80, false, 130, "x", false, 0},
	{"copied-objects", 24, 80, false, 130, "\2\2\ny", false, 0},
	{"baseline", 24, 80, false, 130, "b", false, 0},
	{"copied", 24, 80, false, 130, "/app\nssy", false, 0},
	{"blocks", 24, 80, false, 130, "g", false, 0},
	{"live-curve", 24, 80, false, 130, "vvT", false, 0},
	{"zoom", 24, 80, false, 130, "z", false, 0},
	{"stale", 24, 80, false, 130, "", false, 12},
	{"frozen", 24, 80, false, 130, " ", false, 0},
	{"gone", 24, 80, false, 130, "", true, 60},
	{"wide", 36, 120, false, 130, "", false, 0},
	{"wide-ascii", 36, 120, true, 130, "3", false, 0},
	{"full", 50, 160, false, 330, "\2", false, 0},
	{"full-ascii", 50, 160, true, 330, "4", false, 0},
	{"huge", 70, 250, false, 330, "", false, 0},
};
enum { FRAMES = sizeof(frames) / sizeof(*frames) };

/* Every view at every size that has a layout of its own, in UTF-8 and in ASCII:
 * golden/every/VIEW-SIZE.txt, and VIEW-SIZE-ascii.txt without the roles. */
static const struct {
	const char *name, *keys;
} every_view[] = {
	{"types", ""},	   {"objects", "\2\2\n"}, {"gc", "2"},  {"allocator", "3"}, {"threads", "4"},
	{"memory", "5"}, {"mappings", "5o"},   {"log", "6"}, {"help", "?"},
};

static const struct {
	const char *name;
	unsigned rows, columns;
} every_size[] = {{"small", 10, 40}, {"normal", 24, 80}, {"wide", 36, 120}, {"full", 50, 160}};

enum {
	VIEWS = sizeof(every_view) / sizeof(*every_view),
	SIZES = sizeof(every_size) / sizeof(*every_size),
	ALL = FRAMES + VIEWS * SIZES * 2,
};

static char *make(const struct frame *frame, bool with_roles)
{
	struct app app;
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	scripted_app(&app, frame->seconds);
	app.grid.ascii = frame->ascii;
	if (frame->gone)
		scripted_sample(&app, frame->seconds, true);
	/* Keys depend on how much there is room for. */
	scripted_draw(&app, frame->rows, frame->columns);
	for (const char *key = frame->keys; *key; key++) {
		scripted_keys(&app, (char[2]){*key, 0});
		app_draw(&app);
	}
	app.now += frame->idle;
	app_draw(&app);
	grid_dump(&app.grid, stream);
	if (with_roles) {
		fputs("=\n", stream);
		grid_dump_roles(&app.grid, stream);
	}
	fclose(stream);
	app_fini(&app);
	return text;
}

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return strdup("");
	char *text = calloc(1, 1 << 17);
	size_t length = fread(text, 1, (1 << 17) - 1, file);
	text[length] = 0;
	fclose(file);
	return text;
}

static bool check(const char *directory, unsigned number, const struct frame *frame, bool with_roles)
{
	char path[4096];
	char *made = make(frame, with_roles);
	snprintf(path, sizeof(path), "%s/%s.txt", directory, frame->name);
	if (getenv("UPDATE_GOLDEN")) {
		FILE *file = fopen(path, "we");
		if (!file || fputs(made, file) < 0 || fclose(file) != 0)
			abort();
	}
	char *golden = read_file(path);
	bool same = strcmp(made, golden) == 0;
	printf("%sok %u - %s\n", same ? "" : "not ", number + 1, frame->name);
	if (!same)
		fprintf(stderr, "--- %s is now:\n%s", path, made);
	free(golden);
	free(made);
	return same;
}

static bool check_every(const char *directory, unsigned number)
{
	unsigned view = number / 2 / SIZES, size = number / 2 % SIZES;
	bool ascii = number % 2;
	char name[100];
	snprintf(name, sizeof(name), "every/%s-%s%s", every_view[view].name, every_size[size].name,
		 ascii ? "-ascii" : "");
	struct frame frame = {
		.name = name,
		.rows = every_size[size].rows,
		.columns = every_size[size].columns,
		.ascii = ascii,
		.seconds = 130,
		.keys = every_view[view].keys,
	};
	return check(directory, FRAMES + number, &frame, !ascii);
}

int main(int argc, char **argv)
{
	bool good = argc == 2;
	setenv("TZ", "UTC", 1);
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 77;
	printf("1..%d\n", ALL);
	for (unsigned i = 0; i < ALL && argc == 2; i++)
		good &= i < FRAMES ? check(argv[1], i, &frames[i], true)
				   : check_every(argv[1], i - FRAMES);
	return good ? 0 : 1;
}
