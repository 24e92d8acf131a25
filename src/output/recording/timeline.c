/* SPDX-License-Identifier: MIT */
/*
 * What grew when, as a picture: sizes of the process, what the lines keep, objects
 * and collections, one below the other over the same time.
 */
#include "output/recording/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <heapspy/memory.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "output/format.h"

enum {
	LEFT = 86,   /* pixels to where the plots begin */
	RIGHT = 300, /* pixels that names take beside them */
	SPAN = SVG_WIDTH - LEFT - RIGHT,
	TALL = 230,
	LOW = 110,
	GAP = 52,
	FOOT = 52,
	HEAD_GAP = 34,
	COLUMNS = 400, /* of what is drawn */
	STRIPS = 100,  /* that say their numbers when the mouse is on them */
	TOP_LINES = 7, /* the last colour is for all others */
	MOST_MARKS = 200,
};

static const char style[] =
	".area{stroke:none;fill-opacity:.16}\n"
	".stack{stroke:none;fill-opacity:.85}\n"
	".line{fill:none;stroke-width:2;stroke-linejoin:round}\n"
	".mark{stroke-width:1;stroke-dasharray:2 4}\n"
	".strip{fill:#24292f;fill-opacity:0}\n.strip:hover{fill-opacity:.09}\n"
	".name{font-weight:600}\n"
	"@media (prefers-color-scheme:dark){\n.strip{fill:#f0f3f6}\n}\n";

/* A number in every column; NaN where it is not known. */
struct curve {
	const char *name;
	double values[COLUMNS];
	double last;
	bool known;
};

enum { RSS, HEAP, LIVE, OBJECTS, COLLECTIONS, CURVES };

struct picture {
	struct svg svg;
	const struct selection *selection;
	const struct heapspy_recording *recording;
	double duration;
	struct curve curves[CURVES];
	struct curve lines[TOP_LINES + 1]; /* the last: all others */
	char *names[TOP_LINES + 1];
	size_t line_count;
	double y; /* where the next plot begins */
};

static void picture_fini(struct picture *picture)
{
	for (size_t i = 0; i <= TOP_LINES; i++)
		free(picture->names[i]);
	free(picture);
}

DEFINE_CLEANUP(struct picture *, picture_fini)

static double x_of(const struct picture *picture, double time)
{
	return LEFT + SPAN * (picture->duration > 0 ? time / picture->duration : 0);
}

static double x_of_column(size_t column)
{
	return LEFT + SPAN * (double)(column + 1) / COLUMNS;
}

/* ---- curves ---------------------------------------------------------------------------- */

/* The last point of each column's time. */
static void set_point(const struct picture *picture, struct curve *curve, double time, double value)
{
	if (!isfinite(value))
		return;
	double share = picture->duration > 0 ? time / picture->duration : 1;
	size_t column = share <= 0 ? 0 : (size_t)(share * COLUMNS);
	curve->values[column < COLUMNS ? column : COLUMNS - 1] = value;
	curve->last = value;
	curve->known = true;
}

/* Between two points that are known the curve goes straight, or stays where it was. */
static void fill(struct curve *curve, bool straight)
{
	size_t before = COLUMNS;
	for (size_t i = 0; i < COLUMNS; i++) {
		if (!isfinite(curve->values[i]))
			continue;
		for (size_t j = before < COLUMNS ? before + 1 : i; j < i; j++) {
			double share = straight ? (double)(j - before) / (double)(i - before) : 0;
			curve->values[j] = curve->values[before] +
					   share * (curve->values[i] - curve->values[before]);
		}
		before = i;
	}
	for (size_t j = before + 1; j < COLUMNS; j++)
		curve->values[j] = curve->values[before];
}

static void clear(struct curve *curve, const char *name, double value)
{
	curve->name = name;
	for (size_t i = 0; i < COLUMNS; i++)
		curve->values[i] = value;
}

static double number_of(uint64_t number)
{
	return number == HEAPSPY_UNKNOWN ? NAN : (double)number;
}

