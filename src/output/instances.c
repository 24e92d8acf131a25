/* SPDX-License-Identifier: MIT */
#include "output/instances.h"

#include "output/dump.h"
#include "output/parts.h"

static void emit_instance(struct emitter *emitter, const struct heapspy_instance *instance,
			  const struct instances_view *view)
{
	emit_row(emitter);
	emit_address(emitter, "address", "address", instance->address);
	emit_address(emitter, "type_address", view->addresses ? "type" : NULL, instance->type);
	emit_bytes(emitter, "bytes", "size", instance->bytes);
	if (instance->immortal)
		emit_text(emitter, NULL, "references", "immortal");
	else
		emit_count(emitter, NULL, "references", instance->references);
	emit_count(emitter, "references", NULL, instance->references);
	emit_flag(emitter, "immortal", NULL, instance->immortal, "", "");
	emit_text(emitter, "age", "age", heapspy_age_name(instance->age));
	emit_text(emitter, "preview", "preview", instance->preview);
	emit_end(emitter);
}

static void emit_instances(struct emitter *emitter, const char *key, const char *label,
			   const char *what, const struct heapspy_instance *items, size_t count,
			   const struct instances_view *view)
{
	emit_object(emitter, NULL, label);
	emit_count(emitter, NULL, "", count);
	emit_text(emitter, NULL, "", what);
	emit_end(emitter);
	emit_table(emitter, key, "");
	for (size_t i = 0; i < count; i++)
		emit_instance(emitter, &items[i], view);
	emit_end(emitter);
}

void output_instances(struct emitter *emitter, const struct heapspy_target_info *target,
		      const struct heapspy_python_info *python,
		      const struct heapspy_instances *instances, const struct instances_view *view)
{
	bool complete = instances->incomplete_count == 0;
	uint64_t objects = instances->objects;
	emit_document_of(emitter, "heapspy.instances/1", instances->capture.time);
	emit_flag(emitter, "complete", NULL, complete, "", "");
	emit_remarks(emitter, "incomplete", NULL, instances->incomplete,
		     instances->incomplete_count);
	emit_target(emitter, target, true);
	emit_python(emitter, python, true);
	emit_capture(emitter, &instances->capture);
	emit_object(emitter, "type", "type");
	emit_text(emitter, "name", "", instances->name ?: view->type);
	emit_count(emitter, "types", instances->types > 1 ? "types" : NULL, instances->types);
	emit_count(emitter, "objects", "objects", objects);
	emit_bytes(emitter, "bytes", "size", instances->bytes);
	emit_bytes(emitter, NULL, "mean", objects ? instances->bytes / objects : 0);
	emit_end(emitter);
	emit_instances(emitter, "largest", "largest", "the largest first", instances->largest,
		       instances->largest_count, view);
	emit_instances(emitter, "sample", "sample", "drawn by lot", instances->sample,
		       instances->sample_count, view);
	emit_end(emitter);
}
