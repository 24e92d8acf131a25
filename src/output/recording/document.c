/* SPDX-License-Identifier: MIT */
#include "output/recording/document.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <heapspy/memory.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "output/parts.h"
#include "output/plot.h"
#include "output/recording/source.h"

/* For people who did not say how much they want. */
enum {
	BRIEF_STACKS = 3,
	BRIEF_LINES = 10,
	BRIEF_CHURN = 5,
	BRIEF_TYPES = 10,
	BRIEF_INTERVALS = 12,
	NEWEST_FRAMES = 10, /* of a long stack */
	OLDEST_FRAMES = 4,
};

/* What it is made from. */
struct maker {
	struct emitter *emitter;
	const struct selection *selection;
	const struct heapspy_report *report;
	const struct heapspy_recording *recording;
	struct source_files *sources;
	bool brief;
};

static size_t shown(const struct maker *maker, size_t count, size_t brief)
{
	size_t most = maker->brief ? brief : maker->selection->view.limit;
	return most && most < count ? most : count;
}

static double share_of(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : NAN;
}

/* ---- what was recorded --------------------------------------------------------------- */

size_t recording_missing(const struct heapspy_recording *recording, char texts[MOST_MISSING][200])
{
	size_t count = 0;
	if (!recording->ended)
		snprintf(texts[count++], 200, "the recording was cut off, and is read as far as it goes");
	if (recording->error)
		snprintf(texts[count++], 200, "%s", recording->error);
	if (recording->lost)
		snprintf(texts[count++], 200,
			 "%" PRIu64 " growth events were lost by the kernel",
			 recording->lost);
	return count;
}

static void emit_recording(const struct maker *maker)
{
	struct emitter *emitter = maker->emitter;
	const struct heapspy_recording *recording = maker->recording;
	emit_object(emitter, "recording", "recording");
	emit_text(emitter, "path", "", recording->path);
	emit_time(emitter, "started_at", "", recording->started_at);
	emit_seconds(emitter, "duration", "", recording->duration);
	emit_text(emitter, "ended", "ended", recording->ended ?: "cut off");
	emit_text(emitter, "heapspy", NULL, recording->heapspy);
	emit_object(emitter, "options", NULL);
	if (isfinite(recording->rate))
		emit_count(emitter, "rate", NULL, (uint64_t)recording->rate);
	emit_seconds(emitter, "census", NULL, recording->census_interval);
	emit_seconds(emitter, "duration", NULL, recording->asked);
	emit_flag(emitter, "native", NULL, recording->native, "", "");
	emit_end(emitter);
	emit_end(emitter);
	emit_target(emitter, &recording->target, true);
	emit_object(emitter, "python", recording->python ? "python" : NULL);
	emit_text(emitter, "version", "", recording->python);
	emit_end(emitter);
}

/* Of several: each, and what grew in it. */
static void emit_processes(const struct maker *maker)
{
	struct emitter *emitter = maker->emitter;
	const struct heapspy_recording *recording = maker->recording;
	bool several = recording->process_count > 1 || recording->skipped_count;
	if (!several || recording->chosen)
		return;
	emit_object(emitter, NULL, "processes");
	emit_count(emitter, NULL, "", recording->process_count);
	emit_count(emitter, NULL, recording->skipped_count ? "skipped" : NULL,
		   recording->skipped_count);
	emit_end(emitter);
	emit_table(emitter, "processes", "");
	for (size_t i = 0; i < recording->process_count; i++) {
		const struct heapspy_recorded_process *process = &recording->processes[i];
		const struct heapspy_grown *grown = &maker->report->processes[i];
		emit_row(emitter);
		emit_id(emitter, "pid", "pid", process->pid);
		if (process->parent)
			emit_id(emitter, "parent", "parent", process->parent);
		else
			emit_text(emitter, NULL, "parent", NULL);
		emit_seconds(emitter, "begun", "begun", i ? process->begun : NAN);
		emit_seconds(emitter, "ended", "ended", process->ended);
		emit_text(emitter, "reason", NULL, process->reason);
		emit_bytes(emitter, "kept", "kept", grown->kept);
		emit_bytes(emitter, "peak", "peak", grown->peak);
		emit_bytes(emitter, "total", "total", grown->total);
		emit_count(emitter, "events", NULL, grown->events);
		emit_count(emitter, "lost", NULL, process->lost);
		emit_text(emitter, "python", "python", process->python);
		emit_text(emitter, "why", NULL, process->why);
		emit_command(emitter, "command", "command", process->command);
		emit_end(emitter);
	}
	emit_end(emitter);
	emit_table(emitter, "skipped", recording->skipped_count ? "" : NULL);
	for (size_t i = 0; i < recording->skipped_count; i++) {
		const struct heapspy_skipped_process *skipped = &recording->skipped[i];
		emit_row(emitter);
		emit_id(emitter, "pid", "pid", skipped->pid);
		emit_text(emitter, "command", "skipped", skipped->command);
		emit_text(emitter, "why", "why", skipped->why);
		emit_end(emitter);
	}
	emit_end(emitter);
}

