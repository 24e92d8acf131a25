/* SPDX-License-Identifier: MIT */
#include "output/recording/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "output/format.h"
#include "output/unicode.h"
#include "base/shell.h"

/* Colours of paper, ink, lines and series, in light and in dark. */
static const char style_of_all[] =
	"text{font-family:ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',"
	"sans-serif;font-size:12px;fill:#24292f}\n"
	".paper{fill:#ffffff}\n"
	".head{font-size:20px;font-weight:600}\n"
	".faint{fill:#6e7781}\n"
	".mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}\n"
	".grid{stroke:#d8dee4;stroke-width:1}\n"
	".axis{stroke:#8c959f;stroke-width:1}\n"
	".right{text-anchor:end}\n.middle{text-anchor:middle}\n"
	".s0{fill:#4269d0;stroke:#4269d0}\n.s1{fill:#efb118;stroke:#efb118}\n"
	".s2{fill:#3ca951;stroke:#3ca951}\n.s3{fill:#ff725c;stroke:#ff725c}\n"
	".s4{fill:#a463f2;stroke:#a463f2}\n.s5{fill:#6cc5b0;stroke:#6cc5b0}\n"
	".s6{fill:#ff8ab7;stroke:#ff8ab7}\n.s7{fill:#9498a0;stroke:#9498a0}\n"
	"@media (prefers-color-scheme:dark){\n"
	"text{fill:#e6edf3}\n.paper{fill:#0d1117}\n.faint{fill:#8d96a0}\n"
	".grid{stroke:#262c36}\n.axis{stroke:#6e7681}\n}\n";

void svg_text(struct svg *svg, const char *text, unsigned columns)
{
	CLEANUP(freep) char *safe = unicode_display(text, false);
	if (!safe) {
		svg->no_memory = true;
		return;
	}
	bool cut = columns && unicode_columns(safe) > columns;
	size_t length = cut ? unicode_fit(safe, columns - 1) : strlen(safe);
	for (size_t i = 0; i < length; i++) {
		if (safe[i] == '&')
			fputs("&amp;", svg->stream);
		else if (safe[i] == '<')
			fputs("&lt;", svg->stream);
		else if (safe[i] == '>')
			fputs("&gt;", svg->stream);
		else if (safe[i] == '"')
			fputs("&quot;", svg->stream);
		else
			putc(safe[i], svg->stream);
	}
	if (cut)
		fputs("…", svg->stream);
}

static void put_subtitle(struct svg *svg, const struct selection *selection)
{
	const struct heapspy_recording *recording = selection->report->recording;
	CLEANUP(freep) char *text = NULL;
	size_t size;
	char duration[FORMAT_SIZE], started[FORMAT_SIZE];
	FILE *stream = open_memstream(&text, &size);
	if (!stream) {
		svg->no_memory = true;
		return;
	}
	for (char **word = recording->target.command; *word; word++) {
		shell_word(stream, *word);
		fputs(word[1] ? " " : "", stream);
	}
	if (recording->target.pid)
		fprintf(stream, " · pid %d", (int)recording->target.pid);
	if (recording->python)
		fprintf(stream, " · python %s", recording->python);
	format_seconds(duration, recording->duration);
	if (isfinite(recording->started_at)) {
		format_time(started, recording->started_at, true);
		started[strlen(started) - strlen(".000")] = 0;
		fprintf(stream, " · %s", started);
	}
	fprintf(stream, " · %s%s", duration, recording->ended ? "" : ", cut off");
	if (selection->view.filter)
		fprintf(stream, " · only %s", selection->view.filter);
	fclose(stream);
	svg_text(svg, text, 165);
}

void svg_begin(struct svg *svg, const struct selection *selection, const char *title, double height,
	       const char *style)
{
	FILE *stream = svg->stream;
	fprintf(stream,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" "
		"viewBox=\"0 0 %d %.0f\" role=\"img\">\n<title>",
		SVG_WIDTH, height, SVG_WIDTH, height);
	svg_text(svg, title, 0);
	fprintf(stream,
		"</title>\n<style>\n%s%s</style>\n"
		"<rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>\n"
		"<text class=\"head\" x=\"%d\" y=\"36\">",
		style_of_all, style, SVG_MARGIN);
	svg_text(svg, title, 0);
	fprintf(stream, "</text>\n<text class=\"faint\" x=\"%d\" y=\"58\">", SVG_MARGIN);
	put_subtitle(svg, selection);
	fputs("</text>\n", stream);
}

void svg_end(struct svg *svg)
{
	fputs("</svg>\n", svg->stream);
}

double svg_step(double span, unsigned most, bool bytes)
{
	double least = span / most;
	if (!(least > 0))
		return 1;
	if (bytes)
		return fmax(exp2(ceil(log2(least))), 1);
	double power = pow(10, floor(log10(least)));
	static const double steps[] = {1, 2, 5};
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (steps[i] * power >= least)
			return fmax(steps[i] * power, 1);
	return fmax(10 * power, 1);
}

double svg_time_step(double span, unsigned most)
{
	static const double steps[] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,  0.2,  0.5,
				       1,     2,     5,     10,   15,   30,   60,   120,  300,
				       600,   900,   1800,  3600, 7200, 10800, 21600, 43200, 86400};
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (span / steps[i] <= most)
			return steps[i];
	return ceil(span / 86400 / most) * 86400;
}