static void make_curves(struct picture *picture)
{
	static const char *const names[CURVES] = {"rss", "heap", "live objects", "objects",
						  "collections"};
	const struct heapspy_recording *recording = picture->recording;
	struct curve *curves = picture->curves;
	for (int i = 0; i < CURVES; i++)
		clear(&curves[i], names[i], NAN);
	for (size_t i = 0; i < recording->timeline_count; i++) {
		const struct heapspy_timeline_point *point = &recording->timeline[i];
		set_point(picture, &curves[RSS], point->time, number_of(point->rss));
		set_point(picture, &curves[HEAP], point->time, number_of(point->heap));
		set_point(picture, &curves[LIVE], point->time, number_of(point->live));
		set_point(picture, &curves[OBJECTS], point->time, number_of(point->objects));
		double runs = 0;
		for (int j = 0; j < HEAPSPY_MOST_COLLECTIONS; j++)
			if (point->collections[j] != HEAPSPY_UNKNOWN)
				runs += (double)point->collections[j];
		if (point->collections[0] != HEAPSPY_UNKNOWN)
			set_point(picture, &curves[COLLECTIONS], point->time, runs);
	}
	/* Censuses say it where the timeline does not. */
	bool said = curves[LIVE].known;
	for (size_t i = 0; i < recording->census_count && !said; i++) {
		const struct heapspy_recorded_census *census = &recording->censuses[i];
		set_point(picture, &curves[LIVE], census->time, (double)census->bytes);
		set_point(picture, &curves[OBJECTS], census->time, (double)census->objects);
	}
	for (int i = 0; i < CURVES; i++)
		fill(&curves[i], true);
}

/* What the lines that keep most keep, at each time. False: no memory. */
static bool make_lines(struct picture *picture)
{
	const struct heapspy_report *report = picture->selection->report;
	const struct selection *selection = picture->selection;
	CLEANUP(freep) uint8_t *which = calloc(picture->recording->frame_count + 1, 1);
	CLEANUP(freep) uint32_t *line_of =
		malloc((picture->recording->stack_count + 1) * sizeof(*line_of));
	if (!which || !line_of)
		return false;
	memset(which, TOP_LINES, picture->recording->frame_count + 1);
	memset(line_of, 0xff, (picture->recording->stack_count + 1) * sizeof(*line_of));
	for (size_t i = 0; i < selection->line_count && picture->line_count < TOP_LINES; i++) {
		const struct heapspy_report_line *line = selection->lines[i].line;
		const struct heapspy_frame *frame = &picture->recording->frames[line->frame];
		if (line->own.total == 0)
			continue;
		CLEANUP(freep) char *place = frame_place(frame);
		const char *slash = place ? strrchr(place, '/') : NULL;
		if (asprintf(&picture->names[picture->line_count], "%s  %s", frame->function,
			     slash ? slash + 1 : place ?: "") < 0)
			return false;
		which[line->frame] = (uint8_t)picture->line_count++;
	}
	for (size_t i = 0; i <= TOP_LINES; i++)
		clear(&picture->lines[i], picture->names[i] ?: "all others", NAN);
	for (size_t i = 0; i < selection->stack_count; i++)
		line_of[selection->stacks[i].stack->stack] = selection->stacks[i].stack->line;
	double kept[TOP_LINES + 1] = {0};
	for (size_t i = 0; i < report->change_count; i++) {
		const struct heapspy_report_change *change = &report->changes[i];
		uint32_t frame = line_of[change->stack];
		int at = frame == HEAPSPY_NO_STACK ? TOP_LINES : which[frame];
		kept[at] += (double)change->bytes;
		set_point(picture, &picture->lines[at], change->time, kept[at]);
	}
	for (size_t i = 0; i <= TOP_LINES; i++) {
		if (!isfinite(picture->lines[i].values[0]))
			picture->lines[i].values[0] = 0;
		fill(&picture->lines[i], false);
	}
	return true;
}

/* ---- drawing ------------------------------------------------------------------------------ */