static void emit_sources(const struct maker *maker)
{
	struct emitter *emitter = maker->emitter;
	const struct heapspy_recording *recording = maker->recording;
	const uint64_t counts[HEAPSPY_SOURCE_COUNT] = {
		[HEAPSPY_SOURCE_GROWTH] = recording->growth_count,
		[HEAPSPY_SOURCE_SAMPLES] = recording->sample_count,
		[HEAPSPY_SOURCE_CENSUS] = recording->census_count,
		[HEAPSPY_SOURCE_TIMELINE] = recording->timeline_count,
	};
	emit_table(emitter, "sources", NULL);
	for (int i = 0; i < HEAPSPY_SOURCE_COUNT; i++) {
		const struct heapspy_recorded_source *source = &recording->sources[i];
		emit_row(emitter);
		emit_text(emitter, "source", NULL, heapspy_source_name(i));
		emit_flag(emitter, "available", NULL, source->available || counts[i], "", "");
		emit_count(emitter, "events", NULL, counts[i]);
		emit_text(emitter, "why", NULL, source->why);
		emit_end(emitter);
	}
	emit_end(emitter);
	emit_object(emitter, NULL, "sources");
	for (int i = 0; i < HEAPSPY_SOURCE_COUNT; i++)
		emit_count(emitter, NULL, heapspy_source_name(i), counts[i]);
	emit_end(emitter);
	for (int i = 0; i < HEAPSPY_SOURCE_COUNT; i++) {
		const struct heapspy_recorded_source *source = &recording->sources[i];
		if (source->named && (!source->available || source->why)) {
			emit_object(emitter, NULL, source->available ? "note" : "missing");
			emit_text(emitter, NULL, heapspy_source_name(i),
				  source->why ?: "not available");
			emit_end(emitter);
		}
	}
}

/* ---- growth --------------------------------------------------------------------------- */

static void emit_grown(struct emitter *emitter, const struct heapspy_grown *grown)
{
	emit_bytes(emitter, "kept", "kept", grown->kept);
	emit_bytes(emitter, "peak", "peak", grown->peak);
	emit_bytes(emitter, "total", "total", grown->total);
	emit_count(emitter, "events", "events", grown->events);
}

static void emit_churned(struct emitter *emitter, const struct heapspy_churn *churn)
{
	emit_count(emitter, "objects_made", NULL, churn->objects);
	emit_bytes(emitter, "bytes_made", NULL, churn->bytes);
	emit_count(emitter, "samples", NULL, churn->samples);
}

static void emit_counters(const struct maker *maker)
{
	struct emitter *emitter = maker->emitter;
	bool any = false;
	emit_table(emitter, "counters", NULL);
	for (int i = 0; i < HEAPSPY_COUNTER_COUNT; i++) {
		const struct heapspy_grown *grown = &maker->report->counters[i];
		if (!grown->total || maker->report->basis != HEAPSPY_SOURCE_GROWTH)
			continue;
		any = true;
		emit_row(emitter);
		emit_text(emitter, "counter", NULL, heapspy_counter_name(i));
		emit_grown(emitter, grown);
		emit_end(emitter);
	}
	emit_end(emitter);
	emit_object(emitter, NULL, any ? "kept by" : NULL);
	for (int i = 0; i < HEAPSPY_COUNTER_COUNT && any; i++)
		if (maker->report->counters[i].total)
			emit_bytes(emitter, NULL, heapspy_counter_name(i),
				   maker->report->counters[i].kept);
	emit_end(emitter);
}

