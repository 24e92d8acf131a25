/* SPDX-License-Identifier: MIT */
#include "export.h"

#include <math.h>
#include <stdlib.h>

#include "table.h"

/* ---- rows ------------------------------------------------------------------------------ */

union tui_value *table_add_row(struct tui_table *table)
{
	size_t count = table->row_count, width = table->column_count;
	/* Room for twice as many whenever their number is a power of two. */
	if ((count & (count - 1)) == 0) {
		size_t capacity = count ? count * 2 : 1;
		union tui_value *values =
		    realloc(table->values, capacity * width * sizeof(*values));
		if (!values)
			return NULL;
		table->values = values;
	}
	union tui_value *row = table->values + count * width;
	for (size_t i = 0; i < width; i++)
		row[i] = (union tui_value){0};
	table->row_count++;
	return row;
}

/* ---- views ----------------------------------------------------------------------------- */

static const struct tui_column type_columns[] = {
    {"type", TUI_NAME},
    {"address", TUI_ADDRESS},
    {"objects", TUI_COUNT},
    {"objects_per_minute", TUI_CHANGE},
    {"objects_since_last", TUI_SIGNED},
    {"objects_since_baseline", TUI_SIGNED},
    {"bytes", TUI_BYTES},
    {"bytes_per_minute", TUI_BYTES_CHANGE},
    {"bytes_since_last", TUI_SIGNED},
    {"bytes_since_baseline", TUI_SIGNED},
    {"gc_objects", TUI_COUNT},
    {"pinning", TUI_COUNT},
    {"grew", TUI_COUNT},
    {"suspect", TUI_FLAG},
};

static bool add_types(struct app *app, struct tui_table *table)
{
	for (size_t i = 0; i < app->row_count; i++) {
		const struct growth *growth = &app->rows[i];
		const struct heapspy_type *type = growth->type;
		if (!ADD(table, TEXT(type->name), NATURAL(type->address), NATURAL(type->objects),
			 REAL(growth->minute_objects), INTEGER(growth->last_objects),
			 INTEGER(growth->base_objects), NATURAL(type->bytes),
			 REAL(growth->minute_bytes), INTEGER(growth->last_bytes),
			 INTEGER(growth->base_bytes), NATURAL(type->gc_objects),
			 NATURAL(type->pinning), NATURAL(growth->streak),
			 NATURAL(growth_is_suspect(growth))))
			return false;
	}
	return true;
}

static const struct tui_column object_columns[] = {
    {"address", TUI_ADDRESS}, {"bytes", TUI_BYTES}, {"references", TUI_COUNT},
    {"immortal", TUI_FLAG},   {"age", TUI_NAME},    {"preview", TUI_NAME},
};

static bool add_objects(struct app *app, struct tui_table *table)
{
	app_list_objects(app);
	for (size_t i = 0; i < app->object_count; i++) {
		const struct heapspy_instance *object = app->objects[i];
		if (!ADD(table, NATURAL(object->address), NATURAL(object->bytes),
			 NATURAL(object->references), NATURAL(object->immortal),
			 TEXT(heapspy_age_name(object->age)), TEXT(object->preview)))
			return false;
	}
	return true;
}

static const struct tui_column gc_columns[] = {
    {"interpreter", TUI_ID},   {"generation", TUI_ID},	{"threshold", TUI_SIGNED},
    {"count", TUI_SIGNED},	   {"collections", TUI_SIGNED}, {"collected", TUI_SIGNED},
    {"uncollectable", TUI_SIGNED},
};

static bool add_generations(struct app *app, struct tui_table *table)
{
	const struct heapspy_sample *sample = app->model.sample;
	for (size_t i = 0; sample && i < sample->interpreter_count; i++) {
		for (unsigned j = 0; j < HEAPSPY_GENERATIONS; j++) {
			const struct heapspy_generation *generation =
			    &sample->interpreters[i].gc.generations[j];
			if (!ADD(table, INTEGER(sample->interpreters[i].id), INTEGER(j),
				 INTEGER(generation->threshold), INTEGER(generation->count),
				 INTEGER(generation->collections), INTEGER(generation->collected),
				 INTEGER(generation->uncollectable)))
				return false;
		}
	}
	return true;
}

static const struct tui_column allocator_columns[] = {
    {"block", TUI_COUNT},	{"pools", TUI_COUNT},	   {"blocks_in_use", TUI_COUNT},
    {"blocks_free", TUI_COUNT}, {"bytes_free", TUI_BYTES},
};

static bool add_classes(struct app *app, struct tui_table *table)
{
	const struct heapspy_sample *sample = app->model.sample;
	if (!sample || !sample->census)
		return true;
	for (unsigned i = 0; i < HEAPSPY_SIZE_CLASSES; i++) {
		const struct heapspy_size_class *class =
		    &sample->census->dump->allocator.classes[i];
		if (class->pools && !ADD(table, NATURAL(class->block), NATURAL(class->pools),
					 NATURAL(class->blocks_in_use), NATURAL(class->blocks_free),
					 NATURAL(class->blocks_free * class->block)))
			return false;
	}
	return true;
}

