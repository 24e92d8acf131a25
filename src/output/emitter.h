/* SPDX-License-Identifier: MIT */
/*
 * One emitter, several renderings: the same calls make the table for people,
 * the JSON and the CSV for programs.
 *
 * Every call names what it emits twice. `key` is its name in JSON and CSV; NULL
 * leaves it out there, and all that is in it (elements of lists need none).
 * `label` is its name in the table for people; NULL leaves it out there, and all
 * that is in it; "" shows the value, or goes on with the line, without a name.
 *
 * What is unknown (HEAPSPY_UNKNOWN, a NULL text) is absent in JSON, empty in CSV
 * and `-` in the table. Rows of one table make the same calls in the same order,
 * also for what is unknown.
 *
 *	emit_document(e);
 *	emit_object(e, "memory", "memory");
 *	emit_bytes(e, "rss", "rss", 124151808);      "rss": 124151808   rss 118.4M
 *	emit_end(e);
 *	emit_end(e);
 *
 * Errors stick: of the stream in the stream, of memory in the emitter.
 */
#ifndef OUTPUT_EMITTER_H
#define OUTPUT_EMITTER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <heapspy/error.h>

#include "base/cleanup.h"

struct emitter;
struct plot;

struct emitter_style {
	FILE *stream;    /* stays the caller's */
	bool ascii;      /* nothing but ASCII; what is not is escaped */
	unsigned width;  /* table: columns of the terminal, 0: not bounded */
	bool colour;     /* table */
	bool streaming;  /* table: one table goes on over all documents, its heading stays */
	bool compact;    /* JSON: a document is one line */
	const char *csv; /* CSV: key of the table that is printed */
};

/* NULL where there is no memory. */
struct emitter *text_emitter_new(const struct emitter_style *style);
struct emitter *json_emitter_new(const struct emitter_style *style);
struct emitter *csv_emitter_new(const struct emitter_style *style);
void emitter_free(struct emitter *emitter);
DEFINE_CLEANUP(struct emitter *, emitter_free)

/* NULL unless a rendering ran out of memory: then what it wrote is not whole. */
HEAPSPY_CHECK struct heapspy_error *emitter_error(const struct emitter *emitter);

/* Containers; each is closed by emit_end(). */
void emit_document(struct emitter *emitter);
void emit_object(struct emitter *emitter, const char *key, const char *label);
void emit_list(struct emitter *emitter, const char *key, const char *label);
void emit_table(struct emitter *emitter, const char *key, const char *label);
void emit_row(struct emitter *emitter); /* a table within a row becomes columns of it */
void emit_end(struct emitter *emitter);

/* Values. */
void emit_count(struct emitter *emitter, const char *key, const char *label, uint64_t count);
void emit_signed(struct emitter *emitter, const char *key, const char *label, int64_t number);
void emit_id(struct emitter *emitter, const char *key, const char *label, int64_t id);
void emit_bytes(struct emitter *emitter, const char *key, const char *label, uint64_t bytes);
void emit_address(struct emitter *emitter, const char *key, const char *label, uint64_t address);
void emit_seconds(struct emitter *emitter, const char *key, const char *label, double seconds);
void emit_ratio(struct emitter *emitter, const char *key, const char *label, double ratio);
void emit_time(struct emitter *emitter, const char *key, const char *label, double epoch);
void emit_text(struct emitter *emitter, const char *key, const char *label, const char *text);

/* How much more a number became, or less; unknown where one of the two is. */
void emit_change(struct emitter *emitter, const char *key, const char *label, uint64_t before,
		 uint64_t after);
void emit_bytes_change(struct emitter *emitter, const char *key, const char *label, uint64_t before,
		       uint64_t after);

/* A boolean; in the table one of two words, "" for none. */
void emit_flag(struct emitter *emitter, const char *key, const char *label, bool flag,
	       const char *yes, const char *no);

/* A boolean that says whether something is as it should be. */
void emit_check(struct emitter *emitter, const char *key, const char *label, bool passed);

/* An argument vector, NULL at the end. */
void emit_command(struct emitter *emitter, const char *key, const char *label,
		  const char *const *arguments);

/* A plot, which only the table for people has; elsewhere what it shows has a table. */
void emit_plot(struct emitter *emitter, const struct plot *plot);

/* Separate remarks. */
void emit_remarks(struct emitter *emitter, const char *key, const char *label,
		  const char *const *remarks, size_t count);

#endif