static void emit_threads(const struct maker *maker)
{
	struct emitter *emitter = maker->emitter;
	emit_table(emitter, "threads", NULL);
	for (size_t i = 0; i < maker->recording->thread_count; i++) {
		emit_row(emitter);
		emit_id(emitter, "tid", NULL, maker->recording->threads[i].tid);
		emit_text(emitter, "name", NULL, maker->recording->threads[i].name);
		emit_bytes(emitter, "total", NULL, maker->report->threads[i]);
		emit_end(emitter);
	}
	emit_end(emitter);
}

/* What the first and the last point of the timeline say of RSS: what stacks keep can be
 * held against it. */
static void emit_rss(const struct maker *maker)
{
	uint64_t first = HEAPSPY_UNKNOWN, last = HEAPSPY_UNKNOWN;
	for (size_t i = 0; i < maker->recording->timeline_count; i++) {
		uint64_t rss = maker->recording->timeline[i].rss;
		first = first == HEAPSPY_UNKNOWN ? rss : first;
		last = rss == HEAPSPY_UNKNOWN ? last : rss;
	}
	emit_bytes_change(maker->emitter, "rss_change", first == HEAPSPY_UNKNOWN ? NULL : "rss",
			  first, last);
}

static void emit_growth(const struct maker *maker)
{
	struct emitter *emitter = maker->emitter;
	const struct heapspy_report *report = maker->report;
	bool watched = report->basis == HEAPSPY_SOURCE_GROWTH;
	emit_object(emitter, "growth", "growth");
	emit_text(emitter, "basis", NULL, heapspy_source_name(report->basis));
	emit_bytes(emitter, "kept", "kept", report->grown.kept);
	emit_bytes(emitter, "peak", "peak", report->grown.peak);
	emit_seconds(emitter, "peak_time", "at", report->peak_time);
	emit_bytes(emitter, "total", "total", report->grown.total);
	emit_count(emitter, "events", "events", report->grown.events);
	emit_bytes(emitter, "freed_before", report->freed_before ? "freed of before" : NULL,
		   report->freed_before);
	emit_rss(maker);
	emit_text(emitter, NULL, watched ? NULL : "by", "RSS between samples");
	emit_counters(maker);
	emit_threads(maker);
	emit_end(emitter);
}

/* ---- timeline ---------------------------------------------------------------------------- */

static void emit_timeline(const struct maker *maker)
{
	struct emitter *emitter = maker->emitter;
	emit_table(emitter, "timeline", NULL);
	for (size_t i = 0; i < maker->recording->timeline_count; i++) {
		const struct heapspy_timeline_point *point = &maker->recording->timeline[i];
		emit_row(emitter);
		emit_seconds(emitter, "time", NULL, point->time);
		emit_bytes(emitter, "rss", NULL, point->rss);
		emit_bytes(emitter, "heap", NULL, point->heap);
		emit_bytes(emitter, "live", NULL, point->live);
		emit_count(emitter, "objects", NULL, point->objects);
		emit_table(emitter, "collections", NULL);
		for (int j = 0; j < HEAPSPY_MOST_COLLECTIONS; j++) {
			if (point->collections[j] == HEAPSPY_UNKNOWN)
				continue;
			emit_row(emitter);
			emit_id(emitter, "generation", NULL, j);
			emit_count(emitter, "collections", NULL, point->collections[j]);
			emit_end(emitter);
		}
		emit_end(emitter);
		emit_end(emitter);
	}
	emit_end(emitter);
}

static double number_of(uint64_t number)
{
	return number == HEAPSPY_UNKNOWN ? NAN : (double)number;
}