static const struct tui_column thread_columns[] = {
    {"tid", TUI_ID},   {"name", TUI_NAME}, {"state", TUI_NAME},    {"holds_gil", TUI_FLAG},
    {"frame", TUI_ID}, {"file", TUI_NAME}, {"function", TUI_NAME}, {"line", TUI_ID},
};

/* A row a frame, the newest first; one without frames has a row all the same. */
static bool add_threads(struct app *app, struct tui_table *table)
{
	const struct heapspy_sample *sample = app->model.sample;
	if (!sample || !sample->stacks)
		return true;
	const struct heapspy_threads *threads = &sample->stacks->stack.threads;
	for (size_t i = 0; i < threads->count; i++) {
		const struct heapspy_thread *thread = &threads->items[i];
		for (size_t j = 0; j < thread->frame_count || j == 0; j++) {
			static const struct heapspy_frame none = {.line = HEAPSPY_NO_LINE};
			const struct heapspy_frame *frame =
			    thread->frame_count ? &thread->frames[j] : &none;
			if (!ADD(table, INTEGER(thread->tid), TEXT(thread->name),
				 TEXT(heapspy_thread_state_name(thread->state)),
				 NATURAL(thread->holds_gil), INTEGER((int64_t)j),
				 TEXT(frame->native ? frame->module : frame->file),
				 TEXT(frame->function), INTEGER(frame->line)))
				return false;
		}
	}
	return true;
}

static const struct tui_column memory_columns[] = {{"kind", TUI_NAME}, {"rss", TUI_BYTES}};

static bool add_memory(struct app *app, struct tui_table *table)
{
	const struct heapspy_sample *sample = app->model.sample;
	if (!sample || !sample->census || !sample->census->dump->memory.has_account)
		return true;
	for (unsigned i = 0; i < HEAPSPY_MEMORY_KIND_COUNT; i++)
		if (!ADD(table, TEXT(heapspy_memory_kind_name((enum heapspy_memory_kind)i)),
			 NATURAL(sample->census->dump->memory.account[i])))
			return false;
	return true;
}

static const struct tui_column mapping_columns[] = {
    {"name", TUI_NAME},	    {"mappings", TUI_COUNT}, {"rss", TUI_BYTES},  {"pss", TUI_BYTES},
    {"private", TUI_BYTES}, {"swap", TUI_BYTES},     {"size", TUI_BYTES},
};

static bool add_mappings(struct app *app, struct tui_table *table)
{
	const struct heapspy_sample *sample = app->model.sample;
	if (!sample || !sample->census)
		return true;
	const struct heapspy_mappings *mappings = &sample->census->dump->mappings;
	for (size_t i = 0; i < mappings->group_count; i++) {
		const struct heapspy_mapping_group *group = &mappings->groups[i];
		if (!ADD(table, TEXT(group->name), NATURAL(group->mappings), NATURAL(group->rss),
			 NATURAL(group->pss), NATURAL(group->private_bytes), NATURAL(group->swap),
			 NATURAL(group->size)))
			return false;
	}
	return true;
}

static const struct tui_column log_columns[] = {
    {"time", TUI_TIME}, {"warning", TUI_FLAG}, {"event", TUI_NAME}};

static bool add_events(struct app *app, struct tui_table *table)
{
	for (size_t back = 0; back < app->model.event_count; back++) {
		const struct event *event = model_event(&app->model, back);
		if (!ADD(table, REAL(event->time), NATURAL(event->bad), TEXT(event->text)))
			return false;
	}
	return true;
}

static const struct export
{
	const char *name;
	const struct tui_column *columns;
	size_t column_count;
	bool (*add)(struct app * app, struct tui_table * table);
}
exports[PANEL_COUNT] = {
    [PANEL_TYPES] = {"types", COLUMNS_OF(type_columns), add_types},
    [PANEL_GC] = {"gc", COLUMNS_OF(gc_columns), add_generations},
    [PANEL_ALLOCATOR] = {"allocator", COLUMNS_OF(allocator_columns), add_classes},
    [PANEL_THREADS] = {"threads", COLUMNS_OF(thread_columns), add_threads},
    [PANEL_MEMORY] = {"memory", COLUMNS_OF(memory_columns), add_memory},
    [PANEL_LOG] = {"log", COLUMNS_OF(log_columns), add_events},
};

static const struct export of_objects = {"objects", COLUMNS_OF(object_columns), add_objects};

static const struct export of_mappings = {"mappings", COLUMNS_OF(mapping_columns), add_mappings};

static const struct export *current(const struct app *app)
{
	if (app->focus == PANEL_MEMORY && app->places != PLACES_KINDS)
		return &of_mappings;
	return app->focus == PANEL_TYPES && app->detail ? &of_objects : &exports[app->focus];
}

const char *export_view_name(const struct app *app)
{
	return current(app)->name;
}

bool export_make(struct app *app, struct tui_table *ret_table)
{
	const struct export *export = current(app);
	struct tui_table table = {
	    .view = export->name,
	    .target = app->model.target,
	    .python = app->model.python,
	    .time = app->model.sample ? app->model.sample->time : app->now,
	    .columns = export->columns,
	    .column_count = export->column_count,
	};
	if (!export->add(app, &table)) {
		export_fini(&table);
		return false;
	}
	*ret_table = table;
	return true;
}

void export_fini(struct tui_table *table)
{
	free(table->values);
	table->values = NULL;
}
