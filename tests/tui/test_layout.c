/* SPDX-License-Identifier: MIT */
/* The layout at every size of screen, and the keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "export.h"
#include "keymap.h"
#include "scripted.h"
#include "text.h"

enum { ROWS = 120, COLUMNS = 250, PARTS = 9 };

static void assert_apart(const struct rect *parts, unsigned count, unsigned rows, unsigned columns)
{
	for (unsigned i = 0; i < count; i++) {
		const struct rect *a = &parts[i];
		if (!a->rows)
			continue;
		assert_true(a->columns > 0);
		assert_true(a->row + a->rows <= rows && a->column + a->columns <= columns);
		for (unsigned j = 0; j < i; j++) {
			const struct rect *b = &parts[j];
			bool apart = !b->rows || a->row + a->rows <= b->row ||
				     b->row + b->rows <= a->row ||
				     a->column + a->columns <= b->column ||
				     b->column + b->columns <= a->column;
			assert_true(apart);
		}
	}
}

static void test_every_size(void **state)
{
	(void)state;
	for (unsigned rows = 1; rows <= ROWS; rows++)
		for (unsigned columns = 1; columns <= COLUMNS; columns++)
			for (unsigned i = 0; i < 2 * PANEL_COUNT; i++) {
				struct layout layout;
				layout_make(rows, columns, (enum panel)(i / 2), i % 2, &layout);
				bool small = rows < 10 || columns < 40;
				assert_int_equal(layout.tier == TIER_NONE, small);
				struct rect parts[PARTS] = {layout.header, layout.plot,
							    layout.tabs,   layout.main,
							    layout.status, layout.footer};
				for (unsigned j = 0; j < layout.side_count; j++) {
					parts[6 + j] = layout.sides[j];
					assert_int_not_equal(layout.side_panels[j], i / 2);
					assert_true(layout.sides[j].rows >= 5);
					assert_true(layout.sides[j].column > 0);
				}
				assert_apart(parts, PARTS, rows, columns);
				if (small)
					continue;
				assert_true(layout.main.rows >= 5 && layout.main.columns >= 40);
				struct layout wide = layout;
				layout_widen(&wide, columns);
				struct rect fewer[] = {wide.header, wide.plot, wide.tabs,
						       wide.main,   wide.status, wide.footer};
				assert_apart(fewer, 6, rows, columns);
				assert_true(wide.main.columns == columns && !wide.side_count);
				assert_true(layout.header.row + layout.header.rows <=
					    layout.main.row);
				assert_true(layout.main.row + layout.main.rows <=
					    layout.footer.row);
			}
}

/* Whatever is shown, nothing is drawn outside of the grid, and the cursor is in it. */
static void test_every_size_drawn(void **state)
{
	struct app app;
	(void)state;
	scripted_app(&app, 60);
	unsigned number = 0;
	for (unsigned rows = 1; rows <= ROWS; rows += rows < 60 ? 1 : 7)
		for (unsigned columns = 1; columns <= COLUMNS; columns += columns < 90 ? 1 : 3) {
			number++;
			app.focus = (enum panel)(number % PANEL_COUNT);
			app.places = (enum places)(number / 3 % PLACES_COUNT);
			app.object = number % 4 == 0;
			app.selected = number % 2 ? 0x7f2a10002000 : 0;
			app.column_set = (enum column_set)(number % COLUMN_SETS);
			app.prompt = number % 13 ? PROMPT_NONE : PROMPT_EXPORT;
			app.help = number % 11 == 0;
			app.detail = number % 5 == 0;
			app.zoom = number % 7 == 0;
			app.grid.ascii = number % 3 == 0;
			app.plot.glyphs = (enum glyphs)(number % GLYPHS_COUNT);
			scripted_draw(&app, rows, columns);
			assert_true(app.grid.cursor_row < rows && app.grid.cursor_column < columns);
			for (size_t i = 0; i < (size_t)rows * columns; i++)
				assert_true(!app.grid.ascii || (app.grid.cells[i].point >= ' ' &&
								app.grid.cells[i].point < 0x7f));
		}
	app_fini(&app);
}

static void test_keymap(void **state)
{
	(void)state;
	for (size_t i = 0; i < keymap_size; i++) {
		assert_true(keymap[i].keys[0] != 0 && keymap[i].run != NULL);
		assert_true(strlen(keymap[i].names) > 0 && strlen(keymap[i].names) < 20);
		assert_true(strlen(keymap[i].meaning) > 0);
		for (size_t j = 0; j < 6 && keymap[i].keys[j]; j++)
			for (size_t k = 0; k < i; k++)
				for (size_t l = 0; l < 6; l++)
					assert_int_not_equal(keymap[i].keys[j], keymap[k].keys[l]);
	}
}

