/* SPDX-License-Identifier: MIT */
#include "output/record.h"

#include <math.h>

#include "output/parts.h"

static void begin(struct emitter *emitter, const struct heapspy_record_entry *entry)
{
	emit_document(emitter);
	emit_text(emitter, "type", NULL, heapspy_record_kind_name(entry->kind));
	if (entry->kind != HEAPSPY_RECORD_RECORDING && entry->kind != HEAPSPY_RECORD_FRAME)
		emit_seconds(emitter, "time", NULL, entry->time);
	if (entry->pid)
		emit_id(emitter, "pid", NULL, entry->pid);
}

static void emit_sources(struct emitter *emitter, const struct heapspy_record_entry *entry)
{
	emit_list(emitter, "sources", NULL);
	for (unsigned i = 0; i < HEAPSPY_RECORD_SOURCE_COUNT; i++) {
		emit_object(emitter, NULL, NULL);
		emit_text(emitter, "source", NULL, heapspy_record_source_name(i));
		emit_flag(emitter, "available", NULL, entry->recording.sources[i].available, "", "");
		emit_text(emitter, "why", NULL, entry->recording.sources[i].why);
		emit_end(emitter);
	}
	emit_end(emitter);
}

static void emit_recording(struct emitter *emitter, const struct heapspy_record_entry *entry)
{
	emit_text(emitter, "schema", NULL, "heapspy.record/1");
	emit_text(emitter, "heapspy", NULL, HEAPSPY_VERSION);
	emit_time(emitter, "started_at", NULL, entry->recording.started_at);
	emit_target(emitter, entry->recording.target, false);
	emit_python(emitter, entry->recording.python, false);
	emit_object(emitter, "options", NULL);
	emit_seconds(emitter, "rate", NULL, entry->recording.rate);
	emit_seconds(emitter, "census", NULL, entry->recording.census);
	emit_flag(emitter, "native", NULL, entry->recording.native, "", "");
	emit_seconds(emitter, "duration", NULL,
		     entry->recording.duration > 0 ? entry->recording.duration : NAN);
	emit_end(emitter);
	emit_sources(emitter, entry);
}

static void emit_process(struct emitter *emitter, const struct heapspy_record_entry *entry)
{
	emit_id(emitter, "parent", NULL, entry->recording.parent);
	emit_target(emitter, entry->recording.target, false);
	emit_python(emitter, entry->recording.python, false);
	emit_sources(emitter, entry);
}

static void emit_frame(struct emitter *emitter, const struct heapspy_record_entry *entry)
{
	const struct heapspy_frame *frame = entry->frame.frame;
	emit_id(emitter, "id", NULL, entry->frame.id);
	emit_text(emitter, "function", NULL, frame->function);
	emit_text(emitter, "file", NULL, frame->file);
	if (frame->line != HEAPSPY_NO_LINE)
		emit_signed(emitter, "line", NULL, frame->line);
	if (frame->native) {
		emit_flag(emitter, "native", NULL, true, "", "");
		emit_text(emitter, "module", NULL, frame->module);
		if (frame->offset)
			emit_count(emitter, "offset", NULL, frame->offset);
	}
}

/* The one list of bare numbers, which no other rendering wants. */
static void write_stack(FILE *stream, const struct heapspy_record_entry *entry)
{
	fprintf(stream, "{\"type\":\"stack\",\"id\":%u,\"frames\":[", entry->stack.id);
	for (size_t i = 0; i < entry->stack.count; i++)
		fprintf(stream, "%s%u", i ? "," : "", entry->stack.frames[i]);
	fputs(entry->stack.cut ? "],\"cut\":true}\n" : "]}\n", stream);
}

static void emit_thread_of(struct emitter *emitter, pid_t tid, const char *thread)
{
	emit_id(emitter, "tid", NULL, tid);
	emit_text(emitter, "thread", NULL, thread);
}

static void emit_growth(struct emitter *emitter, const struct heapspy_record_entry *entry)
{
	emit_text(emitter, "counter", NULL, heapspy_record_counter_name(entry->growth.counter));
	emit_signed(emitter, "bytes", NULL, entry->growth.bytes);
	emit_thread_of(emitter, entry->growth.tid, entry->growth.thread);
	emit_id(emitter, "stack", NULL, entry->growth.stack);
	if (entry->growth.of != HEAPSPY_NO_STACK)
		emit_id(emitter, "of", NULL, entry->growth.of);
}

