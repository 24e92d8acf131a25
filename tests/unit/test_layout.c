/* SPDX-License-Identifier: MIT */
/* The built-in tables, and the debug offsets over them. */
#include "unit.h"

#include "python/layout.h"

static void assert_has(const struct layout_row *row, enum layout_field field)
{
	if (row->at[field] == LAYOUT_NONE)
		fail_msg("%s has no %s.%s", row->id, layout_structure_name(field),
			 layout_field_name(field));
}

static void every_row_has_what_all_builds_have(void **state)
{
	(void)state;
	static const enum layout_field essential[] = {
	    L_RuntimeState_sizeof,
	    L_RuntimeState_interpreters_head,
	    L_RuntimeState_initialized,
	    L_RuntimeState_finalizing,
	    L_InterpreterState_sizeof,
	    L_InterpreterState_next,
	    L_InterpreterState_id,
	    L_InterpreterState_threads_head,
	    L_InterpreterState_modules,
	    L_InterpreterState_sysdict,
	    L_InterpreterState_builtins,
	    L_ThreadState_next,
	    L_ThreadState_interp,
	    L_ThreadState_thread_id,
	    L_GcState_sizeof,
	    L_GcState_enabled,
	    L_GcState_debug,
	    L_GcState_permanent_generation,
	    L_GcState_generation_stats,
	    L_GcState_collecting,
	    L_GcState_garbage,
	    L_GcGeneration_sizeof,
	    L_GcGeneration_head,
	    L_GcGeneration_threshold,
	    L_GcGeneration_count,
	    L_GcHead_sizeof,
	    L_GcHead_next,
	    L_GcHead_prev,
	    L_Object_sizeof,
	    L_Object_ob_refcnt,
	    L_Object_ob_type,
	    L_VarObject_ob_size,
	    L_TypeObject_sizeof,
	    L_TypeObject_tp_name,
	    L_TypeObject_tp_basicsize,
	    L_TypeObject_tp_flags,
	    L_TypeObject_tp_base,
	    L_HeapTypeObject_sizeof,
	    L_HeapTypeObject_ht_qualname,
	    L_LongObject_ob_digit,
	    L_ASCIIObject_sizeof,
	    L_ASCIIObject_state_kind,
	    L_ASCIIObject_state_compact,
	    L_ASCIIObject_state_ascii,
	    L_CompactUnicodeObject_sizeof,
	    L_UnicodeObject_data,
	    L_TupleObject_ob_item,
	    L_ListObject_ob_item,
	    L_DictObject_ma_keys,
	    L_DictObject_ma_values,
	    L_DictKeysObject_sizeof,
	    L_DictKeysObject_dk_nentries,
	    L_SetObject_table,
	    L_CodeObject_co_filename,
	    L_CodeObject_co_linetable,
	    L_ArenaObject_sizeof,
	    L_PoolHeader_sizeof,
	    L_PoolHeader_szidx,
	};
	size_t count;
	const struct layout_row *rows = layout_table(&count);
	assert_true(count > 0);
	for (size_t r = 0; r < count; r++) {
		for (size_t i = 0; i < sizeof(essential) / sizeof(essential[0]); i++)
			assert_has(&rows[r], essential[i]);
		/* One of each pair, depending on the version. */
		assert_true((rows[r].at[L_GcState_generations] == LAYOUT_NONE) !=
			    (rows[r].at[L_GcState_young] == LAYOUT_NONE));
		assert_true((rows[r].at[L_DictKeysObject_dk_size] == LAYOUT_NONE) !=
			    (rows[r].at[L_DictKeysObject_dk_log2_size] == LAYOUT_NONE));
		assert_true((rows[r].at[L_InterpreterState_gc] == LAYOUT_NONE) !=
			    (rows[r].at[L_RuntimeState_gc] == LAYOUT_NONE));
	}
}

static void every_row_makes_sense(void **state)
{
	(void)state;
	size_t count;
	const struct layout_row *rows = layout_table(&count);
	for (size_t r = 0; r < count; r++) {
		const struct layout_row *row = &rows[r];
		assert_true(row->first <= row->last);
		assert_int_equal(row->first >> 16, row->last >> 16);
		assert_int_equal(strncmp(row->id, "cpython-3.", strlen("cpython-3.")), 0);
		assert_int_equal(row->flavour == LAYOUT_PYDEBUG,
				 strstr(row->id, "-pydebug") != NULL);
		assert_non_null(strstr(row->origin, "CPython 3."));
		for (size_t other = 0; other < r; other++)
			assert_string_not_equal(row->id, rows[other].id);
		for (size_t f = 0; f < LAYOUT_FIELDS; f++)
			assert_in_range(row->at[f] + 1, 0, 1 << 24);
		/* Facts that no release changed. */
		assert_int_equal(row->at[L_GcHead_sizeof], 16);
		assert_int_equal(row->at[L_Object_sizeof], 16);
		assert_int_equal(row->at[L_TypeObject_tp_name], 24);
		assert_int_equal(row->at[L_PoolHeader_sizeof], 48);
	}
}