/* The plot: what the timeline says, and what the stacks keep. */
static bool emit_plot_of_all(const struct maker *maker)
{
	enum { RSS, HEAP, KEPT, LIVE, OBJECTS, COLLECTIONS, SERIES };
	const struct heapspy_recording *recording = maker->recording;
	const struct heapspy_report *report = maker->report;
	size_t points = recording->timeline_count, changes = report->change_count;
	CLEANUP(freep) double *times = calloc(points + changes + 1, sizeof(*times));
	CLEANUP(freep) double *values = calloc(points * SERIES + changes + 1, sizeof(*values));
	if (!times || !values)
		return false;
	for (size_t i = 0; i < points; i++) {
		const struct heapspy_timeline_point *point = &recording->timeline[i];
		times[i] = point->time;
		values[RSS * points + i] = number_of(point->rss);
		values[HEAP * points + i] = number_of(point->heap);
		values[LIVE * points + i] = number_of(point->live);
		values[OBJECTS * points + i] = number_of(point->objects);
		double runs = 0;
		for (int j = 0; j < HEAPSPY_MOST_COLLECTIONS; j++)
			if (point->collections[j] != HEAPSPY_UNKNOWN)
				runs += (double)point->collections[j];
		bool known = point->collections[0] != HEAPSPY_UNKNOWN;
		values[COLLECTIONS * points + i] = known ? runs : NAN;
	}
	double kept = 0;
	for (size_t i = 0; i < changes; i++) {
		times[points + i] = report->changes[i].time;
		kept += (double)report->changes[i].bytes;
		values[SERIES * points + i] = kept;
	}
	const struct plot_series series[SERIES] = {
		[RSS] = {"rss", times, values + RSS * points, points, true},
		[HEAP] = {"heap", times, values + HEAP * points, points, true},
		[KEPT] = {"kept", times + points, values + SERIES * points, changes, true},
		[LIVE] = {"live", times, values + LIVE * points, points, true},
		[OBJECTS] = {"objects", times, values + OBJECTS * points, points, false},
		[COLLECTIONS] = {"collections", times, values + COLLECTIONS * points, points, false},
	};
	/* Without a timeline what is kept is the first. */
	size_t first = points ? 0 : KEPT;
	const struct plot plot = {0, recording->duration, series + first, SERIES - first};
	if (points || changes)
		emit_plot(maker->emitter, &plot);
	return true;
}

/* ---- lines --------------------------------------------------------------------------------- */

static void emit_frame(struct emitter *emitter, const struct heapspy_frame *frame)
{
	emit_text(emitter, "function", NULL, frame->function);
	emit_text(emitter, "file", NULL, frame->file);
	if (frame->line != HEAPSPY_NO_LINE)
		emit_signed(emitter, "line", NULL, frame->line);
	if (frame->native) {
		emit_flag(emitter, "native", NULL, true, "", "");
		emit_text(emitter, "module", NULL, frame->module);
	}
}

static const char *shown_place(const struct maker *maker, const char *place)
{
	return maker->selection->view.whole_paths ? place : place_end(place);
}

/* Place and source of a frame, for people: last, as long as they like. */
static void emit_place(const struct maker *maker, const struct heapspy_frame *frame)
{
	struct emitter *emitter = maker->emitter;
	CLEANUP(freep) char *place = frame_place(frame);
	emit_text(emitter, NULL, "where", place ? shown_place(maker, place) : NULL);
	emit_text(emitter, NULL, "source", source_line(maker->sources, frame));
}

/* The same where there are numbers before them and little room: the function only where
 * there is no source, or more is wanted. */
static void emit_short_place(const struct maker *maker, const struct heapspy_frame *frame)
{
	struct emitter *emitter = maker->emitter;
	CLEANUP(freep) char *place = frame_place(frame);
	CLEANUP(freep) char *function = NULL;
	const char *source = source_line(maker->sources, frame);
	if (!source && asprintf(&function, "in %s", frame->function) < 0)
		function = NULL;
	if (maker->selection->view.whole_paths)
		emit_text(emitter, NULL, "function", frame->function);
	emit_text(emitter, NULL, "where", place ? shown_place(maker, place) : NULL);
	emit_text(emitter, NULL, "source", source ?: function);
}

static void emit_line(const struct maker *maker, const struct heapspy_report_line *line)
{
	struct emitter *emitter = maker->emitter;
	const struct heapspy_frame *frame = &maker->recording->frames[line->frame];
	emit_row(emitter);
	emit_bytes(emitter, "kept", NULL, line->own.kept);
	emit_bytes(emitter, "peak", NULL, line->own.peak);
	emit_bytes(emitter, "total", NULL, line->own.total);
	emit_count(emitter, "events", NULL, line->own.events);
	emit_bytes(emitter, "kept_with_calls", NULL, line->whole.kept);
	emit_bytes(emitter, "peak_with_calls", NULL, line->whole.peak);
	emit_bytes(emitter, "total_with_calls", NULL, line->whole.total);
	emit_churned(emitter, &line->churn);
	emit_frame(emitter, frame);
	emit_text(emitter, "source", NULL, source_line(maker->sources, frame));
	emit_end(emitter);
}

