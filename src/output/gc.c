/* SPDX-License-Identifier: MIT */
#include "output/gc.h"

#include "output/parts.h"

void output_gc(struct emitter *emitter, const struct heapspy_target_info *target,
	       const struct heapspy_python_info *python, const struct heapspy_gc_reading *reading,
	       const struct gc_view *view)
{
	bool headed = !view->series || view->first;
	emit_document_of(emitter, "heapspy.gc/1", reading->time);
	emit_target(emitter, target, headed);
	emit_python(emitter, python, headed);
	emit_object(emitter, "capture", view->series ? NULL : "capture");
	emit_time(emitter, NULL, "", reading->time);
	emit_text(emitter, "mode", "", heapspy_capture_mode_name(reading->mode));
	emit_seconds(emitter, "pause", NULL, 0);
	emit_seconds(emitter, "duration", "took", reading->duration);
	emit_end(emitter);
	if (view->series)
		emit_interpreter_rows(emitter, reading->time, reading->interpreters,
				      reading->interpreter_count);
	else
		emit_interpreters(emitter, reading->interpreters, reading->interpreter_count);
	emit_end(emitter);
}