static void format_value(char text[FORMAT_SIZE], double value, bool bytes)
{
	uint64_t number = value < 0 ? 0 : value < 1e18 ? (uint64_t)value : (uint64_t)1e18;
	if (bytes)
		format_bytes(text, number);
	else
		format_count(text, number);
}

/* Without digits that all marks have in common. */
static void format_tick(char text[FORMAT_SIZE], double time, double step)
{
	if (step >= 1 && time < 60)
		snprintf(text, FORMAT_SIZE, "%.0f s", time);
	else if (step >= 60 && time < 3600)
		snprintf(text, FORMAT_SIZE, "%.0f min", time / 60);
	else
		format_seconds(text, time);
}

/* A scale: numbers from `from` to `to` stand from the bottom of a plot to its top. */
struct scale {
	double from, to, top, height;
	bool bytes;
};

static double y_of(const struct scale *scale, double value)
{
	double share = scale->to > scale->from ? (value - scale->from) / (scale->to - scale->from) : 0;
	return scale->top + scale->height * (1 - share);
}

/* The grid of a plot, its title, and the time under it. */
static void draw_grid(struct picture *picture, const char *title, const struct scale *scale)
{
	FILE *stream = picture->svg.stream;
	char text[FORMAT_SIZE];
	double bottom = scale->top + scale->height;
	double step = svg_step(scale->to - scale->from, scale->height > 150 ? 6 : 3, scale->bytes);
	fprintf(stream, "<text class=\"name\" x=\"%d\" y=\"%.1f\">%s</text>\n", LEFT,
		scale->top - 12, title);
	for (double value = ceil(scale->from / step) * step; value <= scale->to * (1 + 1e-9);
	     value += step) {
		format_value(text, value, scale->bytes);
		double y = y_of(scale, value);
		fprintf(stream,
			"<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
			"<text class=\"faint right\" x=\"%d\" y=\"%.1f\">%s</text>\n",
			LEFT, LEFT + SPAN, y, y, LEFT - 10, y + 4, text);
	}
	double tick = svg_time_step(picture->duration, 12);
	for (double time = 0; time <= picture->duration * (1 + 1e-9); time += tick) {
		double x = x_of(picture, time);
		format_tick(text, time, tick);
		fprintf(stream,
			"<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
			"<text class=\"faint middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
			x, x, bottom, bottom + 4, x, bottom + 18, text);
	}
	fprintf(stream, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n", LEFT,
		LEFT + SPAN, bottom, bottom);
	const struct heapspy_recording *recording = picture->recording;
	size_t every = recording->census_count / MOST_MARKS + 1;
	for (size_t i = 0; i < recording->census_count; i += every) {
		double x = x_of(picture, recording->censuses[i].time);
		fprintf(stream,
			"<line class=\"axis mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
			x, x, scale->top, bottom);
	}
}

static void draw_curve(struct picture *picture, const struct scale *scale, const double *values,
		       const double *below, const char *class)
{
	FILE *stream = picture->svg.stream;
	char command = 'M';
	size_t first = 0;
	while (first < COLUMNS && !isfinite(values[first]))
		first++;
	if (first == COLUMNS)
		return;
	fprintf(stream, "<path class=\"%s\" d=\"", class);
	for (size_t i = first; i < COLUMNS; i++) {
		fprintf(stream, "%c%.1f %.1f", command, x_of_column(i), y_of(scale, values[i]));
		command = 'L';
	}
	for (size_t i = COLUMNS; below && i-- > first;)
		fprintf(stream, "L%.1f %.1f", x_of_column(i), y_of(scale, below[i]));
	fprintf(stream, "%s\"/>\n", below ? "Z" : "");
}

