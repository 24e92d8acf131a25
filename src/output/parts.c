/* SPDX-License-Identifier: MIT */
#include "output/parts.h"

#include <math.h>

void emit_document_of(struct emitter *emitter, const char *schema, double captured_at)
{
	emit_document(emitter);
	emit_text(emitter, "schema", NULL, schema);
	emit_text(emitter, "heapspy", NULL, HEAPSPY_VERSION);
	if (captured_at != 0)
		emit_time(emitter, "captured_at", NULL, captured_at);
}

void emit_target(struct emitter *emitter, const struct heapspy_target_info *target, bool shown)
{
	emit_object(emitter, "target", shown ? "target" : NULL);
	bool is_file = target->kind != HEAPSPY_TARGET_PROCESS;
	emit_text(emitter, "kind", is_file ? "" : NULL, heapspy_target_kind_name(target->kind));
	emit_text(emitter, is_file ? "path" : NULL, is_file ? "" : NULL, target->path);
	if (target->pid)
		emit_id(emitter, "pid", "pid", target->pid);
	emit_command(emitter, "command", "", (const char *const *)target->command);
	emit_text(emitter, "executable", "", target->executable);
	emit_seconds(emitter, "uptime", "up", target->uptime);
	emit_end(emitter);
}

void emit_python(struct emitter *emitter, const struct heapspy_python_info *python, bool shown)
{
	emit_object(emitter, "python", shown ? "python" : NULL);
	emit_text(emitter, "version", "", python->version);
	emit_count(emitter, "hexversion", NULL, python->hexversion);
	emit_flag(emitter, "debug", "", python->debug, "debug build", "");
	emit_flag(emitter, "free_threaded", "", python->free_threaded, "free-threaded", "");
	emit_text(emitter, "allocator", "allocator", python->allocator);
	emit_object(emitter, "layout", "");
	emit_text(emitter, "id", "layout", python->layout_id);
	emit_text(emitter, "source", "from", python->layout_source);
	emit_end(emitter);
	emit_end(emitter);
}

/* In rows the columns of a generation are numbered, so their names are short, and
 * what never changes by itself is left out. */
static void emit_generations(struct emitter *emitter, const struct heapspy_gc *gc, bool in_row)
{
	emit_table(emitter, "generations", "");
	for (int i = 0; i < HEAPSPY_GENERATIONS; i++) {
		const struct heapspy_generation *generation = &gc->generations[i];
		emit_row(emitter);
		emit_id(emitter, "generation", in_row ? NULL : "generation", i);
		emit_signed(emitter, "threshold", in_row ? NULL : "threshold",
			    generation->threshold);
		emit_signed(emitter, "count", in_row ? "gen" : "count", generation->count);
		emit_count(emitter, "objects", in_row ? NULL : "objects", generation->objects);
		emit_signed(emitter, "collections", in_row ? "runs" : "collections",
			    generation->collections);
		emit_signed(emitter, "collected", in_row ? NULL : "collected",
			    generation->collected);
		emit_signed(emitter, "uncollectable", in_row ? NULL : "uncollectable",
			    generation->uncollectable);
		/* CPython records them from 3.15 on. */
		if (!isnan(generation->duration)) {
			emit_seconds(emitter, "duration", in_row ? NULL : "took",
				     generation->duration);
			emit_seconds(emitter, "last", in_row ? NULL : "last", generation->last);
			emit_seconds(emitter, "longest", in_row ? NULL : "longest",
				     generation->longest);
		}
		emit_end(emitter);
	}
	emit_end(emitter);
}

void emit_interpreters(struct emitter *emitter, const struct heapspy_interpreter *interpreters,
		       size_t count)
{
	emit_list(emitter, "interpreters", "");
	for (size_t i = 0; i < count; i++) {
		const struct heapspy_gc *gc = &interpreters[i].gc;
		emit_object(emitter, NULL, "gc");
		emit_id(emitter, "id", count > 1 ? "interpreter" : NULL, interpreters[i].id);
		emit_object(emitter, "gc", "");
		emit_text(emitter, "collector", "", heapspy_collector_name(gc->collector));
		emit_flag(emitter, "enabled", "", gc->enabled, "enabled", "disabled");
		emit_flag(emitter, "collecting", "", gc->collecting, "collecting", "idle");
		emit_signed(emitter, "debug", gc->debug ? "debug" : NULL, gc->debug);
		emit_count(emitter, "garbage", "garbage", gc->garbage);
		emit_count(emitter, "frozen", gc->frozen == HEAPSPY_UNKNOWN ? NULL : "frozen",
			   gc->frozen);
		emit_generations(emitter, gc, false);
		emit_end(emitter);
		emit_end(emitter);
	}
	emit_end(emitter);
}

void emit_interpreter_rows(struct emitter *emitter, double time,
			   const struct heapspy_interpreter *interpreters, size_t count)
{
	emit_table(emitter, "interpreters", "");
	for (size_t i = 0; i < count; i++) {
		const struct heapspy_gc *gc = &interpreters[i].gc;
		int64_t collected = 0, uncollectable = 0;
		for (int j = 0; j < HEAPSPY_GENERATIONS; j++) {
			collected += gc->generations[j].collected;
			uncollectable += gc->generations[j].uncollectable;
		}
		emit_row(emitter);
		emit_time(emitter, NULL, "time", time);
		emit_id(emitter, "id", count > 1 ? "interpreter" : NULL, interpreters[i].id);
		emit_object(emitter, "gc", "");
		emit_text(emitter, "collector", NULL, heapspy_collector_name(gc->collector));
		emit_flag(emitter, "enabled", "gc", gc->enabled, "on", "off");
		emit_flag(emitter, "collecting", "now", gc->collecting, "collecting", "idle");
		emit_signed(emitter, "debug", NULL, gc->debug);
		emit_generations(emitter, gc, true);
		emit_signed(emitter, NULL, "collected", collected);
		emit_signed(emitter, NULL, "uncollectable", uncollectable);
		emit_count(emitter, "garbage", "garbage", gc->garbage);
		emit_count(emitter, "frozen", NULL, gc->frozen);
		emit_end(emitter);
		emit_end(emitter);
	}
	emit_end(emitter);
}