/* A field in no row: layout_fields.def is wrong about where it is, or the tables
 * were not generated after it was added. */
static void every_field_is_somewhere(void **state)
{
	(void)state;
	size_t count;
	const struct layout_row *rows = layout_table(&count);
	for (size_t f = 0; f < LAYOUT_FIELDS; f++) {
		bool found = f == L_Object_ob_tid; /* of free-threaded builds, which have no row */
		for (size_t r = 0; r < count; r++)
			found |= rows[r].at[f] != LAYOUT_NONE;
		if (!found)
			fail_msg("no build has %s.%s: run layouts/generate",
				 layout_structure_name(f), layout_field_name(f));
	}
}

static void candidates_come_best_first(void **state)
{
	(void)state;
	const struct layout_row *rows[32];
	for (uint32_t minor = 8; minor <= 15; minor++) {
		for (uint32_t patch = 0; patch < 30; patch++) {
			uint32_t version = 0x030000f0 | minor << 16 | patch << 8;
			size_t count = layout_table_candidates(version, rows, 32);
			assert_true(count >= 1);
			assert_true(rows[0]->first <= version && version <= rows[0]->last);
			assert_int_equal(rows[0]->flavour, LAYOUT_RELEASE);
			bool left_range = false;
			for (size_t i = 0; i < count; i++) {
				assert_int_equal(rows[i]->first >> 16, version >> 16);
				bool fits = rows[i]->first <= version && version <= rows[i]->last;
				assert_false(fits && left_range);
				left_range |= !fits;
			}
			/* A short list is the start of the long one. */
			const struct layout_row *best[1];
			assert_int_equal(layout_table_candidates(version, best, 1), 1);
			assert_ptr_equal(best[0], rows[0]);
			assert_int_equal(layout_table_candidates(version, best, 0), 0);
		}
	}
	assert_int_equal(layout_table_candidates(0x030700f0, rows, 32), 0);
	assert_int_equal(layout_table_candidates(0x031000f0, rows, 32), 0);
	assert_int_equal(layout_table_candidates(0x020712f0, rows, 32), 0);
	assert_int_equal(layout_table_candidates(0, rows, 32), 0);
}

static void fields_have_names(void **state)
{
	(void)state;
	assert_string_equal(layout_structure_name(L_DictObject_ma_keys), "PyDictObject");
	assert_string_equal(layout_field_name(L_DictObject_ma_keys), "ma_keys");
	assert_string_equal(layout_structure_name(L_RuntimeState_sizeof), "_PyRuntimeState");
	assert_string_equal(layout_field_name(L_RuntimeState_sizeof), "sizeof");
	assert_string_equal(layout_field_name(L_ASCIIObject_state_kind), "state_kind");
	for (size_t f = 0; f < LAYOUT_FIELDS; f++) {
		assert_true(*layout_structure_name(f));
		assert_null(strchr(layout_structure_name(f), '|'));
		assert_true(*layout_field_name(f));
	}
}

/* ---- debug offsets ------------------------------------------------------ */

enum { BIGGEST = 888 };

/* Includes/internal/pycore_debug_offsets.h of 3.14: places in its 760 bytes. */
enum { VERSION = 1, RUNTIME_SIZE = 3, GIL = 16, GIL_HOLDER = 19, OB_TYPE = 51 };

static void put(uint8_t *bytes, size_t index, uint64_t value)
{
	memcpy(bytes + 8 * index, &value, sizeof(value));
}

static void make_debug_offsets(uint8_t bytes[BIGGEST], uint64_t version)
{
	memset(bytes, 0, BIGGEST);
	memcpy(bytes, "xdebugpy", 8);
	for (size_t i = 2; i < BIGGEST / 8; i++)
		put(bytes, i, 8 * i);
	put(bytes, VERSION, version);
}

static struct layout some_layout(void)
{
	size_t count;
	struct layout layout;
	layout_from_row(layout_table(&count), &layout);
	assert_string_equal(layout.id, layout_table(&count)->id);
	assert_int_equal(layout.source[L_Object_ob_type], HEAPSPY_LAYOUT_TABLE);
	return layout;
}