/* What a colour means, and the number at the end. */
static void draw_name(struct picture *picture, double y, int series, const char *name,
		      double value, bool bytes)
{
	FILE *stream = picture->svg.stream;
	char text[FORMAT_SIZE];
	format_value(text, value, bytes);
	fprintf(stream,
		"<rect class=\"s%d\" x=\"%d\" y=\"%.1f\" width=\"10\" height=\"10\" rx=\"2\"/>"
		"<text class=\"right\" x=\"%d\" y=\"%.1f\">%s</text><text class=\"%s\" x=\"%d\" "
		"y=\"%.1f\">",
		series, LEFT + SPAN + 18, y - 9, LEFT + SPAN + 92, y, text, "faint",
		LEFT + SPAN + 102, y);
	svg_text(&picture->svg, name, 26);
	fputs("</text>\n", stream);
}

static double most_of(const struct curve *curve)
{
	double most = 0;
	for (size_t i = 0; i < COLUMNS; i++)
		most = isfinite(curve->values[i]) ? fmax(most, curve->values[i]) : most;
	return most;
}

static double least_of(const struct curve *curve)
{
	double least = INFINITY;
	for (size_t i = 0; i < COLUMNS; i++)
		least = isfinite(curve->values[i]) ? fmin(least, curve->values[i]) : least;
	return least;
}

/* As in the plot for people: from zero on, unless nothing could be seen then. */
static struct scale scale_for(struct picture *picture, double least, double most, double height,
			      bool bytes)
{
	struct scale scale = {.top = picture->y, .height = height, .bytes = bytes};
	double from = least < most * 0.6 ? 0 : fmax(0, least - (most - least) * 0.25);
	double to = most > from ? most + (most - from) * 0.05 : from + 1;
	double step = svg_step(to - from, height > 150 ? 6 : 3, bytes);
	scale.from = from > 0 ? floor(from / step) * step : 0;
	scale.to = to;
	return scale;
}

static void draw_sizes(struct picture *picture)
{
	double least = INFINITY, most = 0;
	for (int i = RSS; i <= LIVE; i++) {
		least = fmin(least, least_of(&picture->curves[i]));
		most = fmax(most, most_of(&picture->curves[i]));
	}
	if (most <= 0)
		return;
	struct scale scale = scale_for(picture, least, most, TALL, true);
	double floor_values[COLUMNS];
	for (size_t i = 0; i < COLUMNS; i++)
		floor_values[i] = scale.from;
	draw_grid(picture, "memory of the process", &scale);
	double y = picture->y + 14;
	for (int i = RSS; i <= LIVE; i++) {
		const struct curve *curve = &picture->curves[i];
		char class[24];
		if (!curve->known)
			continue;
		snprintf(class, sizeof(class), "s%d area", i);
		if (i == RSS)
			draw_curve(picture, &scale, curve->values, floor_values, class);
		snprintf(class, sizeof(class), "s%d line", i);
		draw_curve(picture, &scale, curve->values, NULL, class);
		draw_name(picture, y, i, curve->name, curve->last, true);
		y += 20;
	}
	picture->y += TALL + GAP;
}

static void draw_lines(struct picture *picture)
{
	double below[COLUMNS] = {0}, above[COLUMNS], most = 0;
	for (size_t i = 0; i <= TOP_LINES; i++)
		for (size_t j = 0; j < COLUMNS; j++) {
			below[j] += picture->lines[i].values[j];
			most = fmax(most, below[j]);
		}
	if (most <= 0)
		return;
	struct scale scale = scale_for(picture, 0, most, TALL, true);
	draw_grid(picture, "kept by line", &scale);
	memset(below, 0, sizeof(below));
	double y = picture->y + 14;
	for (size_t i = 0; i <= TOP_LINES; i++) {
		const struct curve *curve = &picture->lines[i];
		char class[24];
		if (!curve->known)
			continue;
		int series = i == TOP_LINES ? SVG_SERIES - 1 : (int)i;
		for (size_t j = 0; j < COLUMNS; j++)
			above[j] = below[j] + curve->values[j];
		snprintf(class, sizeof(class), "s%d stack", series);
		draw_curve(picture, &scale, above, below, class);
		draw_name(picture, y, series, curve->name, curve->last, true);
		memcpy(below, above, sizeof(below));
		y += 20;
	}
	picture->y += TALL + GAP;
}

