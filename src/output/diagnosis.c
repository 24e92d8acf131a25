/* SPDX-License-Identifier: MIT */
#include "output/diagnosis.h"

#include <heapspy/memory.h>

#include "base/clock.h"
#include "output/failure.h"
#include "output/parts.h"

static void emit_offset(struct emitter *emitter, const char *name, int32_t offset)
{
	emit_count(emitter, name, name, offset < 0 ? HEAPSPY_UNKNOWN : (uint64_t)offset);
}

static void emit_offsets(struct emitter *emitter, const struct heapspy_diagnosis *diagnosis)
{
	emit_table(emitter, "offsets", "");
	for (size_t i = 0; i < diagnosis->offset_count; i++) {
		const struct heapspy_offset *offset = &diagnosis->offsets[i];
		emit_row(emitter);
		emit_text(emitter, "structure", "structure", offset->structure);
		emit_text(emitter, "field", "field", offset->field);
		emit_offset(emitter, "used", offset->used);
		emit_text(emitter, "source", "source", offset->source);
		emit_offset(emitter, "table", offset->table);
		emit_offset(emitter, "dwarf", offset->dwarf);
		emit_count(emitter, "debug_offsets", "debug-offsets",
			   offset->debug_offsets < 0 ? HEAPSPY_UNKNOWN
						     : (uint64_t)offset->debug_offsets);
		emit_end(emitter);
	}
	emit_end(emitter);
}

void output_diagnosis(struct emitter *emitter, pid_t pid, const struct heapspy_diagnosis *diagnosis)
{
	emit_document_of(emitter, "heapspy.doctor/1", clock_now());
	if (pid)
		emit_id(emitter, "pid", NULL, pid);
	emit_table(emitter, "checks", "");
	for (size_t i = 0; i < diagnosis->check_count; i++) {
		const struct heapspy_check *check = &diagnosis->checks[i];
		emit_row(emitter);
		emit_text(emitter, "name", "check", check->name);
		emit_check(emitter, "passed", "result", check->passed);
		emit_text(emitter, "detail", "detail", check->detail);
		emit_end(emitter);
	}
	emit_end(emitter);
	if (diagnosis->offset_count)
		emit_offsets(emitter, diagnosis);
	if (diagnosis->error)
		emit_failure(emitter, "error", NULL, diagnosis->error);
	emit_end(emitter);
}