static void test_keys(void **state)
{
	struct app app;
	(void)state;
	scripted_app(&app, 60);
	scripted_draw(&app, 24, 80);
	assert_int_equal(scripted_keys(&app, "q"), REQUEST_QUIT);
	assert_int_equal(scripted_keys(&app, "\6"), REQUEST_WALK);
	assert_int_equal(scripted_keys(&app, "-"), REQUEST_INTERVAL);
	assert_true(app.census_interval == 20);
	assert_int_equal(scripted_keys(&app, "y"), REQUEST_COPY);
	assert_string_equal(app.message, "copied: heapspy dump 48211 --sort bytes");
	assert_int_equal(scripted_keys(&app, "\a\x0c"), 0);

	/* Letters are the filter's while it is typed. */
	assert_int_equal(scripted_keys(&app, "/q\b"), 0);
	assert_int_equal(app.prompt, PROMPT_FILTER);
	scripted_keys(&app, "entry\n");
	assert_int_equal(app.row_count, 1);
	scripted_keys(&app, "\n");
	assert_true(app.detail);
	scripted_keys(&app, "\033\033");
	assert_false(app.detail);
	assert_string_equal(app.filter, "");
	scripted_keys(&app, "/~^(dict|list)$\n");
	assert_int_equal(app.row_count, 2);
	scripted_keys(&app, "/\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b~(\n");
	assert_int_equal(app.row_count, app.source_count);

	/* Each view has its command. */
	static const char *const commands[PANEL_COUNT] = {
	    "dump 48211 --sort bytes", "gc 48211 1s", "dump 48211 -v", "stack 48211",
	    "dump 48211 -v", "top 48211 --plain",
	};
	for (unsigned i = 0; i < PANEL_COUNT; i++) {
		char key[] = {(char)('1' + i), 'y', 0};
		assert_int_equal(scripted_keys(&app, key), REQUEST_COPY);
		assert_string_equal(app.message + strlen("copied: heapspy "), commands[i]);
	}
	scripted_keys(&app, "1");

	/* What is selected stays so when the order changes. */
	scripted_keys(&app, "\033\2\2");
	uint64_t selected = app.selected;
	scripted_keys(&app, "ssR");
	assert_int_equal(app.rows[app_selected(&app)].type->address, selected);

	/* A frozen table does not change, and is up to date afterwards. */
	scripted_keys(&app, " ");
	const struct heapspy_census *census = app.shown;
	for (unsigned i = 60; i < 90; i++)
		scripted_sample(&app, i, false);
	assert_ptr_equal(app.shown, census);
	scripted_keys(&app, " ");
	assert_ptr_not_equal(app.shown, census);

	for (unsigned i = 0; i < PANEL_COUNT; i++) {
		scripted_keys(&app, "\t");
		assert_int_equal(app.focus, (i + 1) % PANEL_COUNT);
	}
	app_fini(&app);
}

/* A name is asked for, and nothing is replaced that is there, unless that is wanted. */
static void test_files(void **state)
{
	struct app app;
	struct tui_table table;
	(void)state;
	scripted_app(&app, 60);
	scripted_draw(&app, 24, 80);
	assert_int_equal(scripted_keys(&app, "e"), 0);
	assert_int_equal(app.prompt, PROMPT_EXPORT);
	assert_string_equal(app.path, "heapspy-48211-types-20231114T221419Z.json");
	scripted_keys(&app, "\t");
	assert_int_equal(app.format, TUI_CSV);
	assert_string_equal(app.path, "heapspy-48211-types-20231114T221419Z.csv");
	scripted_keys(&app, "\t\t");
	assert_int_equal(app.format, TUI_JSON);
	for (unsigned i = 0; i < 50; i++)
		scripted_keys(&app, "\b");
	assert_string_equal(app.path, "");
	app_key(&app, 'q');
	app_key(&app, 0xe9);
	app_key(&app, 0x4e2d);
	assert_string_equal(app.path, "q\xc3\xa9\xe4\xb8\xad");
	scripted_keys(&app, "\b\b");
	assert_string_equal(app.path, "q");
	assert_int_equal(scripted_keys(&app, "\n"), REQUEST_FILE);
	assert_false(app.replace);
	app_file_done(&app, TUI_EXISTS, "");
	assert_int_equal(scripted_keys(&app, "q"), 0);
	assert_int_equal(app.prompt, PROMPT_NONE);
	scripted_keys(&app, "E");
	assert_int_equal(app.format, TUI_CSV);
	assert_int_equal(scripted_keys(&app, "\n"), REQUEST_FILE);
	app_file_done(&app, TUI_EXISTS, "");
	assert_int_equal(scripted_keys(&app, "y"), REQUEST_FILE);
	assert_true(app.replace);
	app_file_done(&app, TUI_SAVED, "written");
	assert_string_equal(app.message, "written");
	scripted_keys(&app, "x");
	assert_int_equal(app.prompt, PROMPT_SNAPSHOT);
	assert_string_equal(app.path, "heapspy-48211-heap-20231114T221419Z.core");
	scripted_keys(&app, "\033");
	assert_int_equal(app.prompt, PROMPT_NONE);
	assert_int_equal(app_key(&app, TUI_KEY_F10), REQUEST_QUIT);

	/* Of a recording there is nothing but what it holds. */
	app.replay = REPLAY_RUNS;
	assert_int_equal(scripted_keys(&app, "x"), 0);
	assert_int_equal(app.prompt, PROMPT_NONE);
	assert_int_equal(scripted_keys(&app, "n1"), 0);
	assert_false(app.native);
	app.replay = REPLAY_NOT;

	/* All of a view is in it. */
	assert_true(export_make(&app, &table));
	assert_int_equal(table.row_count, app.row_count);
	assert_string_equal(table.values[2 * table.column_count].text, "app.cache.Entry");
	assert_true(table.values[2 * table.column_count + 5].integer == 5 * 1020);
	export_fini(&table);
	scripted_keys(&app, "\2\2\n");
	assert_true(export_make(&app, &table));
	assert_string_equal(table.view, "objects");
	assert_int_equal(table.row_count, 3);
	assert_true(table.values[0].natural == 0x7f2a91d8f000);
	export_fini(&table);
	static const size_t rows[PANEL_COUNT] = {0, 3, 26, 7, HEAPSPY_MEMORY_KIND_COUNT, 2};
	scripted_keys(&app, "5o");
	assert_true(export_make(&app, &table));
	assert_string_equal(table.view, "mappings");
	assert_int_equal(table.row_count, 7);
	export_fini(&table);
	scripted_keys(&app, "oooo1");
	for (unsigned i = 1; i < PANEL_COUNT; i++) {
		app.focus = (enum panel)i;
		assert_true(export_make(&app, &table));
		assert_int_equal(table.row_count, rows[i]);
		export_fini(&table);
	}
	app_fini(&app);
}