static void emit_lines(const struct maker *maker)
{
	struct emitter *emitter = maker->emitter;
	const struct selection *selection = maker->selection;
	size_t count = shown(maker, selection->line_count, BRIEF_LINES);
	emit_table(emitter, "lines", NULL);
	for (size_t i = 0; i < count; i++)
		emit_line(maker, selection->lines[i].line);
	emit_end(emitter);
	size_t grown = 0;
	for (size_t i = 0; i < selection->line_count; i++)
		grown += selection->lines[i].grown->total > 0;
	emit_object(emitter, NULL, grown ? "lines" : NULL);
	emit_count(emitter, NULL, "", grown);
	emit_text(emitter, NULL, "by", selection_weight_name(selection));
	emit_end(emitter);
	emit_table(emitter, NULL, "");
	for (size_t i = 0; i < count; i++) {
		const struct heapspy_report_line *line = selection->lines[i].line;
		/* For people, those that only called what grew are in the stacks. */
		if (!line->own.total)
			continue;
		emit_row(emitter);
		emit_bytes(emitter, NULL, "kept", line->own.kept);
		emit_ratio(emitter, NULL, "share",
			   share_of(line->own.kept, maker->report->grown.kept));
		emit_bytes(emitter, NULL, "peak", line->own.peak);
		emit_bytes(emitter, NULL, "total", line->own.total);
		emit_bytes(emitter, NULL, "with calls", line->whole.kept);
		emit_short_place(maker, &maker->recording->frames[line->frame]);
		emit_end(emitter);
	}
	emit_end(emitter);
}

/* ---- stacks --------------------------------------------------------------------------------- */

/* Of a long stack the newest frames and the oldest; with frames of C, those of Python. */
struct sight {
	size_t python;    /* frames */
	size_t at, before; /* frames of Python before one, which was asked for last */
	bool all, mixed;
};

static struct sight sight_of(const struct heapspy_frame *frames,
			     const struct heapspy_recorded_stack *stack)
{
	struct sight sight = {.all = stack->count <= NEWEST_FRAMES + OLDEST_FRAMES + 1};
	for (size_t i = 0; i < stack->count; i++)
		sight.python += !frames[stack->frames[i]].native;
	sight.mixed = sight.python > 0 && sight.python < stack->count;
	return sight;
}

static bool is_in_sight(struct sight *sight, const struct heapspy_frame *frames,
			const struct heapspy_recorded_stack *stack, size_t at)
{
	for (; sight->at < at; sight->at++)
		sight->before += !frames[stack->frames[sight->at]].native;
	if (sight->all || at < NEWEST_FRAMES)
		return true;
	if (!sight->mixed)
		return at >= stack->count - OLDEST_FRAMES;
	return !frames[stack->frames[at]].native &&
	       (sight->before < NEWEST_FRAMES || sight->before + OLDEST_FRAMES >= sight->python);
}

static void emit_frames(const struct maker *maker, const struct heapspy_recorded_stack *stack)
{
	struct emitter *emitter = maker->emitter;
	const struct heapspy_frame *frames = maker->recording->frames;
	emit_table(emitter, "frames", NULL);
	for (size_t i = 0; i < stack->count; i++) {
		emit_row(emitter);
		emit_frame(emitter, &frames[stack->frames[i]]);
		emit_end(emitter);
	}
	emit_end(emitter);
	struct sight sight = sight_of(frames, stack);
	emit_table(emitter, NULL, "");
	for (size_t i = 0; i < stack->count; i++) {
		char left_out[60];
		size_t next = i;
		while (next < stack->count && !is_in_sight(&sight, frames, stack, next))
			next++;
		emit_row(emitter);
		if (next > i) {
			snprintf(left_out, sizeof(left_out), "(%zu more)", next - i);
			emit_text(emitter, NULL, "function", left_out);
			emit_text(emitter, NULL, "where", "");
			emit_text(emitter, NULL, "source", NULL);
			i = next - 1;
		} else {
			emit_text(emitter, NULL, "function", frames[stack->frames[i]].function);
			emit_place(maker, &frames[stack->frames[i]]);
		}
		emit_end(emitter);
	}
	emit_end(emitter);
}