static void draw_count(struct picture *picture, int which, const char *title, int series)
{
	const struct curve *curve = &picture->curves[which];
	char class[24];
	if (!curve->known)
		return;
	struct scale scale = scale_for(picture, least_of(curve), most_of(curve), LOW, false);
	draw_grid(picture, title, &scale);
	snprintf(class, sizeof(class), "s%d line", series);
	draw_curve(picture, &scale, curve->values, NULL, class);
	draw_name(picture, picture->y + 14, series, curve->name, curve->last, false);
	picture->y += LOW + GAP;
}

/* Numbers of a moment, for the mouse. */
static void draw_strips(struct picture *picture, double top, double bottom)
{
	FILE *stream = picture->svg.stream;
	double width = (double)SPAN / STRIPS;
	for (int i = 0; i < STRIPS; i++) {
		size_t column = (size_t)(i + 1) * COLUMNS / STRIPS - 1;
		char text[FORMAT_SIZE];
		format_seconds(text, picture->duration * (i + 1) / STRIPS);
		fprintf(stream,
			"<rect class=\"strip\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\">"
			"<title>%s",
			LEFT + i * width, top, width, bottom - top, text);
		for (int j = 0; j < CURVES; j++) {
			const struct curve *curve = &picture->curves[j];
			if (!curve->known || !isfinite(curve->values[column]))
				continue;
			format_value(text, curve->values[column], j <= LIVE);
			fprintf(stream, "\n%s %s", text, curve->name);
		}
		for (size_t j = 0; j <= TOP_LINES; j++) {
			const struct curve *curve = &picture->lines[j];
			if (!curve->known || curve->values[column] <= 0)
				continue;
			format_value(text, curve->values[column], true);
			fprintf(stream, "\n%s kept: ", text);
			svg_text(&picture->svg, curve->name, 60);
		}
		fputs("</title></rect>\n", stream);
	}
}

static double height_of(const struct picture *picture)
{
	const struct curve *curves = picture->curves;
	bool sizes = curves[RSS].known || curves[HEAP].known || curves[LIVE].known;
	bool lines = picture->selection->report->grown.total > 0;
	return SVG_HEAD + HEAD_GAP + (sizes ? TALL + GAP : 0) + (lines ? TALL + GAP : 0) +
	       (curves[OBJECTS].known ? LOW + GAP : 0) +
	       (curves[COLLECTIONS].known ? LOW + GAP : 0) + FOOT / 2;
}

struct heapspy_error *write_timeline(FILE *stream, const struct selection *selection)
{
	CLEANUP(picture_finip) struct picture *picture = calloc(1, sizeof(*picture));
	if (!picture)
		return error_no_memory();
	picture->svg.stream = stream;
	picture->selection = selection;
	picture->recording = selection->report->recording;
	picture->duration = picture->recording->duration;
	make_curves(picture);
	if (!make_lines(picture))
		return error_no_memory();
	char kept[FORMAT_SIZE], title[100];
	format_bytes(kept, selection->grown.kept);
	snprintf(title, sizeof(title), "Memory over time: %s kept", kept);
	svg_begin(&picture->svg, selection, title, height_of(picture), style);
	picture->y = SVG_HEAD + HEAD_GAP;
	double top = picture->y;
	draw_sizes(picture);
	draw_lines(picture);
	draw_count(picture, OBJECTS, "objects", 2);
	draw_count(picture, COLLECTIONS, "collections", 7);
	if (picture->y > top) {
		draw_strips(picture, top, picture->y - GAP);
		if (picture->recording->census_count)
			fprintf(stream,
				"<text class=\"faint right\" x=\"%d\" y=\"%.1f\">dotted: a census of the "
				"objects</text>\n",
				SVG_WIDTH - SVG_MARGIN, picture->y + 4);
	} else {
		fprintf(stream, "<text x=\"%d\" y=\"%d\">Nothing was recorded over time.</text>\n",
			SVG_MARGIN, SVG_HEAD + 14);
	}
	svg_end(&picture->svg);
	return picture->svg.no_memory ? error_no_memory() : NULL;
}
