/* SPDX-License-Identifier: MIT */
#include "output/rendering.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include <heapspy/memory.h>

#include "base/error.h"

void *emitter_new(size_t size, const struct emitter_ops *ops, const struct emitter_style *style)
{
	struct emitter *emitter = calloc(1, size);
	if (emitter) {
		emitter->ops = ops;
		emitter->style = *style;
	}
	return emitter;
}

void emitter_free(struct emitter *emitter)
{
	if (!emitter)
		return;
	if (emitter->ops->fini)
		emitter->ops->fini(emitter);
	free(emitter);
}

struct heapspy_error *emitter_error(const struct emitter *emitter)
{
	return emitter->no_memory ? error_no_memory() : NULL;
}

bool emitter_in_row(const struct emitter *emitter)
{
	return emitter->depth >= 2 && emitter->open[emitter->depth - 1] == CONTAINER_OBJECT &&
	       emitter->open[emitter->depth - 2] == CONTAINER_TABLE;
}

static void open_container(struct emitter *emitter, enum container container, const char *key,
			   const char *label)
{
	assert(emitter->depth < EMITTER_DEPTH);
	emitter->ops->open(emitter, container, key, label);
	emitter->open[emitter->depth++] = container;
}

void emit_document(struct emitter *emitter)
{
	open_container(emitter, CONTAINER_DOCUMENT, NULL, "");
}

void emit_object(struct emitter *emitter, const char *key, const char *label)
{
	open_container(emitter, CONTAINER_OBJECT, key, label);
}

void emit_list(struct emitter *emitter, const char *key, const char *label)
{
	open_container(emitter, CONTAINER_LIST, key, label);
}

void emit_table(struct emitter *emitter, const char *key, const char *label)
{
	open_container(emitter, CONTAINER_TABLE, key, label);
}

void emit_row(struct emitter *emitter)
{
	open_container(emitter, CONTAINER_OBJECT, NULL, "");
}

void emit_end(struct emitter *emitter)
{
	assert(emitter->depth > 0);
	enum container container = emitter->open[--emitter->depth];
	emitter->ops->close(emitter, container);
}

static void emit_natural(struct emitter *emitter, enum value_kind kind, const char *key,
			 const char *label, uint64_t natural)
{
	emitter->ops->value(emitter, key, label,
			    &(struct value){
				    .kind = kind,
				    .known = natural != HEAPSPY_UNKNOWN,
				    .natural = natural,
			    });
}

static void emit_real(struct emitter *emitter, enum value_kind kind, const char *key,
		      const char *label, double real)
{
	emitter->ops->value(emitter, key, label,
			    &(struct value){.kind = kind, .known = isfinite(real), .real = real});
}

void emit_count(struct emitter *emitter, const char *key, const char *label, uint64_t count)
{
	emit_natural(emitter, VALUE_COUNT, key, label, count);
}

void emit_signed(struct emitter *emitter, const char *key, const char *label, int64_t number)
{
	emitter->ops->value(
		emitter, key, label,
		&(struct value){.kind = VALUE_SIGNED, .known = true, .integer = number});
}

void emit_id(struct emitter *emitter, const char *key, const char *label, int64_t id)
{
	emitter->ops->value(emitter, key, label,
			    &(struct value){.kind = VALUE_ID, .known = true, .integer = id});
}

void emit_bytes(struct emitter *emitter, const char *key, const char *label, uint64_t bytes)
{
	emit_natural(emitter, VALUE_BYTES, key, label, bytes);
}

void emit_address(struct emitter *emitter, const char *key, const char *label, uint64_t address)
{
	emit_natural(emitter, VALUE_ADDRESS, key, label, address);
}

void emit_seconds(struct emitter *emitter, const char *key, const char *label, double seconds)
{
	emit_real(emitter, VALUE_SECONDS, key, label, seconds);
}

void emit_ratio(struct emitter *emitter, const char *key, const char *label, double ratio)
{
	emit_real(emitter, VALUE_RATIO, key, label, ratio);
}

void emit_time(struct emitter *emitter, const char *key, const char *label, double epoch)
{
	emit_real(emitter, VALUE_TIME, key, label, epoch);
}

void emit_text(struct emitter *emitter, const char *key, const char *label, const char *text)
{
	emitter->ops->value(
		emitter, key, label,
		&(struct value){.kind = VALUE_TEXT, .known = text != NULL, .text = text});
}

static void emit_difference(struct emitter *emitter, enum value_kind kind, const char *key,
			    const char *label, uint64_t before, uint64_t after)
{
	emitter->ops->value(emitter, key, label,
			    &(struct value){
				    .kind = kind,
				    .known = before != HEAPSPY_UNKNOWN && after != HEAPSPY_UNKNOWN,
				    .integer = (int64_t)(after - before),
			    });
}

void emit_change(struct emitter *emitter, const char *key, const char *label, uint64_t before,
		 uint64_t after)
{
	emit_difference(emitter, VALUE_CHANGE, key, label, before, after);
}

void emit_bytes_change(struct emitter *emitter, const char *key, const char *label, uint64_t before,
		       uint64_t after)
{
	emit_difference(emitter, VALUE_BYTES_CHANGE, key, label, before, after);
}

void emit_flag(struct emitter *emitter, const char *key, const char *label, bool flag,
	       const char *yes, const char *no)
{
	emitter->ops->value(
		emitter, key, label,
		&(struct value){.kind = VALUE_FLAG, .known = true, .flag = {flag, yes, no}});
}

void emit_check(struct emitter *emitter, const char *key, const char *label, bool passed)
{
	emitter->ops->value(emitter, key, label,
			    &(struct value){
				    .kind = VALUE_CHECK,
				    .known = true,
				    .flag = {passed, "ok", "FAILED"},
			    });
}

static void emit_texts(struct emitter *emitter, enum value_kind kind, const char *key,
		       const char *label, const char *const *texts, size_t count)
{
	emitter->ops->value(emitter, key, label,
			    &(struct value){.kind = kind, .known = true, .texts = {texts, count}});
}

void emit_command(struct emitter *emitter, const char *key, const char *label,
		  const char *const *arguments)
{
	size_t count = 0;
	while (arguments[count])
		count++;
	emit_texts(emitter, VALUE_COMMAND, key, label, arguments, count);
}

void emit_remarks(struct emitter *emitter, const char *key, const char *label,
		  const char *const *remarks, size_t count)
{
	emit_texts(emitter, VALUE_REMARKS, key, label, remarks, count);
}

void emit_plot(struct emitter *emitter, const struct plot *plot)
{
	emitter->ops->value(emitter, NULL, "",
			    &(struct value){.kind = VALUE_PLOT, .known = true, .plot = plot});
}