static void debug_offsets_have_a_size(void **state)
{
	(void)state;
	assert_int_equal(layout_debug_offsets_size(0x030c09f0), 0);
	assert_int_equal(layout_debug_offsets_size(0x030d00f0), 584);
	assert_int_equal(layout_debug_offsets_size(0x030e0af0), 760);
	assert_int_equal(layout_debug_offsets_size(0x030f02f0), 888);
	assert_int_equal(layout_debug_offsets_size(0x031000f0), 0);
	assert_int_equal(layout_debug_offsets_size(0), 0);
	assert_int_equal(layout_debug_offsets_size(UINT32_MAX), 0);
}

static void debug_offsets_overlay(void **state)
{
	(void)state;
	struct layout layout = some_layout();
	int32_t kept = OFFSET(&layout, TypeObject, tp_mro);
	uint8_t bytes[BIGGEST];
	make_debug_offsets(bytes, 0x030e00f0);
	put(bytes, GIL, 100);
	put(bytes, GIL_HOLDER, 108);
	assert_true(layout_apply_debug_offsets(&layout, bytes, 760));
	assert_int_equal(SIZEOF(&layout, RuntimeState), 8 * RUNTIME_SIZE);
	assert_int_equal(OFFSET(&layout, Object, ob_type), 8 * OB_TYPE);
	assert_int_equal(layout.source[L_Object_ob_type], HEAPSPY_LAYOUT_DEBUG_OFFSETS);
	/* Given from the start of the structure around it. */
	assert_int_equal(OFFSET(&layout, GilState, last_holder), 8);
	/* Not in the struct; inside of its structure by the size in the struct. */
	assert_int_equal(OFFSET(&layout, TypeObject, tp_mro), kept);
	assert_int_equal(layout.source[L_TypeObject_tp_mro], HEAPSPY_LAYOUT_TABLE);
	/* Outside of it: the runtime state has only 24 bytes here. */
	assert_int_equal(OFFSET(&layout, RuntimeState, tstate_current), LAYOUT_NONE);
}

static void assert_refused(const uint8_t *bytes, size_t length)
{
	struct layout before = some_layout(), layout = before;
	assert_false(layout_apply_debug_offsets(&layout, bytes, length));
	assert_memory_equal(layout.at, before.at, sizeof(layout.at));
	assert_memory_equal(layout.source, before.source, sizeof(layout.source));
}

static void bad_debug_offsets_are_refused(void **state)
{
	(void)state;
	uint8_t bytes[BIGGEST];
	make_debug_offsets(bytes, 0x030e00f0);
	for (size_t length = 0; length < 760; length++)
		assert_refused(bytes, length);

	bytes[3] ^= 1;
	assert_refused(bytes, 760);

	static const uint64_t versions[] = {0,		0x030c00f0,	    0x031000f0,
					    0x020e00f0, 0x030e00f000000000, UINT64_MAX};
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		make_debug_offsets(bytes, versions[i]);
		assert_refused(bytes, sizeof(bytes));
	}

	static const uint64_t numbers[] = {UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 32,
					   (UINT64_C(1) << 31) - 1};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		make_debug_offsets(bytes, 0x030e00f0);
		put(bytes, OB_TYPE, numbers[i]);
		assert_refused(bytes, 760);
	}
	make_debug_offsets(bytes, 0x030e00f0);
	put(bytes, GIL, 1000); /* behind what it holds */
	assert_refused(bytes, 760);
}

static void rows_are_sorted_by_debug_offsets(void **state)
{
	(void)state;
	const struct layout_row *rows[32];
	size_t count = layout_table_candidates(0x030e00f0, rows, 32);
	assert_true(count >= 2);
	const struct layout_row *last = rows[count - 1];
	/* Only what is the same in all rows, but for the size of the runtime state. */
	uint8_t bytes[BIGGEST];
	make_debug_offsets(bytes, 0x030e00f0);
	put(bytes, GIL, 0);
	put(bytes, RUNTIME_SIZE, (uint64_t)last->at[L_RuntimeState_sizeof]);
	layout_sort_by_debug_offsets(rows, count, bytes, 760);
	assert_int_equal(rows[0]->at[L_RuntimeState_sizeof], last->at[L_RuntimeState_sizeof]);

	const struct layout_row *before = rows[0];
	layout_sort_by_debug_offsets(rows, count, "not the cookie", 14);
	assert_ptr_equal(rows[0], before);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_has_what_all_builds_have),
	    cmocka_unit_test(every_row_makes_sense),
	    cmocka_unit_test(every_field_is_somewhere),
	    cmocka_unit_test(candidates_come_best_first),
	    cmocka_unit_test(fields_have_names),
	    cmocka_unit_test(debug_offsets_have_a_size),
	    cmocka_unit_test(debug_offsets_overlay),
	    cmocka_unit_test(bad_debug_offsets_are_refused),
	    cmocka_unit_test(rows_are_sorted_by_debug_offsets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