static void test_leaks_and_clicks(void **state)
{
	struct app app;
	(void)state;
	scripted_app(&app, 60);
	scripted_draw(&app, 24, 80);
	scripted_keys(&app, "l");
	assert_int_equal(app.row_count, 2);
	for (size_t i = 0; i < app.row_count; i++)
		assert_true(app.rows[i].base_bytes > 0);
	assert_true(app.rows[0].base_bytes >= app.rows[1].base_bytes);
	/* What is open stays so. */
	scripted_keys(&app, "\nb");
	assert_true(app.detail && app.selected);
	assert_int_equal(app_opened(&app)->type->address, app.selected);
	assert_int_equal(app_opened(&app)->base_bytes, 0);
	scripted_keys(&app, "\033");
	scripted_keys(&app, "l");
	assert_int_equal(app.row_count, app.source_count);
	scripted_draw(&app, 24, 80);
	const struct rect *main = &app.layout.main;
	app_click(&app, main->row + 5, 10);
	assert_int_equal(app_selected(&app), 3);
	app_click(&app, 0, 0);
	assert_int_equal(app_selected(&app), 3);
	app_click(&app, app.layout.tabs.row, 14);
	assert_int_equal(app.focus, PANEL_GC);
	app_click(&app, 1000, 1000);
	app_fini(&app);
}

static void test_growth(void **state)
{
	struct app app;
	(void)state;
	scripted_app(&app, 31);
	assert_null(model_suspect(&app.model));
	for (unsigned i = 31; i < 41; i++)
		scripted_sample(&app, i, false);
	/* dict grows by more, but it is nobody's own. */
	const struct growth *suspect = model_suspect(&app.model);
	assert_non_null(suspect);
	assert_string_equal(suspect->type->name, "app.cache.Entry");
	assert_int_equal(suspect->streak, 4);
	assert_int_equal(suspect->last_objects, 1020);
	assert_int_equal(suspect->base_objects, 4 * 1020);
	assert_true(suspect->minute_objects == 6 * 1020);
	model_set_baseline(&app.model);
	assert_int_equal(model_suspect(&app.model)->base_objects, 0);
	app_fini(&app);
}

static void test_numbers(void **state)
{
	char text[TEXT_SIZE];
	(void)state;
	assert_string_equal(text_count(text, 1234567), "1,234,567");
	assert_string_equal(text_count(text, HEAPSPY_UNKNOWN), "-");
	assert_string_equal(text_short_count(text, 2310000), "2.31M");
	assert_string_equal(text_bytes(text, 1023), "1023B");
	assert_string_equal(text_bytes(text, 1024), "1.0K");
	assert_string_equal(text_bytes(text, (1 << 20) - 1), "1.0M");
	assert_string_equal(text_bytes_change(text, -12345), "-12K");
	assert_string_equal(text_change(text, -0.2), "0");
	assert_string_equal(text_change(text, 6133.4), "+6,133");
	assert_string_equal(text_seconds(text, 0.21), "210ms");
	assert_string_equal(text_seconds(text, 10), "10s");
	assert_string_equal(text_seconds(text, 273840), "3d04h");
	assert_true(text_matches("app.cache.Entry", "CACHE"));
	assert_false(text_matches("app.cache.Entry", "!entry"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_size), cmocka_unit_test(test_every_size_drawn),
	    cmocka_unit_test(test_keymap),     cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_files),      cmocka_unit_test(test_leaks_and_clicks),
	    cmocka_unit_test(test_growth),     cmocka_unit_test(test_numbers),
	};
	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