static void emit_stacks(const struct maker *maker)
{
	struct emitter *emitter = maker->emitter;
	const struct selection *selection = maker->selection;
	size_t count = shown(maker, selection->stack_count, BRIEF_STACKS);
	emit_list(emitter, "stacks", "");
	for (size_t i = 0; i < count; i++) {
		const struct heapspy_report_stack *stack = selection->stacks[i].stack;
		const struct heapspy_recorded_stack *frames =
			&maker->recording->stacks[stack->stack];
		bool is_shown = stack->grown.total > 0;
		emit_object(emitter, NULL, is_shown ? "stack" : NULL);
		emit_bytes(emitter, "kept", "kept", stack->grown.kept);
		emit_ratio(emitter, NULL, "",
			   share_of(stack->grown.kept, maker->report->grown.kept));
		emit_bytes(emitter, "peak", "peak", stack->grown.peak);
		emit_bytes(emitter, "total", "total", stack->grown.total);
		emit_count(emitter, "events", "events", stack->grown.events);
		emit_churned(emitter, &stack->churn);
		if (frames->count == 0)
			emit_text(emitter, NULL, "", "(no code was seen)");
		emit_flag(emitter, "cut", frames->cut ? "" : NULL, frames->cut,
			  "cut: older frames of C are missing", "");
		emit_frames(maker, frames);
		emit_end(emitter);
	}
	emit_end(emitter);
}

/* ---- churn ------------------------------------------------------------------------------------ */

static int compare_churn(const void *a, const void *b)
{
	const struct heapspy_report_line *left = ((const struct selected *)a)->line;
	const struct heapspy_report_line *right = ((const struct selected *)b)->line;
	const struct heapspy_churn *one = &left->churn, *other = &right->churn;
	return (one->objects < other->objects) - (one->objects > other->objects)
		       ?: (one->bytes < other->bytes) - (one->bytes > other->bytes)
		       ?: (one->samples < other->samples) - (one->samples > other->samples)
		       ?: (left > right) - (left < right);
}

/* What makes most, whether it stays or not; programs find it in the lines. */
static bool emit_churn(const struct maker *maker)
{
	struct emitter *emitter = maker->emitter;
	const struct heapspy_churn *all = &maker->report->churn;
	emit_object(emitter, "churn", all->samples || all->objects || all->bytes ? "churn" : NULL);
	emit_count(emitter, "objects_made", "objects made", all->objects);
	emit_bytes(emitter, "bytes_made", "bytes made", all->bytes);
	emit_count(emitter, "samples", "samples", all->samples);
	emit_end(emitter);
	size_t count = maker->selection->line_count;
	CLEANUP(freep) struct selected *lines = calloc(count + 1, sizeof(*lines));
	if (!lines)
		return false;
	memcpy(lines, maker->selection->lines, count * sizeof(*lines));
	qsort(lines, count, sizeof(*lines), compare_churn);
	emit_table(emitter, NULL, "");
	for (size_t i = 0; i < shown(maker, count, BRIEF_CHURN); i++) {
		const struct heapspy_churn *churn = &lines[i].line->churn;
		if (!churn->objects && !churn->bytes)
			break;
		emit_row(emitter);
		emit_count(emitter, NULL, "objects", churn->objects);
		emit_ratio(emitter, NULL, "share", share_of(churn->objects, all->objects));
		emit_bytes(emitter, NULL, "bytes", churn->bytes);
		emit_count(emitter, NULL, "samples", churn->samples);
		emit_bytes(emitter, NULL, "kept", lines[i].line->own.kept);
		emit_short_place(maker, &maker->recording->frames[lines[i].line->frame]);
		emit_end(emitter);
	}
	emit_end(emitter);
	return true;
}

/* ---- types ------------------------------------------------------------------------------------- */