static void emit_sample(struct emitter *emitter, const struct heapspy_record_entry *entry)
{
	emit_thread_of(emitter, entry->sample.tid, entry->sample.thread);
	emit_id(emitter, "stack", NULL, entry->sample.stack);
	if (entry->sample.charged) {
		emit_signed(emitter, "rss", NULL, entry->sample.rss);
		emit_signed(emitter, "arenas", NULL, entry->sample.arenas);
		emit_signed(emitter, "young", NULL, entry->sample.young);
	}
	emit_flag(emitter, "gil", NULL, entry->sample.holds_gil, "", "");
}

static void emit_census(struct emitter *emitter, const struct heapspy_record_entry *entry)
{
	const struct heapspy_dump *dump = entry->census.dump;
	emit_count(emitter, "objects", NULL, dump->total.objects);
	emit_bytes(emitter, "bytes", NULL, dump->total.bytes);
	emit_list(emitter, "types", NULL);
	for (size_t i = 0; i < dump->type_count; i++) {
		const struct heapspy_type *type = &dump->types[i];
		if (type->objects == HEAPSPY_UNKNOWN || type->bytes == HEAPSPY_UNKNOWN)
			continue;
		emit_object(emitter, NULL, NULL);
		emit_text(emitter, "type", NULL, type->name);
		emit_count(emitter, "objects", NULL, type->objects);
		emit_bytes(emitter, "bytes", NULL, type->bytes);
		emit_end(emitter);
	}
	emit_end(emitter);
}

static void emit_timeline(struct emitter *emitter, const struct heapspy_record_entry *entry)
{
	emit_bytes(emitter, "rss", NULL, entry->timeline.rss);
	emit_bytes(emitter, "heap", NULL, entry->timeline.heap);
	emit_bytes(emitter, "live", NULL, entry->timeline.live);
	emit_count(emitter, "objects", NULL, entry->timeline.objects);
}

/* Of all interpreters together. */
static void write_collections(FILE *stream, const struct heapspy_record_entry *entry)
{
	if (entry->timeline.interpreter_count == 0)
		return;
	fputs(",\"collections\":[", stream);
	for (unsigned i = 0; i < HEAPSPY_GENERATIONS; i++) {
		int64_t collections = 0;
		for (size_t j = 0; j < entry->timeline.interpreter_count; j++)
			collections += entry->timeline.interpreters[j].gc.generations[i].collections;
		fprintf(stream, "%s%lld", i ? "," : "", (long long)(collections < 0 ? 0 : collections));
	}
	fputc(']', stream);
}

static void emit_ending(struct emitter *emitter, const struct heapspy_record_entry *entry)
{
	emit_text(emitter, "reason", NULL, heapspy_record_reason_name(entry->end.reason));
	emit_count(emitter, "lost", NULL, entry->end.lost);
	emit_text(emitter, "error", NULL, entry->end.error);
}

struct heapspy_error *output_record(struct emitter *emitter, struct output *output,
				    const struct heapspy_record_entry *entry)
{
	if (entry->kind == HEAPSPY_RECORD_STACK) {
		write_stack(output->stream, entry);
		return NULL;
	}
	begin(emitter, entry);
	switch (entry->kind) {
	case HEAPSPY_RECORD_RECORDING:
		emit_recording(emitter, entry);
		break;
	case HEAPSPY_RECORD_FRAME:
		emit_frame(emitter, entry);
		break;
	case HEAPSPY_RECORD_GROWTH:
		emit_growth(emitter, entry);
		break;
	case HEAPSPY_RECORD_SAMPLE:
		emit_sample(emitter, entry);
		break;
	case HEAPSPY_RECORD_CENSUS:
		emit_census(emitter, entry);
		break;
	case HEAPSPY_RECORD_TIMELINE:
		emit_timeline(emitter, entry);
		write_collections(output->stream, entry);
		break;
	case HEAPSPY_RECORD_EVENT:
		emit_text(emitter, "event", NULL, entry->event.event);
		emit_text(emitter, "command", NULL, entry->event.command);
		emit_text(emitter, "why", NULL, entry->event.why);
		break;
	case HEAPSPY_RECORD_PROCESS:
		emit_process(emitter, entry);
		break;
	case HEAPSPY_RECORD_PROCESS_END:
	case HEAPSPY_RECORD_END:
		emit_ending(emitter, entry);
		break;
	case HEAPSPY_RECORD_STACK:
		break;
	}
	emit_end(emitter);
	/* Frames and stacks are of use only with what follows them. */
	if (entry->kind == HEAPSPY_RECORD_FRAME)
		return NULL;
	struct heapspy_error *error = emitter_error(emitter);
	return error ? error : output_flush(output);
}
