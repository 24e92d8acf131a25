/* SPDX-License-Identifier: MIT */
/* The dashboard: whatever is typed, on a screen of whatever size, while readings come in. */
#include <string.h>

#include "harness.h"
#include "keymap.h"
#include "require.h"
#include "scripted.h"

enum { MOST_KEYS = 300, MOST_SECONDS = 40 };

static void draw(struct app *app, unsigned rows, unsigned columns)
{
	scripted_draw(app, rows, columns);
	const struct grid *grid = &app->grid;
	REQUIRE(grid->rows == rows && grid->columns == columns);
	REQUIRE(grid->cursor_row < rows && grid->cursor_column < columns);
	for (size_t i = 0; i < (size_t)rows * columns; i++) {
		uint32_t point = grid->cells[i].point;
		REQUIRE(point == 0 || (point >= ' ' && point < 0x110000));
		REQUIRE(point < 0x7f || point >= 0xa0);
		REQUIRE(!grid->ascii || (point >= ' ' && point < 0x7f));
	}
}

/* A byte is a character, or from 0x80 on half of one of two, from 0xc0 on a key that is none,
 * from 0xe0 on a size of the screen or a reading. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	struct app app;
	unsigned second = 0, rows = 24, columns = 80;
	if (length < 2 || length > MOST_KEYS)
		return 0;
	scripted_app(&app, 0);
	app.grid.ascii = input[0] & 1;
	app.plot.glyphs = (enum glyphs)(input[0] / 2 % GLYPHS_COUNT);
	for (second = 0; second < input[1] % 4u * 7; second++)
		scripted_sample(&app, second, false);
	for (size_t i = 2; i < length; i++) {
		uint8_t byte = input[i];
		if (byte == 0xff) {
			draw(&app, rows, columns);
		} else if (byte >= 0xf0 && second < MOST_SECONDS) {
			scripted_sample(&app, second++, byte == 0xfe);
		} else if (byte >= 0xe0 && i + 2 < length) {
			rows = input[++i] % 70 + 1;
			columns = input[++i] % 200 + 1;
			draw(&app, rows, columns);
		} else if (byte >= 0xc0) {
			app_key(&app, TUI_KEY_UP + byte % 16u);
		} else if (byte >= 0x80 && i + 1 < length) {
			app_key(&app, (byte & 0x3fu) << 8 | input[++i]);
		} else {
			app_key(&app, byte);
		}
		REQUIRE(strlen(app.filter) < sizeof(app.filter));
	}
	draw(&app, rows, columns);
	app_fini(&app);
	return 0;
}