static void emit_type(const struct maker *maker, const struct heapspy_report_type *type)
{
	struct emitter *emitter = maker->emitter;
	const struct heapspy_recording *recording = maker->recording;
	char while_grew[300] = "";
	emit_row(emitter);
	emit_text(emitter, "type", NULL, recording->types[type->type]);
	emit_bytes_change(emitter, "bytes_change", "change", type->bytes_before, type->bytes_after);
	emit_bytes(emitter, "bytes_before", NULL, type->bytes_before);
	emit_bytes(emitter, "bytes_after", "size", type->bytes_after);
	emit_change(emitter, "objects_change", "objects", type->objects_before,
		    type->objects_after);
	emit_count(emitter, "objects_before", NULL, type->objects_before);
	emit_count(emitter, "objects_after", NULL, type->objects_after);
	emit_table(emitter, "lines", NULL);
	for (size_t i = 0; i < type->line_count; i++) {
		const struct heapspy_frame *frame = &recording->frames[type->lines[i].frame];
		CLEANUP(freep) char *place = frame_place(frame);
		size_t length = strlen(while_grew);
		const char *base = place ? place_end(place) : NULL;
		emit_row(emitter);
		emit_ratio(emitter, "share", NULL, type->lines[i].share);
		emit_frame(emitter, frame);
		emit_end(emitter);
		if (i < 2)
			snprintf(while_grew + length, sizeof(while_grew) - length, "%s%.0f%% %s",
				 i ? ", " : "", type->lines[i].share * 100,
				 base ?: frame->function);
	}
	emit_end(emitter);
	emit_text(emitter, NULL, "type", recording->types[type->type]);
	emit_text(emitter, NULL, "grew with", *while_grew ? while_grew : NULL);
	emit_end(emitter);
}

static void emit_types(const struct maker *maker)
{
	struct emitter *emitter = maker->emitter;
	const struct heapspy_report *report = maker->report;
	size_t grown = 0;
	for (size_t i = 0; i < report->type_count; i++)
		grown += report->types[i].bytes_after > report->types[i].bytes_before;
	emit_object(emitter, NULL, report->type_count ? "types" : NULL);
	emit_count(emitter, NULL, "", report->type_count);
	emit_count(emitter, NULL, "grew", grown);
	emit_end(emitter);
	emit_table(emitter, "types", "");
	for (size_t i = 0; i < shown(maker, report->type_count, BRIEF_TYPES); i++) {
		const struct heapspy_report_type *type = &report->types[i];
		if (!maker->brief || type->bytes_after != type->bytes_before)
			emit_type(maker, type);
	}
	emit_end(emitter);
}

/* ---- between censuses --------------------------------------------------------------------------- */

/* Where its newest code of Python is. NULL where that is not known, or no memory. */
static char *line_of(const struct heapspy_recording *recording,
		     const struct heapspy_recorded_stack *stack)
{
	for (size_t i = 0; i < stack->count; i++)
		if (!recording->frames[stack->frames[i]].native)
			return frame_place(&recording->frames[stack->frames[i]]);
	return stack->count ? frame_place(&recording->frames[stack->frames[0]]) : NULL;
}

static void emit_interval(const struct maker *maker, const struct heapspy_report_interval *interval)
{
	struct emitter *emitter = maker->emitter;
	const struct heapspy_recording *recording = maker->recording;
	const char *type = interval->type_count ? recording->types[interval->types[0].type] : NULL;
	CLEANUP(freep) char *line = NULL;
	emit_seconds(emitter, "from", "from", interval->from);
	emit_seconds(emitter, "to", "to", interval->to);
	emit_bytes_change(emitter, "bytes_change", "live",
			  interval->bytes_before, interval->bytes_after);
	emit_change(emitter, "objects_change", "objects",
		    interval->objects_before, interval->objects_after);
	emit_bytes(emitter, "grown", "grown", interval->grown);
	emit_table(emitter, "types", NULL);
	for (size_t i = 0; i < interval->type_count; i++) {
		emit_row(emitter);
		emit_text(emitter, "type", NULL, recording->types[interval->types[i].type]);
		emit_signed(emitter, "bytes_change", NULL, interval->types[i].bytes);
		emit_signed(emitter, "objects_change", NULL, interval->types[i].objects);
		emit_end(emitter);
	}
	emit_end(emitter);
	emit_table(emitter, "stacks", NULL);
	for (size_t i = 0; i < interval->stack_count; i++) {
		const struct heapspy_recorded_stack *stack =
			&recording->stacks[interval->stacks[i].stack];
		emit_row(emitter);
		emit_bytes(emitter, "kept", NULL, interval->stacks[i].bytes);
		emit_table(emitter, "frames", NULL);
		for (size_t j = 0; j < stack->count; j++) {
			emit_row(emitter);
			emit_frame(emitter, &recording->frames[stack->frames[j]]);
			emit_end(emitter);
		}
		emit_end(emitter);
		emit_end(emitter);
	}
	emit_end(emitter);
	if (interval->stack_count)
		line = line_of(recording, &recording->stacks[interval->stacks[0].stack]);
	emit_text(emitter, NULL, "most", type);
	emit_text(emitter, NULL, "grew with", line ? shown_place(maker, line) : NULL);
}

