/* SPDX-License-Identifier: MIT */
#include <heapspy/diff.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

DEFINE_CLEANUP(struct heapspy_diff *, heapspy_diff_free)

void heapspy_diff_free(struct heapspy_diff *diff)
{
	if (!diff)
		return;
	for (size_t i = 0; i < diff->incomplete_count; i++)
		free(diff->incomplete[i]);
	free(diff->incomplete);
	free(diff->types);
	free(diff);
}

/* ---- numbers ------------------------------------------------------------- */

static bool is_known(const struct heapspy_change *change)
{
	return change->before != HEAPSPY_UNKNOWN && change->after != HEAPSPY_UNKNOWN;
}

int heapspy_change_compare(const struct heapspy_change *left, const struct heapspy_change *right)
{
	if (!is_known(left) || !is_known(right))
		return is_known(right) - is_known(left);
	/* Neither is above INT64_MAX: see add(). */
	int64_t grew_left = (int64_t)(left->after - left->before);
	int64_t grew_right = (int64_t)(right->after - right->before);
	return (grew_left < grew_right) - (grew_left > grew_right);
}

/* A sum that no heap has is not known: files say what they like. */
static void add(uint64_t *total, uint64_t number)
{
	bool known = *total <= INT64_MAX && number <= INT64_MAX;
	*total = known && *total + number <= INT64_MAX ? *total + number : HEAPSPY_UNKNOWN;
}

static uint64_t bounded(uint64_t number)
{
	return number <= INT64_MAX ? number : HEAPSPY_UNKNOWN;
}

/* ---- types ---------------------------------------------------------------- */

/* A type object of either dump. */
struct row {
	const struct heapspy_type *type;
	bool is_after;
};

static int by_name(const void *a, const void *b)
{
	const struct row *left = a, *right = b;
	return strcmp(left->type->name, right->type->name);
}

static int by_growth(const void *a, const void *b)
{
	const struct heapspy_type_change *left = a, *right = b;
	return heapspy_change_compare(&left->bytes, &right->bytes)
		?: heapspy_change_compare(&left->objects, &right->objects)
		?: strcmp(left->name, right->name);
}

/* Does a dump list all its types? */
static bool is_whole(const struct heapspy_dump *dump)
{
	uint64_t objects = 0, bytes = 0;
	for (size_t i = 0; i < dump->type_count; i++) {
		add(&objects, dump->types[i].objects);
		add(&bytes, dump->types[i].bytes);
	}
	return objects == dump->total.objects && bytes == dump->total.bytes;
}

static struct heapspy_change start_of(bool before_is_whole, bool after_is_whole)
{
	return (struct heapspy_change){
		.before = before_is_whole ? 0 : HEAPSPY_UNKNOWN,
		.after = after_is_whole ? 0 : HEAPSPY_UNKNOWN,
	};
}

/* All rows of one name, from rows[0] on: how many. */
static size_t take_name(const struct row *rows, size_t count, const bool whole[2],
			struct heapspy_type_change *ret_change)
{
	const char *name = rows[0].type->name;
	bool seen[2] = {whole[0], whole[1]};
	size_t taken = 0;
	while (taken < count && strcmp(rows[taken].type->name, name) == 0)
		seen[rows[taken++].is_after] = true;
	struct heapspy_type_change change = {
		.name = name,
		.objects = start_of(seen[0], seen[1]),
		.bytes = start_of(seen[0], seen[1]),
	};
	for (size_t i = 0; i < taken; i++) {
		const struct heapspy_type *type = rows[i].type;
		bool after = rows[i].is_after;
		add(after ? &change.objects.after : &change.objects.before, type->objects);
		add(after ? &change.bytes.after : &change.bytes.before, type->bytes);
	}
	*ret_change = change;
	return taken;
}

static size_t add_rows(struct row *rows, const struct heapspy_dump *dump, bool is_after)
{
	for (size_t i = 0; i < dump->type_count; i++)
		rows[i] = (struct row){&dump->types[i], is_after};
	return dump->type_count;
}

static bool has_changed(const struct heapspy_type_change *type)
{
	return type->objects.before != type->objects.after ||
	       type->bytes.before != type->bytes.after;
}

static struct heapspy_error *match_types(struct heapspy_diff *diff,
					 const struct heapspy_dump *before,
					 const struct heapspy_dump *after, const bool whole[2])
{
	size_t most = before->type_count + after->type_count;
	CLEANUP(freep) struct row *rows = calloc(most + 1, sizeof(*rows));
	diff->types = calloc(most + 1, sizeof(*diff->types));
	if (!rows || !diff->types)
		return error_no_memory();
	size_t count = add_rows(rows, before, false);
	count += add_rows(rows + count, after, true);
	qsort(rows, count, sizeof(*rows), by_name);
	for (size_t i = 0; i < count;) {
		struct heapspy_type_change *type = &diff->types[diff->type_count++];
		i += take_name(rows + i, count - i, whole, type);
		diff->changed += has_changed(type);
	}
	qsort(diff->types, diff->type_count, sizeof(*diff->types), by_growth);
	return NULL;
}

/* ---- what is missing -------------------------------------------------------- */

static bool add_reason(struct heapspy_diff *diff, const char *which, const char *reason)
{
	char **reasons =
		reallocarray(diff->incomplete, diff->incomplete_count + 1, sizeof(*reasons));
	if (!reasons)
		return false;
	diff->incomplete = reasons;
	if (asprintf(&reasons[diff->incomplete_count], "%s: %s", which, reason) < 0)
		return false;
	diff->incomplete_count++;
	return true;
}

static bool add_reasons(struct heapspy_diff *diff, const char *which,
			const struct heapspy_dump *dump, bool whole)
{
	for (size_t i = 0; i < dump->incomplete_count; i++)
		if (!add_reason(diff, which, dump->incomplete[i]))
			return false;
	return whole || add_reason(diff, which, "types were left out of it by a limit or a filter");
}

struct heapspy_error *heapspy_diff_make(const struct heapspy_dump *before,
					const struct heapspy_dump *after,
					struct heapspy_diff **ret_diff)
{
	CLEANUP(heapspy_diff_freep) struct heapspy_diff *diff = calloc(1, sizeof(*diff));
	if (!diff)
		return error_no_memory();
	diff->objects.before = bounded(before->total.objects);
	diff->objects.after = bounded(after->total.objects);
	diff->bytes.before = bounded(before->total.bytes);
	diff->bytes.after = bounded(after->total.bytes);
	bool whole[2] = {is_whole(before), is_whole(after)};
	struct heapspy_error *error = match_types(diff, before, after, whole);
	if (error)
		return error;
	if (!add_reasons(diff, "before", before, whole[0]) ||
	    !add_reasons(diff, "after", after, whole[1]))
		return error_no_memory();
	*ret_diff = take_pointer(diff);
	return NULL;
}
