/* SPDX-License-Identifier: MIT */
#include "plain.h"

#include <math.h>

#include "text.h"

enum { TYPES = 10 };

static void print_reading(struct app *app, FILE *stream)
{
	const struct heapspy_sample *sample = app->model.sample;
	char clock[TEXT_SIZE], a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE];
	fprintf(stream, "%s reading: rss %s, heap %s, live %s, threads %u",
		text_clock(clock, sample->time), text_bytes(a, sample->rss),
		text_bytes(b, model_heap(sample)), text_bytes(c, model_live(sample)),
		sample->threads);
	double rate = model_rss_rate(&app->model);
	if (!isnan(rate))
		fprintf(stream, ", rss %s/min", text_bytes_change(a, rate));
	for (unsigned i = 0; i < HEAPSPY_GENERATIONS && sample->interpreter_count; i++) {
		const struct heapspy_generation *generation =
		    &sample->interpreters[0].gc.generations[i];
		fprintf(stream, ", g%u %lld of %lld in %lld runs", i, (long long)generation->count,
			(long long)generation->threshold, (long long)generation->collections);
	}
	fputc('\n', stream);
}

/* The text as it may be written: all but ASCII is '?' where nothing else is wanted. */
static void put(const struct app *app, const char *text, FILE *stream)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x80 || !app->grid.ascii)
			putc(*text, stream);
		else if ((*text & 0xc0) != 0x80)
			putc('?', stream);
}

static void print_census(struct app *app, FILE *stream)
{
	const struct heapspy_sample *sample = app->model.sample;
	const struct heapspy_dump *dump = sample->census->dump;
	char clock[TEXT_SIZE], a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE], d[TEXT_SIZE];
	text_clock(clock, dump->capture.time);
	fprintf(stream, "%s heap walk: objects %s, size %s, took %s, read ok %.1f%%\n", clock,
		text_count(a, dump->total.objects), text_bytes(b, dump->total.bytes),
		text_seconds(c, dump->capture.duration), floor(dump->capture.coverage * 1000) / 10);
	for (size_t i = 0; i < app->row_count && i < TYPES; i++) {
		const struct growth *growth = &app->rows[i];
		fprintf(stream, "%s type: ", clock);
		put(app, growth->type->name, stream);
		fprintf(stream, ", count %s, %s/min, size %s, %s/min%s\n",
			text_count(a, growth->type->objects),
			text_change(b, growth->minute_objects), text_bytes(c, growth->type->bytes),
			text_bytes_change(d, growth->minute_bytes),
			growth_is_suspect(growth) ? ", grew in each of the last heap walks" : "");
	}
}

/* Of those that the model still remembers. */
static void print_events(struct plain *plain, struct app *app, FILE *stream)
{
	const struct model *model = &app->model;
	char clock[TEXT_SIZE];
	size_t all = model->event_total;
	size_t missing =
	    all - plain->events < model->event_count ? all - plain->events : model->event_count;
	for (size_t back = missing; back-- > 0;) {
		const struct event *event = model_event(model, back);
		fprintf(stream, "%s %s: ", text_clock(clock, event->time),
			event->bad ? "warning" : "event");
		put(app, event->text, stream);
		fputc('\n', stream);
	}
	plain->events = all;
}

void plain_print(struct plain *plain, struct app *app, FILE *stream)
{
	const struct heapspy_sample *sample = app->model.sample;
	if (!sample)
		return;
	bool reads = sample->state == HEAPSPY_SAMPLE_LIVE && !sample->trouble;
	if (reads && sample->number != plain->reading) {
		plain->reading = sample->number;
		plain->done++;
		print_reading(app, stream);
	}
	if (sample->census && sample->census->number != plain->census) {
		plain->census = sample->census->number;
		print_census(app, stream);
	}
	print_events(plain, app, stream);
	fflush(stream);
}