static void emit_intervals(const struct maker *maker)
{
	struct emitter *emitter = maker->emitter;
	const struct heapspy_report *report = maker->report;
	/* For people, the last of many: the beginning is mostly the program's own. */
	size_t count = shown(maker, report->interval_count, BRIEF_INTERVALS);
	bool is_shown = report->interval_count > 1;
	emit_object(emitter, NULL, is_shown ? "censuses" : NULL);
	emit_count(emitter, NULL, "", maker->recording->census_count);
	emit_count(emitter, NULL, count < report->interval_count ? "the last" : NULL, count + 1);
	emit_end(emitter);
	emit_table(emitter, "intervals", is_shown ? "" : NULL);
	for (size_t i = report->interval_count - count; i < report->interval_count; i++) {
		emit_row(emitter);
		emit_interval(maker, &report->intervals[i]);
		emit_end(emitter);
	}
	emit_end(emitter);
}

/* ---- all ----------------------------------------------------------------------------------------- */

static void emit_omitted(const struct maker *maker)
{
	struct emitter *emitter = maker->emitter;
	const struct selection *selection = maker->selection;
	uint64_t kept = 0, total = 0;
	size_t stacks = shown(maker, selection->stack_count, BRIEF_STACKS);
	size_t lines = shown(maker, selection->line_count, BRIEF_LINES);
	for (size_t i = 0; i < stacks; i++) {
		kept += selection->stacks[i].grown->kept;
		total += selection->stacks[i].grown->total;
	}
	size_t left = maker->report->stack_count - stacks;
	emit_object(emitter, "omitted", left ? "not shown" : NULL);
	emit_count(emitter, "stacks", "stacks", left);
	emit_bytes(emitter, "kept", "kept", maker->report->grown.kept - kept);
	emit_bytes(emitter, "total", "total", maker->report->grown.total - total);
	emit_count(emitter, "lines", NULL, maker->report->line_count - lines);
	emit_end(emitter);
}

struct heapspy_error *output_report(struct emitter *emitter, const struct selection *selection,
				    struct source_files *sources, bool brief)
{
	const struct maker maker = {
		.emitter = emitter,
		.selection = selection,
		.report = selection->report,
		.recording = selection->report->recording,
		.sources = sources,
		.brief = brief,
	};
	char missing[MOST_MISSING][200];
	const char *reasons[MOST_MISSING];
	size_t count = recording_missing(maker.recording, missing);
	for (size_t i = 0; i < count; i++)
		reasons[i] = missing[i];
	emit_document_of(emitter, "heapspy.report/1", 0);
	emit_flag(emitter, "complete", NULL, count == 0, "", "");
	emit_remarks(emitter, "incomplete", NULL, reasons, count);
	emit_recording(&maker);
	emit_sources(&maker);
	emit_processes(&maker);
	if (count) {
		emit_object(emitter, NULL, "incomplete");
		emit_remarks(emitter, NULL, "", reasons, count);
		emit_end(emitter);
	}
	emit_growth(&maker);
	bool made = emit_plot_of_all(&maker);
	emit_timeline(&maker);
	emit_lines(&maker);
	emit_stacks(&maker);
	emit_omitted(&maker);
	made &= emit_churn(&maker);
	emit_types(&maker);
	emit_intervals(&maker);
	emit_end(emitter);
	return made ? emitter_error(emitter) : error_no_memory();
}
